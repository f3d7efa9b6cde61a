import type { Contestant } from '../contestant.ts';
import { bareStack } from './bare-stack.ts';
import { dgram } from './dgram.ts';
import { nats } from './nats.ts';
import { officialC } from './official-c.ts';
import { officialJava } from './official-java.ts';
import { oursDpdk, oursFromVhost, oursKernel, oursKernelGso, oursZeroCopy } from './ours.ts';
import { rawDpdk } from './raw-dpdk.ts';
import { rawUdp, rawUdpGso } from './raw-udp.ts';
import { zeromq } from './zeromq.ts';

/** Everything that is compared, in the order of tables and charts. */
export const CONTESTANTS: readonly Contestant[] = [
  oursDpdk,
  oursKernel,
  oursKernelGso,
  oursFromVhost,
  oursZeroCopy,
  officialJava,
  officialC,
  bareStack,
  rawDpdk,
  rawUdp,
  rawUdpGso,
  dgram,
  zeromq,
  nats,
];
