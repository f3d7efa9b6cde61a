import { BURST_CAPACITY } from '../../device/device.ts';
import { type NumaNode, readNumaNodes } from '../../host/numa-node.ts';
import {
  bytes,
  type Check,
  type Finding,
  ok,
  type Patient,
  problem,
  type Repair,
  warning,
} from '../finding.ts';

const MIB = 1 << 20;
/** What EAL and a driver of a card take beside the buffers: rings, device data, fragments of pages. */
const EAL_BYTES = 32 * MIB;
/** Of a buffer: DPDK's descriptor of it, headroom, and what a mempool adds. */
const BUFFER_OVERHEAD_BYTES = 128 + 128 + 64;
const FRAME_BYTES = 2048;
/** Of the memory that is available, `--fix` takes no more than this part. */
const AFFORDABLE = 0.5;

/** Bytes of hugepages that a driver with these settings asks for, on the node of its card. */
export function neededHugepageBytes({ options }: Pick<Patient, 'options'>): number {
  const { dpdkRxQueueSize, dpdkTxQueueSize, dpdkRxMempoolCacheSize, networkAgents, dpdkMtu } = options;
  const buffers = dpdkRxQueueSize + dpdkTxQueueSize + 4 * BURST_CAPACITY + 4 * dpdkRxMempoolCacheSize;
  const bufferBytes = Math.max(FRAME_BYTES, dpdkMtu) + BUFFER_OVERHEAD_BYTES;
  return networkAgents * buffers * bufferBytes + EAL_BYTES;
}

/** Hugepages on every node that has a card, against what the settings need. */
export const hugepages: Check = {
  name: 'hugepages',
  run: (patient) => {
    const { options, chosenCards, host, wantsDpdk } = patient;
    if (!wantsDpdk) return [];
    if (options.ealArguments.includes('--no-huge')) {
      return [
        warning(
          'EAL has --no-huge: packet buffers are in ordinary pages',
          'cards cannot reach those on most machines, and every 4 KiB need an entry of their own in the TLB',
          'leave --no-huge out, except for virtual devices',
        ),
      ];
    }
    const nodes = readNumaNodes(host);
    const wanted = chosenCards.map(({ numaNode }) => nodes.find(({ id }) => id === numaNode) ?? nodes[0]!);
    const needed = neededHugepageBytes(patient);
    return [...new Set(wanted.length === 0 ? nodes.slice(0, 1) : wanted)].map((node) =>
      ofNode(node, needed, nodes),
    );
  },
};

function ofNode(node: NumaNode, needed: number, nodes: readonly NumaNode[]): Finding {
  const free = node.hugepages.reduce((sum, pool) => sum + pool.free * pool.sizeKb * 1024, 0);
  const where = nodes.length > 1 ? ` on NUMA node ${node.id}` : '';
  if (free >= needed) return ok(`${bytes(free)} of hugepages are free${where}, ${bytes(needed)} are needed`);
  const pool = node.hugepages.find(({ sizeKb }) => sizeKb === 2048);
  const missing = Math.ceil((needed - free) / (2 * MIB));
  const pages = (pool?.total ?? 0) + missing;
  const path =
    nodes.length > 1
      ? `/sys/devices/system/node/node${node.id}/hugepages/hugepages-2048kB/nr_hugepages`
      : '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
  const repair: Repair = {
    text: `echo ${pages} > ${path}`,
    apply: (host) => {
      host.write(path, String(pages));
      const got = host.number(path) ?? 0;
      if (got < pages)
        throw new Error(`the kernel found memory for ${got} of ${pages} pages: reserve them at boot`);
    },
  };
  const isAffordable = missing * 2 * MIB < AFFORDABLE * node.freeMemoryKb * 1024;
  return problem(
    `${bytes(free)} of hugepages are free${where}, ${bytes(needed)} are needed`,
    'DPDK keeps packet buffers in hugepages and does not start without them',
    `${repair.text}, and at boot: hugepages=${pages} on the kernel's command line`,
    isAffordable ? repair : undefined,
  );
}
