/**
 * `npm run bench [-- --json] [-- --rounds N]`: the DPDK wire against our own kernel transport, same drivers, driver and
 * client in one thread on each side, no idle sleeping in either. Rounds are interleaved (A B A B …) so that the
 * machine's moods meet both; figures are medians with the lowest and highest round beside them.
 *
 * `--soak MESSAGES` instead streams that many messages over each wire and reports the processes' memory on the way.
 */
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import {
  type MemorySample,
  type RunLengths,
  runWire,
  soakWire,
  type WirePlan,
  type WireResult,
} from '../src/cli/demo/wire-run.ts';
import { dpdkWire, kernelWire } from '../src/cli/demo/wires.ts';
import { formatNs, formatRate } from '../src/cli/format.ts';
import { reserveHugepages } from '../src/device/dpdk/shared-memory-wire.ts';

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface WireSummary {
  readonly name: string;
  readonly device: string;
  readonly messagesPerSecond: Spread;
  readonly packetsPerSecond: Spread;
  readonly roundTripP50Ns: Spread;
  readonly roundTripP99Ns: Spread;
  readonly roundTripP999Ns: Spread;
  readonly imperfections: number;
}

interface Comparison {
  readonly wires: readonly WireSummary[];
  readonly ratios: readonly Ratio[];
  readonly results: readonly WireResult[];
}

interface Ratio {
  readonly name: string;
  /** Of medians. */
  readonly value: number;
  /** Round by round. */
  readonly spread: Spread;
  readonly bound: string;
  readonly met: boolean;
}

const LENGTHS: Omit<RunLengths, 'messageLength'> = {
  warmUpMs: 2_000,
  roundTripMs: 4_000,
  throughputMs: 4_000,
};
const HUGEPAGES = 256;
const SOAK_PART_MS = 5_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      length: { type: 'string', default: '288' },
      soak: { type: 'string' },
    },
  });
  const hugepages = reserveHugepages(HUGEPAGES);
  const plans = [dpdkWire(hugepages.reserved), await kernelWire()];
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
    hugepages: hugepages.reserved,
    messageLength: Number(values.length),
    command: ['node', ...process.argv.slice(1)].join(' '),
  };
  if (values.soak !== undefined) {
    const results = await soak(plans, Number(values.soak), machine.messageLength);
    print(values.json, { machine, soak: results }, renderSoak(results));
  } else {
    const lengths = { ...LENGTHS, messageLength: machine.messageLength };
    const comparison = await compare(plans, Number(values.rounds), lengths);
    print(values.json, { machine, ...comparison }, renderComparison(comparison));
  }
}

function print(json: boolean, document: object, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : text);
}

async function compare(plans: readonly WirePlan[], rounds: number, lengths: RunLengths): Promise<Comparison> {
  const results: WireResult[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const plan of plans) {
      process.stderr.write(`round ${round} of ${rounds}: ${plan.name}\n`);
      results.push(await runWire(plan, lengths, () => {}));
    }
  }
  const of = (name: string, figure: (result: WireResult) => number): number[] =>
    results.filter((result) => result.name === name).map(figure);
  const wires = plans.map(({ name, device }) => ({
    name,
    device,
    messagesPerSecond: spread(of(name, (result) => result.throughput.messagesPerSecond)),
    packetsPerSecond: spread(of(name, (result) => result.throughput.packetsPerSecond)),
    roundTripP50Ns: spread(of(name, (result) => result.roundTripNs.p50)),
    roundTripP99Ns: spread(of(name, (result) => result.roundTripNs.p99)),
    roundTripP999Ns: spread(of(name, (result) => result.roundTripNs.p999)),
    imperfections: of(name, (r) => r.lost + r.duplicated + r.reordered + r.corrupted).reduce(
      (a, b) => a + b,
      0,
    ),
  }));
  const ratio = (
    name: string,
    figure: (result: WireResult) => number,
    bound: string,
    isMet: (value: number) => boolean,
  ): Ratio => {
    const [dpdk, kernel] = [of('dpdk', figure), of('kernel', figure)];
    const value = spread(dpdk).median / spread(kernel).median;
    return {
      name,
      value,
      spread: spread(dpdk.map((figure, i) => figure / kernel[i]!)),
      bound,
      met: isMet(value),
    };
  };
  const ratios = [
    ratio(
      'throughput, dpdk : kernel',
      (r) => r.throughput.messagesPerSecond,
      '>= 4',
      (value) => value >= 4,
    ),
    ratio(
      'round trip p50, dpdk : kernel',
      (r) => r.roundTripNs.p50,
      '<= 1/3',
      (value) => value <= 1 / 3,
    ),
    ratio(
      'round trip p99, dpdk : kernel',
      (r) => r.roundTripNs.p99,
      '',
      () => true,
    ),
  ];
  return { wires, ratios, results };
}

interface SoakResult {
  readonly name: string;
  readonly imperfections: number;
  readonly samples: readonly MemorySample[];
}

/** Streams until `messages` have arrived, over one pair of drivers a wire, and samples memory on the way. */
async function soak(
  plans: readonly WirePlan[],
  messages: number,
  messageLength: number,
): Promise<SoakResult[]> {
  const results: SoakResult[] = [];
  for (const plan of plans) {
    const say = (phase: string): void => {
      process.stderr.write(`${plan.name}: ${phase}\n`);
    };
    results.push({ name: plan.name, ...(await soakWire(plan, messages, messageLength, SOAK_PART_MS, say)) });
  }
  return results;
}

function renderComparison({ wires, ratios }: Comparison): string {
  const cell = (figure: Spread, format: (value: number) => string): string =>
    `${format(figure.median)} (${format(figure.min)} to ${format(figure.max)})`;
  const lines: string[] = [];
  for (const wire of wires) {
    lines.push(
      `${wire.name} (${wire.device}), median (lowest to highest)`,
      `  messages/s         ${cell(wire.messagesPerSecond, formatRate)}`,
      `  packets/s          ${cell(wire.packetsPerSecond, formatRate)}`,
      `  round trip p50     ${cell(wire.roundTripP50Ns, formatNs)}`,
      `             p99     ${cell(wire.roundTripP99Ns, formatNs)}`,
      `             p99.9   ${cell(wire.roundTripP999Ns, formatNs)}`,
      `  lost, duplicated, reordered or corrupted: ${wire.imperfections}`,
    );
  }
  for (const { name, value, spread, bound, met } of ratios) {
    const verdict = bound === '' ? '' : `, must be ${bound}: ${met ? 'met' : 'NOT met'}`;
    lines.push(
      `${name}: ${value.toFixed(2)} (${spread.min.toFixed(2)} to ${spread.max.toFixed(2)})${verdict}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function renderSoak(results: readonly SoakResult[]): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  return results
    .flatMap(({ name, imperfections, samples }) => [
      `${name}: ${imperfections} lost, duplicated, reordered or corrupted; resident memory of publisher, subscriber:`,
      ...samples.map(
        ({ messages, publisherBytes, subscriberBytes }) =>
          `  after ${formatRate(messages)} messages: ${mib(publisherBytes)}, ${mib(subscriberBytes)}`,
      ),
    ])
    .join('\n')
    .concat('\n');
}

function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1] ?? Number.NaN,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

await main();
