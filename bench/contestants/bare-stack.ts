import { fileURLToPath } from 'node:url';
import { V8_FLAGS } from '../../src/util/v8-flags.ts';
import { VERSION } from '../../src/util/version.ts';
import { type Contestant, sideArguments } from '../contestant.ts';
import { isPlainRun } from './compile-raw.ts';

const SIDE = fileURLToPath(new URL('../sides/bare-stack.js', import.meta.url));

/** Our stack, without Aeron on top. */
export const bareStack: Contestant = {
  name: 'bare-stack',
  title: 'our IP stack alone, DPDK',
  note:
    'Our Ethernet, ARP, IPv4 and UDP in TypeScript over the same DPDK wire, one message a packet, given to the ' +
    'endpoint of its port: no Aeron, so no flow control and no recovery.',
  build: async () => {},
  supports: (run) => isPlainRun(run) && run.messageLength <= run.mtu,
  command: (run) => ({ file: process.execPath, args: [...V8_FLAGS, SIDE, ...sideArguments(run)] }),
  version: async () => `aeron-bypass ${VERSION}, Node.js ${process.version}`,
};
