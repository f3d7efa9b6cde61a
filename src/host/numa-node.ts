import type { Host } from './host.ts';

/** Hugepages of one size on one node. */
export interface HugepagePool {
  readonly sizeKb: number;
  readonly total: number;
  readonly free: number;
}

export interface NumaNode {
  readonly id: number;
  readonly cpus: readonly number[];
  /** Distance to every node, by the order of nodes; 10 is its own memory. Empty where the machine does not say. */
  readonly distances: readonly number[];
  readonly memoryKb: number;
  readonly freeMemoryKb: number;
  /** By page size. */
  readonly hugepages: readonly HugepagePool[];
}

const NODES = '/sys/devices/system/node';

/** Every node with CPUs or memory; one, of all there is, where the kernel was built without NUMA. */
export function readNumaNodes(host: Host): NumaNode[] {
  const ids = host
    .names(NODES)
    .filter((name) => /^node\d+$/.test(name))
    .map((name) => Number(name.slice(4)))
    .sort((a, b) => a - b);
  return ids.length === 0 ? [wholeMachine(host)] : ids.map((id) => readNode(host, id));
}

/** `0-2,8` to 0, 1, 2, 8. */
export function parseCpuList(text: string): number[] {
  return text
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

function readNode(host: Host, id: number): NumaNode {
  const folder = `${NODES}/node${id}`;
  const memory = host.text(`${folder}/meminfo`) ?? '';
  return {
    id,
    cpus: parseCpuList(host.text(`${folder}/cpulist`) ?? ''),
    distances: (host.text(`${folder}/distance`) ?? '').split(/\s+/).filter(Boolean).map(Number),
    memoryKb: memoryField(memory, 'MemTotal'),
    freeMemoryKb: memoryField(memory, 'MemFree'),
    hugepages: readPools(host, `${folder}/hugepages`),
  };
}

function wholeMachine(host: Host): NumaNode {
  const memory = host.text('/proc/meminfo') ?? '';
  return {
    id: 0,
    cpus: parseCpuList(host.text('/sys/devices/system/cpu/online') ?? ''),
    distances: [],
    memoryKb: memoryField(memory, 'MemTotal'),
    freeMemoryKb: memoryField(memory, 'MemFree'),
    hugepages: readPools(host, '/sys/kernel/mm/hugepages'),
  };
}

function readPools(host: Host, folder: string): HugepagePool[] {
  return host
    .names(folder)
    .flatMap((name) => {
      const size = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      if (size === undefined) return [];
      const total = host.number(`${folder}/${name}/nr_hugepages`) ?? 0;
      return [{ sizeKb: Number(size), total, free: host.number(`${folder}/${name}/free_hugepages`) ?? 0 }];
    })
    .sort((a, b) => a.sizeKb - b.sizeKb);
}

/** Lines are `MemTotal: 1 kB`, those of a node `Node 0 MemTotal: 1 kB`. */
function memoryField(text: string, name: string): number {
  return Number(new RegExp(`\\b${name}:\\s*(\\d+)`).exec(text)?.[1] ?? 0);
}
