import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { messageOf } from '../../util/errors.ts';

const HUGEPAGES = '/sys/kernel/mm/hugepages';
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
 * Makes sure that `count` hugepages of 2 MiB are free, by asking the kernel for more where that is allowed (root). They stay
 * reserved. No hugetlbfs needs to be mounted: EAL takes them with `--in-memory`.
 */
export function reserveHugepages(count: number): HugepageReservation {
  try {
    const missing = count - readNumber(`${PAGES_2_MIB}/free_hugepages`);
    if (missing > 0) {
      const total = readNumber(`${PAGES_2_MIB}/nr_hugepages`);
      writeFileSync(`${PAGES_2_MIB}/nr_hugepages`, String(total + missing));
    }
    const free = readNumber(`${PAGES_2_MIB}/free_hugepages`);
    if (free >= count) return { reserved: true, reason: '' };
    return { reserved: false, reason: `the kernel found memory for ${free} of ${count} hugepages of 2 MiB.` };
  } catch (error) {
    return {
      reserved: false,
      reason: `${count} hugepages of 2 MiB could not be reserved (${messageOf(error)}); root can, with "sysctl vm.nr_hugepages=${count}".`,
    };
  }
}

function readNumber(path: string): number {
  return Number(readFileSync(path, 'latin1'));
}
