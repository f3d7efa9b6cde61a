import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { messageOf } from '../../util/errors.ts';

const HUGEPAGES = '/sys/kernel/mm/hugepages';
const PAGE_BYTES = 2 * 1024 * 1024;
const PAGES_2_MIB = `${HUGEPAGES}/hugepages-2048kB`;

/** Free hugepages of every size, in bytes; 0 when the kernel has none at all. */
export function freeHugepageBytes(): number {
  let bytes = 0;
  try {
    for (const folder of readdirSync(HUGEPAGES)) {
      const kib = Number(/^hugepages-(\d+)kB$/.exec(folder)?.[1] ?? 0);
      bytes += kib * 1024 * readNumber(`${HUGEPAGES}/${folder}/free_hugepages`);
    }
  } catch {
    return 0; // A kernel without hugepages has no such folder.
  }
  return bytes;
}

/** What became of {@link reserveHugepages}. */
export interface HugepageReservation {
  readonly reserved: boolean;
  /** Why not, as a sentence; `''` when they are. */
  readonly reason: string;
}

/**
 * Makes sure that `count` hugepages of 2 MiB are free, by asking the kernel for more where that is allowed (root) and leaves
 * half of the memory that is available to others. They stay reserved; when not all are to be had, none is added. No
 * hugetlbfs needs to be mounted: EAL takes them with `--in-memory`.
 */
export function reserveHugepages(count: number): HugepageReservation {
  try {
    const missing = count - readNumber(`${PAGES_2_MIB}/free_hugepages`);
    if (missing <= 0) return { reserved: true, reason: '' };
    const affordable = Math.floor(availableMemoryBytes() / 2 / PAGE_BYTES);
    if (missing > affordable) {
      const reason = `${missing} more hugepages of 2 MiB would take over half of the memory available; ${affordable} would not.`;
      return { reserved: false, reason };
    }
    const total = readNumber(`${PAGES_2_MIB}/nr_hugepages`);
    writeFileSync(`${PAGES_2_MIB}/nr_hugepages`, String(total + missing));
    const free = readNumber(`${PAGES_2_MIB}/free_hugepages`);
    if (free >= count) return { reserved: true, reason: '' };
    writeFileSync(`${PAGES_2_MIB}/nr_hugepages`, String(total));
    return {
      reserved: false,
      reason: `the kernel found memory for ${free} of ${count} hugepages of 2 MiB; what it has is in small pieces.`,
    };
  } catch (error) {
    return {
      reserved: false,
      reason: `${count} hugepages of 2 MiB could not be reserved (${messageOf(error)}); root can, with "sysctl vm.nr_hugepages=${count}".`,
    };
  }
}

function availableMemoryBytes(): number {
  const kib = /^MemAvailable:\s*(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
  return Number(kib ?? 0) * 1024;
}

function readNumber(path: string): number {
  return Number(readFileSync(path, 'latin1'));
}
