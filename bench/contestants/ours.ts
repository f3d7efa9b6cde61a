/** Our own driver and client, on each of its transports. */
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../src/util/version.ts';
import type { Contestant, SideRun } from '../contestant.ts';

const SIDE = fileURLToPath(new URL('../sides/ours.js', import.meta.url));

export const oursDpdk: Contestant = ours(
  'ours-dpdk',
  'aeron-bypass, DPDK',
  'Our driver and client over a DPDK wire in shared memory, one thread a side.',
  ['wire=dpdk', '-Daeron.network.publication.max.messages.per.send=16'],
);

export const oursKernel: Contestant = ours(
  'ours-kernel',
  'aeron-bypass, kernel sockets',
  'Our driver and client over UDP sockets on loopback, a datagram a packet, one thread a side.',
  ['wire=kernel', '-Daeron.udp.gso=false'],
);

export const oursKernelGso: Contestant = ours(
  'ours-kernel-gso',
  'aeron-bypass, kernel sockets with GSO/GRO',
  'Our driver and client over UDP sockets on loopback, where the kernel carries segments without splitting them.',
  ['wire=kernel'],
);

function ours(name: string, title: string, note: string, more: readonly string[]): Contestant {
  return {
    name,
    title,
    note,
    build: async () => {},
    supports: () => true,
    command: (run) => ({ file: process.execPath, args: [SIDE, ...wordsOf(run), ...more] }),
    version: async () => `aeron-bypass ${VERSION}, Node.js ${process.version}`,
  };
}

/** A run as `key=value` words, as every side takes it. */
function wordsOf(run: SideRun): string[] {
  return Object.entries(run).map(([name, value]) => `${name}=${value}`);
}
