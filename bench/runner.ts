/** All runs: rounds of workloads of contestants, A B A B …, so that the machine's moods meet everyone. */
import { messageOf } from '../src/util/errors.ts';
import type { Contestant } from './contestant.ts';
import { describe } from './figures.ts';
import { type Run, runOnce } from './run.ts';
import type { Workload } from './workloads.ts';

/** A contestant as the result names it. */
export interface Entrant {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  /** '' when it is missing. */
  readonly version: string;
  /** Why it could not be built; '' when it could. */
  readonly missing: string;
}

/** One thing to run in a round. */
export interface Pair {
  readonly workload: Workload;
  readonly contestant: Contestant;
}

type Say = (text: string) => void;

/** Builds them all, one after the other. What cannot be built says why. */
export async function buildAll(contestants: readonly Contestant[], say: Say): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const contestant of contestants) {
    const { name, title, note } = contestant;
    say(`building ${name}`);
    try {
      await contestant.build();
      entrants.push({ name, title, note, version: await contestant.version(), missing: '' });
    } catch (error) {
      say(`${name} is left out: ${messageOf(error)}`);
      entrants.push({ name, title, note, version: '', missing: messageOf(error) });
    }
  }
  return entrants;
}

/** What one round consists of, in order. */
export function pairsOf(
  workloads: readonly Workload[],
  contestants: readonly Contestant[],
  hugepages: boolean,
): Pair[] {
  return workloads.flatMap((workload) =>
    workload.contestants
      .map((name) => contestants.find((contestant) => contestant.name === name))
      .filter((contestant) => contestant !== undefined)
      .filter((contestant) => contestant.supports({ ...workload.run, hugepages }))
      .map((contestant) => ({ workload, contestant })),
  );
}

const START_AND_STOP_MS = 800;

/** How long `rounds` rounds take, about. */
export function estimateMs(pairs: readonly Pair[], rounds: number): number {
  return pairs.reduce((sum, { workload: { run, roundsMax } }) => {
    return sum + Math.min(rounds, roundsMax) * (run.warmUpMs + run.durationMs + START_AND_STOP_MS);
  }, 0);
}

/** Runs every pair once, and adds what came of it to `runs`. A run that fails is not repeated. */
export async function runRound(
  round: number,
  pairs: readonly Pair[],
  hugepages: boolean,
  runs: Run[],
  say: Say,
): Promise<void> {
  const due = pairs.filter(({ workload }) => round <= workload.roundsMax);
  for (const [i, { workload, contestant }] of due.entries()) {
    const run = await runOnce(contestant, workload, round, hugepages);
    runs.push(run);
    const outcome = run.measured === null ? `FAILED: ${run.failure}` : describe(run.measured);
    say(`round ${round}, ${i + 1} of ${due.length}: ${workload.name}, ${contestant.name}: ${outcome}`);
  }
}
