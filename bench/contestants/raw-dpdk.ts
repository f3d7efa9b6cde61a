import { join } from 'node:path';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { type Contestant, type SideRun, sideArguments } from '../contestant.ts';
import { compileRaw, isPlainRun, output, rawProgram } from './compile-raw.ts';

/** EAL arguments of one side of the wire that every DPDK contestant uses. */
export function wireArguments({ side, folder, hugepages }: SideRun): string[] {
  return sharedMemoryWire({
    role: side === 0 ? 'a' : 'b',
    socketPath: join(folder, 'wire.sock'),
    useHugepages: hugepages,
  }).ealArguments;
}

/** The limit of the wire. */
export const rawDpdk: Contestant = {
  name: 'raw-dpdk',
  title: 'raw C, DPDK',
  note:
    'A loop in C that writes and reads UDP messages on the same DPDK wire, one a packet: no flow control, no recovery, ' +
    'no client.',
  async build() {
    await compileRaw('raw-dpdk', 'libdpdk').catch((error: Error) => {
      throw new Error(`raw-dpdk needs libdpdk (apt-get install libdpdk-dev): ${error.message}`, {
        cause: error,
      });
    });
  },
  supports: (run) => isPlainRun(run) && run.messageLength <= run.mtu,
  command: (run) => ({
    file: rawProgram('raw-dpdk'),
    args: [...sideArguments(run), '--', ...wireArguments(run)],
  }),
  version: async () => `DPDK ${await output('pkg-config', ['--modversion', 'libdpdk'])}`,
};
