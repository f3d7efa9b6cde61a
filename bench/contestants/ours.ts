/** Our own driver and client, on each of its transports. */
import { fileURLToPath } from 'node:url';
import { V8_FLAGS } from '../../src/util/v8-flags.ts';
import { VERSION } from '../../src/util/version.ts';
import { type Contestant, sideArguments } from '../contestant.ts';

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

export const oursFromVhost: Contestant = atOtherEnd(
  'ours-dpdk-copy',
  'aeron-bypass, DPDK, from net_vhost',
  'As over DPDK, but the sender has the other end of the wire: payloads are copied into packets, and those into the ring.',
  0,
);

export const oursZeroCopy: Contestant = atOtherEnd(
  'ours-dpdk-zero-copy',
  'aeron-bypass, DPDK, from net_vhost, zero copy',
  'The same, with payloads going into the ring from where they lie in the log.',
  256,
);

/** The sender has the end of the wire that can read payloads where they lie. */
function atOtherEnd(name: string, title: string, note: string, threshold: number): Contestant {
  const more = ['wire=dpdk', `-Daeron.dpdk.tx.zero.copy.threshold=${threshold}`];
  const contestant = ours(name, title, note, more);
  return {
    ...contestant,
    command: (run) => {
      const { file, args } = contestant.command(run);
      return { file, args: [...args, `end=${run.side === 0 ? 'b' : 'a'}`] };
    },
  };
}

function ours(name: string, title: string, note: string, more: readonly string[]): Contestant {
  return {
    name,
    title,
    note,
    build: async () => {},
    supports: () => true,
    command: (run) => ({ file: process.execPath, args: [...V8_FLAGS, SIDE, ...sideArguments(run), ...more] }),
    version: async () => `aeron-bypass ${VERSION}, Node.js ${process.version}`,
  };
}
