/** The figures that a run gives. Pure. */
import { formatNs, formatRate } from '../src/cli/format.ts';
import type { Measurement, Run } from './run.ts';
import { fullSpeedMs, percentile, type Spread, spreadOf } from './statistics.ts';

/** A figure of one run; NaN when the run does not have it. */
export type Figure = (measured: Measurement) => number;

export const messagesPerSecond: Figure = ({ messages, elapsedNs }) => messages / (elapsedNs / 1e9);

export const nsPerMessage: Figure = ({ messages, elapsedNs }) => elapsedNs / messages;

/** A percentile of the round-trip time, in ns. */
export function roundTripNs(percent: number): Figure {
  return ({ histogram }) => percentile(histogram ?? [], percent);
}

/** Of both sides, in seconds; of round trips, too. */
export const cpuSecondsPerMillion: Figure = ({ usage, messages }) =>
  (usage.reduce((sum, { userMs, systemMs }) => sum + userMs + systemMs, 0) * 1000) / messages;

/** Of the publishing or pinging side's processor time. */
export const systemShare: Figure = ({ usage: [{ userMs, systemMs }] }) => systemMs / (userMs + systemMs);

/** Of what was sent, as far as the sequence numbers tell. */
export const lostShare: Figure = ({ lost, messages }) => lost / (lost + messages);

export const readyMs: Figure = (measured) => measured.readyMs;

/** Of both sides. */
export const residentBytes: Figure = ({ usage }) => usage.reduce((sum, side) => sum + side.residentBytes, 0);

export const gcCount: Figure = (measured) => measured.gcCount ?? Number.NaN;

export const driverStartMs: Figure = (measured) => measured.driverStartMs ?? Number.NaN;

const SAMPLE_MS = 100;
const FULL_SPEED = 0.9;

/** From the start of the processes; of runs without warm-up, whose window begins with the first message. */
export const fullSpeedAfterMs: Figure = ({ windowMs, samples }) =>
  windowMs + fullSpeedMs(samples ?? [], SAMPLE_MS, FULL_SPEED);

/** `figure` of a contestant's runs of a workload, round by round; failed rounds are left out. */
export function figuresOf(
  runs: readonly Run[],
  workload: string,
  contestant: string,
  figure: Figure,
): { round: number; value: number }[] {
  return runs
    .filter((run) => run.workload === workload && run.contestant === contestant)
    .flatMap(({ round, measured }) => (measured === null ? [] : [{ round, value: figure(measured) }]))
    .filter(({ value }) => Number.isFinite(value));
}

/** Median, lowest and highest round; null when no round has the figure. */
export function spreadOfRuns(
  runs: readonly Run[],
  workload: string,
  contestant: string,
  figure: Figure,
): Spread | null {
  return spreadOf(figuresOf(runs, workload, contestant, figure).map(({ value }) => value));
}

/** One line about a run, for who watches. */
export function describe(measured: Measurement): string {
  const lost = measured.lost > 0 ? `, ${measured.lost} lost` : '';
  if (measured.histogram === undefined) return `${formatRate(messagesPerSecond(measured))} messages/s${lost}`;
  const percentiles = [50, 99, 99.9].map((percent) => formatNs(roundTripNs(percent)(measured)));
  return `p50, p99, p99.9: ${percentiles.join(', ')}${lost}`;
}
