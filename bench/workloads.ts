/** What is measured, and of whom. */
import type { WorkloadRun } from './contestant.ts';

/** One measurement that is repeated, round by round, with each of its contestants in turn. */
export interface Workload {
  /** As in `--workload`. */
  readonly name: string;
  readonly title: string;
  /** Workloads that belong in one chart or table. */
  readonly group: Group;
  readonly run: WorkloadRun;
  readonly contestants: readonly string[];
  /** Fewer rounds than asked for, where one takes a minute. */
  readonly roundsMax: number;
  /** Part of `--quick`. */
  readonly isCore: boolean;
}

export type Group =
  | 'throughput'
  | 'throughput-mtu-8192'
  | 'round-trip'
  | 'rate'
  | 'ipc'
  | 'streams'
  | 'clients'
  | 'loss'
  | 'packets'
  | 'zero-copy'
  | 'cold-start'
  | 'steady';

const OURS = ['ours-dpdk', 'ours-kernel', 'ours-kernel-gso'];
const OFFICIAL = ['official-java', 'official-c'];
const RAW = ['raw-dpdk', 'raw-udp', 'raw-udp-gso'];
const NODE = ['dgram', 'zeromq', 'nats'];
/** IPC has no wire, so one of ours stands for all. */
const IPC = ['ours-kernel', ...OFFICIAL];

const STREAM: WorkloadRun = {
  role: 'publish',
  media: 'udp',
  messageLength: 288,
  mtu: 1408,
  streams: 1,
  clients: 1,
  rate: 0,
  lossRate: 0,
  warmUpMs: 1500,
  durationMs: 2000,
};
/** Where there are many of a kind. */
const SHORT = { durationMs: 1500 };
const MINUTE = { warmUpMs: 5000, durationMs: 60_000 };
const UNLIMITED_ROUNDS = 1000;
/** What the bar does not judge: enough to see that a figure is no accident, in an hour that has an end. */
const BESIDE = { roundsMax: 2 };

function workload(
  group: Group,
  name: string,
  title: string,
  contestants: readonly string[],
  run: Partial<WorkloadRun>,
  more: { isCore?: boolean; roundsMax?: number } = {},
): Workload {
  const { isCore = false, roundsMax = UNLIMITED_ROUNDS } = more;
  return { name, title, group, run: { ...STREAM, ...run }, contestants, roundsMax, isCore };
}

const PING = { role: 'ping' } as const;
const CORE = { isCore: true };

const THROUGHPUT: readonly Workload[] = [
  ...[32, 288, 1344].map((messageLength) =>
    workload(
      'throughput',
      `throughput-${messageLength}`,
      `${messageLength.toLocaleString('en')} B`,
      [...OURS, ...OFFICIAL, ...RAW, ...NODE],
      { messageLength },
      CORE,
    ),
  ),
  workload(
    'throughput',
    'throughput-16384',
    '16,384 B',
    [...OURS, ...OFFICIAL],
    { messageLength: 16_384 },
    BESIDE,
  ),
  ...[288, 16_384].map((messageLength) =>
    workload(
      'throughput-mtu-8192',
      `throughput-${messageLength}-mtu-8192`,
      `${messageLength.toLocaleString('en')} B`,
      [...OURS, ...OFFICIAL],
      { messageLength, mtu: 8192, ...SHORT },
      BESIDE,
    ),
  ),
];

const ROUND_TRIPS: readonly Workload[] = [
  workload(
    'round-trip',
    'round-trip',
    'one in flight',
    [...OURS, ...OFFICIAL, 'raw-dpdk', 'raw-udp', ...NODE],
    PING,
    CORE,
  ),
  ...[100_000, 500_000].map((rate) =>
    workload(
      'rate',
      `round-trip-${rate / 1000}k`,
      `${rate / 1000},000 messages/s`,
      [...OURS, ...OFFICIAL, 'raw-dpdk', 'raw-udp'],
      { ...PING, rate, ...SHORT },
      BESIDE,
    ),
  ),
];

const IPC_ALL: readonly Workload[] = [
  workload('ipc', 'ipc-throughput-32', 'IPC, 32 B', IPC, { media: 'ipc', messageLength: 32 }, CORE),
  workload('ipc', 'ipc-throughput-288', 'IPC, 288 B', IPC, { media: 'ipc', ...SHORT }, BESIDE),
  workload('ipc', 'ipc-round-trip', 'IPC, one in flight', IPC, { ...PING, media: 'ipc', ...SHORT }, BESIDE),
  ...[100_000, 500_000].map((rate) =>
    workload(
      'ipc',
      `ipc-round-trip-${rate / 1000}k`,
      `IPC, ${rate / 1000},000 messages/s`,
      IPC,
      { ...PING, media: 'ipc', rate, ...SHORT },
      BESIDE,
    ),
  ),
];

const SCALING: readonly Workload[] = [
  // The smallest logs there are, for all of them alike, so that a thousand fit into memory.
  ...[1, 10, 100, 1000].map((streams) =>
    workload('streams', `streams-${streams}`, `${streams}`, [...OURS, 'official-c'], {
      // A message a packet, with one stream as with many.
      messageLength: 1344,
      streams,
      termLength: 65_536,
      // The first time round, each page of a thousand logs is a page fault.
      warmUpMs: 4000,
      ...SHORT,
    }),
  ),
  ...[1, 10, 100].map((clients) =>
    workload(
      'clients',
      `clients-${clients}`,
      `${clients}`,
      ['ours-dpdk', 'ours-kernel'],
      {
        clients,
        termLength: 65_536,
        ...SHORT,
      },
      BESIDE,
    ),
  ),
  ...[1, 5].map((percent) =>
    workload(
      'loss',
      `loss-${percent}`,
      `${percent} %`,
      [...OURS, ...OFFICIAL],
      {
        lossRate: percent / 100,
        ...SHORT,
      },
      BESIDE,
    ),
  ),
];

const PACKETS: Workload = workload(
  'packets',
  'packets-64',
  '64 B',
  ['bare-stack', ...RAW],
  { messageLength: 64 },
  CORE,
);

/** What it is worth that payloads are not copied into packets. */
const ZERO_COPY: readonly Workload[] = (
  [
    [32, 1408],
    [288, 1408],
    [1344, 1408],
    [16_384, 8192],
  ] as const
).map(([messageLength, mtu]) =>
  workload(
    'zero-copy',
    `zero-copy-${messageLength}`,
    `${messageLength.toLocaleString('en')} B`,
    ['ours-dpdk-copy', 'ours-dpdk-zero-copy'],
    { messageLength, mtu, ...SHORT },
    { roundsMax: 3 },
  ),
);

const COLD_START: Workload = workload(
  'cold-start',
  'cold-start',
  'cold start',
  [...OURS, ...OFFICIAL],
  { warmUpMs: 0, durationMs: 4000 },
  CORE,
);

/** A minute each: the tail, and what the garbage collector does. */
const STEADY: readonly Workload[] = [
  workload(
    'steady',
    'tail-100k',
    '100,000 messages/s for 60 s',
    ['ours-dpdk', 'raw-dpdk'],
    { ...PING, rate: 100_000, ...MINUTE },
    { roundsMax: 1 },
  ),
  ...(
    [
      ['steady-throughput', 'throughput, 288 B', 'ours-dpdk', {}],
      ['steady-kernel', 'throughput, 288 B', 'ours-kernel-gso', {}],
      ['steady-ipc', 'IPC throughput, 288 B', 'ours-kernel', { media: 'ipc' }],
      ['steady-16384', 'throughput, 16,384 B', 'ours-dpdk', { messageLength: 16_384 }],
      ['steady-streams', 'throughput, 1,000 streams', 'ours-dpdk', { streams: 1000, termLength: 65_536 }],
      ['steady-loss', 'throughput, 5 % loss', 'ours-dpdk', { lossRate: 0.05 }],
    ] as const
  ).map(([name, title, contestant, run]) =>
    workload('steady', name, title, [contestant], { ...run, ...MINUTE }, { roundsMax: 1 }),
  ),
];

/** All of them, in the order of a round. */
export const WORKLOADS: readonly Workload[] = [
  ...THROUGHPUT,
  ...ROUND_TRIPS,
  ...IPC_ALL,
  ...SCALING,
  PACKETS,
  ...ZERO_COPY,
  COLD_START,
  ...STEADY,
];
