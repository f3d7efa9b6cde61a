import { ClientMemoryTarget } from './client-memory-target.ts';
import { CncTarget } from './cnc-target.ts';
import { CommandTarget } from './command-target.ts';
import { Ipv6Target } from './ipv6-target.ts';
import { PacketTarget } from './packet-target.ts';
import { ReceiveTarget } from './receive-target.ts';
import { ResolverTarget } from './resolver-target.ts';
import { SendTarget } from './send-target.ts';
import type { FuzzTargetKind } from './target.ts';

/** Everything that takes input from strangers. */
export const TARGETS: readonly FuzzTargetKind[] = [
  { name: 'receive', count: 4_800_000, makes: 'frames', create: (prng) => new ReceiveTarget(prng) },
  { name: 'send', count: 4_000_000, makes: 'frames', create: (prng) => new SendTarget(prng) },
  { name: 'packet', count: 4_000_000, makes: 'frames', create: (prng) => new PacketTarget(prng) },
  { name: 'ipv6', count: 2_000_000, makes: 'frames', create: (prng) => new Ipv6Target(prng) },
  { name: 'resolver', count: 1_000_000, makes: 'frames', create: (prng) => new ResolverTarget(prng) },
  { name: 'command', count: 1_800_000, makes: 'commands', create: (prng) => new CommandTarget(prng) },
  { name: 'cnc', count: 1_000_000, makes: 'others', create: (prng) => new CncTarget(prng) },
  { name: 'memory', count: 500_000, makes: 'others', create: (prng) => new ClientMemoryTarget(prng) },
];
