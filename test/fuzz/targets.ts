import { CncTarget } from './cnc-target.ts';
import { CommandTarget } from './command-target.ts';
import { PacketTarget } from './packet-target.ts';
import { ReceiveTarget } from './receive-target.ts';
import { SendTarget } from './send-target.ts';
import type { FuzzTargetKind } from './target.ts';

/** Everything that takes input from strangers. The counts make ten million frames and a million commands. */
export const TARGETS: readonly FuzzTargetKind[] = [
  { name: 'receive', count: 4_000_000, isFrames: true, create: (prng) => new ReceiveTarget(prng) },
  { name: 'send', count: 3_500_000, isFrames: true, create: (prng) => new SendTarget(prng) },
  { name: 'packet', count: 3_500_000, isFrames: true, create: (prng) => new PacketTarget(prng) },
  { name: 'command', count: 1_100_000, isFrames: false, create: (prng) => new CommandTarget(prng) },
  { name: 'cnc', count: 1_000_000, isFrames: false, create: (prng) => new CncTarget(prng) },
];
