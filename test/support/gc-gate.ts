import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SystemClock } from '../../src/concurrent/clock.ts';

export interface GcGateOptions {
  /** How long `step` runs before anything is counted, so that it is compiled and its tables are filled. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** The work that must not make garbage. */
  readonly step: () => void;
}

export interface GcGateResult {
  /** Garbage collections, minor and major, while measuring. */
  readonly collections: number;
  /** Bytes that went onto this isolate's JavaScript heap while measuring; the gate itself takes some hundred. */
  readonly bytesAllocated: number;
  /** How often `step` ran while measuring. */
  readonly steps: number;
}

/** Read the clock once in so many steps: a reading costs 40 ns. */
const STEPS_PER_LOOK = 64;

/**
 * Runs `step` in a loop and counts the collections and the bytes that it costs. A step that makes no garbage gives 0
 * collections and a few KiB at most, which are V8's own: code that it compiles late, say.
 *
 * The heap is collected after the warm-up, so that a first collection can only be the step's doing. Synchronous, as the
 * loops that it is for; collections of other isolates are not seen.
 */
export function runGcGate(options: GcGateOptions): GcGateResult {
  const { step, warmUpMs, measureMs } = options;
  const clock = new SystemClock();
  run(step, clock, warmUpMs);
  collect();
  // What the collection threw away of the compiled code comes back now. The gauges are warmed up, too.
  measure(step, clock, warmUpMs / 2);
  return measure(step, clock, measureMs);
}

function measure(step: () => void, clock: SystemClock, durationMs: number): GcGateResult {
  const profiler = new GCProfiler();
  profiler.start();
  const usedBefore = getHeapStatistics().used_heap_size;
  const steps = run(step, clock, durationMs);
  const usedAfter = getHeapStatistics().used_heap_size;
  const { statistics } = profiler.stop();

  let bytesAllocated = usedAfter - usedBefore;
  for (const { beforeGC, afterGC } of statistics) {
    bytesAllocated += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
  }
  return { collections: statistics.length, bytesAllocated, steps };
}

function run(step: () => void, clock: SystemClock, durationMs: number): number {
  clock.update();
  const deadlineNs = clock.nanoTime + durationMs * 1e6;
  let steps = 0;
  do {
    for (let i = 0; i < STEPS_PER_LOOK; i++) step();
    steps += STEPS_PER_LOOK;
    clock.update();
  } while (clock.nanoTime < deadlineNs);
  return steps;
}

function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  gc();
}
