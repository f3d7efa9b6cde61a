/** One run: one contestant, one workload, two processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../src/util/errors.ts';
import type { Contestant, Role, SideCommand, SideResult, SideRun, WorkloadRun } from './contestant.ts';
import { freePort, usageOf } from './machine.ts';
import { Side } from './side.ts';
import { SLICE_NS } from './sides/slices.ts';

/** What one run gave. */
export interface Run {
  readonly workload: string;
  readonly contestant: string;
  /** From 1. */
  readonly round: number;
  /** The command line of either side. */
  readonly commands: readonly string[];
  /** Why there is no measurement, with the end of what the sides wrote to standard error; '' when there is one. */
  readonly failure: string;
  readonly measured: Measurement | null;
}

export interface Measurement extends Omit<SideResult, 'event'> {
  /** From the start of the processes until both were ready. */
  readonly readyMs: number;
  /** From the start of the processes until the window began. */
  readonly windowMs: number;
  /** Garbage collections that began in the window, in both sides. */
  readonly gcCount?: number;
  /** What either side used in the window. */
  readonly usage: readonly [SideUsage, SideUsage];
}

export interface SideUsage {
  readonly userMs: number;
  readonly systemMs: number;
  /** At the window's end. */
  readonly residentBytes: number;
}

const COUNTERPART: Readonly<Record<WorkloadRun['role'], Role>> = { publish: 'count', ping: 'echo' };
const READY_MS = 20_000;
/** Above the time that the run itself asks for. */
const SLACK_MS = 15_000;
/** Sides report their collections at the next turn of their event loop. */
const COLLECTIONS_MS = SLICE_NS / 1e6 + 100;
const LIVE_SIDES = new Set<Side>();
const LIVE_FOLDERS = new Set<string>();

/** For the end of the harness itself: nothing it has started or made stays. */
export function cleanUp(): void {
  for (const side of LIVE_SIDES) side.signal('SIGKILL');
  for (const folder of LIVE_FOLDERS) removeFolder(folder);
}

function removeFolder(folder: string): void {
  // Again where a process that is just being killed adds to it.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

/** Runs a workload once. Does not throw for what a contestant does. */
export async function runOnce(
  contestant: Contestant,
  workload: { readonly name: string; readonly run: WorkloadRun },
  round: number,
  hugepages: boolean,
): Promise<Run> {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-bench-');
  LIVE_FOLDERS.add(folder);
  const ports = [await freePort(), await freePort()] as const;
  const commands = ([0, 1] as const).map((side) => {
    const role = side === 0 ? workload.run.role : COUNTERPART[workload.run.role];
    return contestant.command({
      ...workload.run,
      role,
      side,
      folder,
      cpu: side,
      ports,
      hugepages,
    } as SideRun);
  });
  const identity = {
    workload: workload.name,
    contestant: contestant.name,
    round,
    commands: commands.map(commandLine),
  };
  try {
    const measured = await measure(workload.run, commands as [SideCommand, SideCommand]);
    return { ...identity, failure: '', measured };
  } catch (error) {
    return { ...identity, failure: messageOf(error), measured: null };
  } finally {
    removeFolder(folder);
    LIVE_FOLDERS.delete(folder);
  }
}

/** Starts both sides, waits for the result, and takes everything down again, whatever happens. */
async function measure(
  run: WorkloadRun,
  commands: readonly [SideCommand, SideCommand],
): Promise<Measurement> {
  const startMs = performance.now();
  const sides = [new Side('side 0', commands[0]), new Side('side 1', commands[1])] as const;
  for (const side of sides) LIVE_SIDES.add(side);
  const active = run.role === 'ping' ? sides[0] : sides[1];
  const passive = run.role === 'ping' ? sides[1] : sides[0];
  const collections = collectionTimes(sides);
  passive.onEnd = (reason) => active.fail(`the other side ${reason}`);
  const within = async <T>(ms: number, what: string, event: Promise<T>): Promise<T> => {
    const deadline = setTimeout(() => active.fail(`no "${what}" within ${ms} ms`), ms);
    return event.finally(() => clearTimeout(deadline));
  };
  try {
    const ready = await within(READY_MS, 'ready', Promise.all(sides.map((side) => side.expect('ready'))));
    const readyMs = performance.now() - startMs;
    await within(run.warmUpMs + SLACK_MS, 'window', active.expect('window'));
    const windowMs = performance.now() - startMs;
    const before = sides.map((side) => usageOf(side.pid));
    const windowEpochMs = Date.now();
    const { event: _, ...result } = await within(
      run.durationMs + SLACK_MS,
      'result',
      active.expect('result'),
    );
    const usage = sides.map((side, i) => {
      const { userMs, systemMs, residentBytes } = usageOf(side.pid);
      return {
        userMs: userMs - before[i]!.userMs,
        systemMs: systemMs - before[i]!.systemMs,
        residentBytes,
      };
    });
    const endEpochMs = Date.now();
    const reportsCollections = ready.every((event) => event.reportsCollections === true);
    if (reportsCollections) await sleep(COLLECTIONS_MS);
    const isWithin = (epochMs: number): boolean => epochMs >= windowEpochMs && epochMs < endEpochMs;
    return {
      ...result,
      ...(reportsCollections ? { gcCount: collections.filter(isWithin).length } : {}),
      readyMs,
      windowMs,
      usage: usage as [SideUsage, SideUsage],
    };
  } catch (error) {
    throw new Error([messageOf(error), ...sides.map(stderrOf)].filter((text) => text !== '').join('\n'));
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
    for (const side of sides) LIVE_SIDES.delete(side);
  }
}

/** Filled while the sides run. */
function collectionTimes(sides: readonly Side[]): number[] {
  const epochMs: number[] = [];
  for (const side of sides) {
    side.onEvent = (event) => {
      if (event.event === 'gc') epochMs.push(event.epochMs);
    };
  }
  return epochMs;
}

function stderrOf(side: Side, i: number): string {
  const text = side.stderr.trim();
  return text === '' ? '' : `side ${i} wrote:\n${text}`;
}

/** As one would type it. */
function commandLine({ file, args, env = {} }: SideCommand): string {
  const quote = (word: string): string =>
    /[^\w@%+=:,./-]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : word;
  return [
    ...Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`),
    file,
    ...args.map(quote),
  ].join(' ');
}
