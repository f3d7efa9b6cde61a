/** A result of the benchmark that was never measured, with everything in it. */
import { barOf } from '../../bench/bar.ts';
import type { Histogram } from '../../bench/contestant.ts';
import type { BenchResult } from '../../bench/result.ts';
import type { Measurement, Run } from '../../bench/run.ts';
import { WORKLOADS, type Workload } from '../../bench/workloads.ts';
import { Prng } from '../../src/util/prng.ts';

/** Cost of a message of 0 bytes and of a byte, in ns; a round trip's median, in ns. */
const COSTS: Readonly<Record<string, readonly [message: number, byte: number, roundTrip: number]>> = {
  'ours-dpdk': [60, 0.35, 1900],
  'ours-kernel': [90, 2.6, 9800],
  'ours-kernel-gso': [80, 0.7, 10_400],
  'ours-dpdk-copy': [70, 0.4, 1900],
  'ours-dpdk-zero-copy': [80, 0.25, 1900],
  'bare-stack': [65, 0, 0],
  'official-java': [95, 2.5, 9900],
  'official-c': [75, 2.4, 8900],
  'raw-dpdk': [40, 0.05, 560],
  'raw-udp': [3200, 0.2, 6800],
  'raw-udp-gso': [75, 0.2, 0],
  dgram: [6500, 1, 90_000],
  zeromq: [900, 0.8, 70_000],
  nats: [1500, 2, 110_000],
};

export function fakeRun(
  workload: string,
  contestant: string,
  round: number,
  measured: Partial<Measurement>,
): Run {
  const side = { userMs: 2800, systemMs: 200, residentBytes: 90e6 };
  return {
    workload,
    contestant,
    round,
    commands: ['node side.js role=publish', 'node side.js role=count'],
    failure: '',
    measured: {
      messages: 1,
      elapsedNs: 1,
      lost: 0,
      readyMs: 300,
      windowMs: 400,
      usage: [side, side],
      ...measured,
    },
  };
}

/** `rounds` rounds of every workload; the same for the same seed. */
export function fakeResult(rounds: number, seed: number): BenchResult {
  const prng = new Prng(seed);
  const runs: Run[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const workload of WORKLOADS.filter(({ roundsMax }) => round <= roundsMax)) {
      for (const contestant of workload.contestants) {
        runs.push(fakeRun(workload.name, contestant, round, measure(workload, contestant, prng)));
      }
    }
  }
  return {
    started: '2026-01-02T03:04:05.000Z',
    command: 'npm run bench --',
    rounds,
    machine: {
      cpu: 'a processor <of tests>',
      cores: 2,
      memoryBytes: 2 ** 34,
      kernel: '6.18',
      system: 'Debian',
      node: 'v20.20.2',
      v8: '11.3',
      dpdk: '22.11.11',
      commit: 'abcdef',
      hugepages: true,
      socketBuffers: 'raised',
    },
    contestants: Object.keys(COSTS).map((name) => ({
      name,
      title: `the ${name}`,
      note: 'Counts what was made up.',
      version: '1.0',
      missing: '',
    })),
    workloads: WORKLOADS,
    bar: barOf(runs),
    runs,
  };
}

function measure({ run }: Workload, contestant: string, prng: Prng): Partial<Measurement> {
  const [message, byte, roundTrip] = COSTS[contestant]!;
  const mood = 0.85 + 0.3 * prng.nextFraction();
  const elapsedNs = run.durationMs * 1e6;
  const ours = contestant.startsWith('ours-') ? { gcCount: 0, driverStartMs: 180 * mood } : {};
  if (run.role === 'ping') {
    const histogram = roundTrips(roundTrip * (run.media === 'ipc' ? 0.1 : 1) * mood, prng);
    const messages = histogram.reduce((sum, [, count]) => sum + count, 0);
    return { messages, elapsedNs, histogram, ...ours };
  }
  const cost =
    (message + byte * run.messageLength) * (1 + run.streams / 4000) * (1 + run.lossRate * 60) * mood;
  const samples = Array.from({ length: 50 }, (_, i) => Math.round((1e8 / cost) * Math.min(1, (i + 1) / 8)));
  return { messages: Math.round(elapsedNs / cost), elapsedNs, samples, ...ours };
}

/** Log-normal with a tail, in buckets of 2 %. */
function roundTrips(medianNs: number, prng: Prng): Histogram {
  const counts = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const bell = prng.nextFraction() + prng.nextFraction() + prng.nextFraction() + prng.nextFraction() - 2;
    const tail = prng.nextFraction() < 0.003 ? 1 + 9 * prng.nextFraction() : 1;
    const bucket = Math.round(Math.log(medianNs * Math.exp(bell * 0.25) * tail) / 0.02);
    const ns = Math.round(Math.exp(bucket * 0.02));
    counts.set(ns, (counts.get(ns) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}
