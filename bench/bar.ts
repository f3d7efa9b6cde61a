/** The bar: what has to be reached, as ratios within one run of the benchmark. Pure. */
import {
  driverStartMs,
  type Figure,
  figuresOf,
  fullSpeedAfterMs,
  gcCount,
  messagesPerSecond,
  nsPerMessage,
  roundTripNs,
  spreadOfRuns,
} from './figures.ts';
import type { Run } from './run.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface BarRow {
  readonly name: string;
  /** Whether more is better; where less is, the bounds are upper bounds. */
  readonly direction: 'higher' | 'lower';
  /** '×' for a ratio. */
  readonly unit: string;
  /** Of a ratio: of the medians. null when a contestant did not run. */
  readonly value: number | null;
  /** Round by round. */
  readonly spread: Spread | null;
  /** null where there is an aim only. */
  readonly atLeast: number | null;
  readonly aim: number | null;
  /** `atLeast` is reached, or there is none and there is a value. */
  readonly met: boolean;
  readonly aimMet: boolean;
}

type Measured = Pick<BarRow, 'value' | 'spread'>;
type Measure = (runs: readonly Run[]) => Measured;
type Demand = Pick<BarRow, 'name' | 'direction' | 'unit' | 'atLeast' | 'aim'> & { readonly measure: Measure };

/** A workload and one of its contestants. */
type Subject = readonly [workload: string, contestant: string];

const NOTHING: Measured = { value: null, spread: null };

function ratio(figure: Figure, above: Subject, below: Subject): Measure {
  return (runs) => {
    const [ours, theirs] = [spreadOfRuns(runs, ...above, figure), spreadOfRuns(runs, ...below, figure)];
    if (ours === null || theirs === null) return NOTHING;
    const others = new Map(figuresOf(runs, ...below, figure).map(({ round, value }) => [round, value]));
    const ratios = figuresOf(runs, ...above, figure)
      .filter(({ round }) => others.has(round))
      .map(({ round, value }) => value / others.get(round)!);
    return { value: ours.median / theirs.median, spread: spreadOf(ratios) };
  };
}

function absolute(figure: Figure, subject: Subject): Measure {
  return (runs) => {
    const spread = spreadOfRuns(runs, ...subject, figure);
    return { value: spread?.median ?? null, spread };
  };
}

/** The worst of all runs of ours that last a minute. */
const collections: Measure = (runs) => {
  const counts = runs
    .filter(
      ({ workload, contestant }) => /^(?:tail|steady)-/.test(workload) && contestant.startsWith('ours-'),
    )
    .flatMap(({ measured }) => (measured === null ? [] : [gcCount(measured)]))
    .filter(Number.isFinite);
  const spread = spreadOf(counts);
  return { value: spread?.max ?? null, spread };
};

type Bounds = readonly [atLeast: number | null, aim: number | null];

const higher = (name: string, [atLeast, aim]: Bounds, measure: Measure, unit = '×'): Demand => ({
  name,
  direction: 'higher',
  unit,
  atLeast,
  aim,
  measure,
});
const lower = (name: string, bounds: Bounds, measure: Measure, unit = '×'): Demand => ({
  ...higher(name, bounds, measure, unit),
  direction: 'lower',
});

/** `ours` against `theirs` in one workload. */
const versus = (figure: Figure, workload: string, ours: string, theirs: string): Measure =>
  ratio(figure, [workload, ours], [workload, theirs]);
const dpdkThroughput = (length: number): Measure =>
  versus(messagesPerSecond, `throughput-${length}`, 'ours-dpdk', 'official-c');
const dpdkRoundTrip = (percent: number): Measure =>
  versus(roundTripNs(percent), 'round-trip', 'ours-dpdk', 'official-c');
const roundTripUs: Figure = (measured) => roundTripNs(50)(measured) / 1000;

const DEMANDS: readonly Demand[] = [
  higher('throughput, 288 B: DPDK wire / official C driver', [6, 10], dpdkThroughput(288)),
  higher('throughput, 32 B: DPDK wire / official C driver', [3, 5], dpdkThroughput(32)),
  higher('throughput, 1344 B: DPDK wire / official C driver', [6, 15], dpdkThroughput(1344)),
  lower('round trip, p50: DPDK wire / official C driver', [0.3, 0.15], dpdkRoundTrip(50)),
  lower('round trip, p99: DPDK wire / official C driver', [0.2, 0.15], dpdkRoundTrip(99)),
  lower('round trip, p99.9: DPDK wire / official C driver', [0.2, 0.15], dpdkRoundTrip(99.9)),
  lower('round trip, p50: DPDK wire', [null, 2], absolute(roundTripUs, ['round-trip', 'ours-dpdk']), 'µs'),
  lower(
    'p99.9 at 100,000 messages/s for 60 s: DPDK wire / raw C on DPDK',
    [10, 4],
    versus(roundTripNs(99.9), 'tail-100k', 'ours-dpdk', 'raw-dpdk'),
  ),
  higher(
    'packets/s, 64 B: bare stack / raw C on DPDK',
    [0.6, 0.8],
    versus(messagesPerSecond, 'packets-64', 'bare-stack', 'raw-dpdk'),
  ),
  higher(
    'packets/s, 64 B: bare stack',
    [null, 14.88],
    absolute((measured) => messagesPerSecond(measured) / 1e6, ['packets-64', 'bare-stack']),
    'M/s',
  ),
  higher(
    'packets/s per core, 64 B: bare stack / C sendmmsg and recvmmsg',
    [10, 20],
    versus(messagesPerSecond, 'packets-64', 'bare-stack', 'raw-udp'),
  ),
  higher(
    'throughput, 288 B: kernel sockets without GSO / official C driver',
    [0.8, 1],
    versus(messagesPerSecond, 'throughput-288', 'ours-kernel', 'official-c'),
  ),
  higher(
    'throughput, 288 B: kernel sockets with GSO / official C driver',
    [2, 4],
    versus(messagesPerSecond, 'throughput-288', 'ours-kernel-gso', 'official-c'),
  ),
  higher(
    'IPC throughput, 32 B: ours / official Java driver',
    [0.7, 1],
    versus(messagesPerSecond, 'ipc-throughput-32', 'ours-kernel', 'official-java'),
  ),
  higher(
    'IPC throughput, 32 B: ours / official C driver',
    [0.7, 1],
    versus(messagesPerSecond, 'ipc-throughput-32', 'ours-kernel', 'official-c'),
  ),
  lower('garbage collections in 60 s of steady state, any workload', [0, 0], collections, ''),
  lower(
    'cost per message: 1,000 streams / 1 stream, DPDK wire',
    [1.5, 1.2],
    ratio(nsPerMessage, ['streams-1000', 'ours-dpdk'], ['streams-1', 'ours-dpdk']),
  ),
  lower('driver start to ready', [300, null], absolute(driverStartMs, ['cold-start', 'ours-dpdk']), 'ms'),
  lower(
    'full speed after a cold start of the processes',
    [2, null],
    absolute((measured) => fullSpeedAfterMs(measured) / 1000, ['cold-start', 'ours-dpdk']),
    's',
  ),
];

/** A row for each figure that the bar names. */
export function barOf(runs: readonly Run[]): BarRow[] {
  return DEMANDS.map(({ measure, ...demand }) => {
    const measured = measure(runs);
    const reaches = (bound: number | null): boolean =>
      measured.value !== null &&
      (bound === null || (demand.direction === 'higher' ? measured.value >= bound : measured.value <= bound));
    return { ...demand, ...measured, met: reaches(demand.atLeast), aimMet: reaches(demand.aim) };
  });
}
