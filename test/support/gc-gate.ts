import { GCProfiler, getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SystemClock } from '../../src/concurrent/clock.ts';

export interface GcGateOptions {
  /**
   * How long `step` runs before anything is counted, so that it is compiled and its tables are filled. What a timer calls
   * must have come often enough to be compiled too.
   */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** The work that must not make garbage. */
  readonly step: () => void;
  /** Runs once, when everything is warm. */
  readonly beforeMeasuring?: () => void;
}

export interface GcGateResult {
  /** Garbage collections, minor and major, while measuring. */
  readonly collections: number;
  /** Bytes that went onto this isolate's JavaScript heap while measuring. */
  readonly bytesAllocated: number;
  /** How often `step` ran while measuring. */
  readonly steps: number;
}

/** What V8 may take for itself while measuring, for code it compiles late, say: 64 bytes on Node 20, 10 KiB on 26. */
export const NOISE_BYTES: number = 32 * 1024;

/** A slice is a quarter of the warm-up, at most this. */
const SLICE_MS_MAX = 250;
const SETTLE_SLICES_MAX = 20;
const QUIET_SLICES = 4;
const QUIET_BYTES = 1024;

/**
 * Compiled code that comes to a branch for the first time is thrown away, and makes garbage until it is compiled anew: once a
 * branch. Code that is compiled again and again is not spared.
 */
const WINDOWS_MAX = 4;

/** Read the clock once in so many steps: a reading costs 40 ns. */
const STEPS_PER_LOOK = 64;

/**
 * Runs `step` in a loop and counts the collections and the bytes that it costs. A step that makes no garbage gives 0
 * collections and less than {@link NOISE_BYTES}.
 *
 * The young generation is empty when it starts to count, so that a collection can only be the step's doing. When V8 compiled
 * something meanwhile, it counts anew, up to {@link WINDOWS_MAX} times in all. Synchronous, as the loops that it is for;
 * collections of other isolates are not seen.
 */
export function runGcGate(options: GcGateOptions): GcGateResult {
  const { step, warmUpMs, measureMs } = options;
  const clock = new SystemClock();
  compileLoop(clock);
  run(step, clock, warmUpMs);
  const gc = exposedGc();
  gc();
  // What the collection threw away of the compiled code comes back now, and what is nearly hot enough to be compiled
  // is: the warm-up ends when V8 is at rest, or when it has had its chances.
  const sliceMs = Math.min(warmUpMs / 4, SLICE_MS_MAX);
  let quietCount = 0;
  for (let i = 0; i < SETTLE_SLICES_MAX && quietCount < QUIET_SLICES; i++) {
    quietCount = measure(step, clock, sliceMs).bytesAllocated < QUIET_BYTES ? quietCount + 1 : 0;
  }
  options.beforeMeasuring?.();
  for (let i = 1; ; i++) {
    const codeBytesBefore = codeBytes();
    // Empties the young generation, and leaves compiled code alone.
    gc({ type: 'minor' });
    const result = measure(step, clock, measureMs);
    // What was thrown away at the end is compiled a little later.
    run(step, clock, sliceMs);
    if (codeBytes() === codeBytesBefore || i === WINDOWS_MAX) return result;
  }
}

/** Bytes of compiled code, of this isolate. */
function codeBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'code_space')!.space_used_size;
}

/** Has the loop compiled for steps of any kind, or it would be compiled anew for each and while measuring. */
function compileLoop(clock: SystemClock): void {
  for (let i = 0; i < 10; i++) run(new Function() as () => void, clock, 20);
}

function measure(step: () => void, clock: SystemClock, durationMs: number): GcGateResult {
  const profiler = new GCProfiler();
  profiler.start();
  // A reading allocates a little itself. The first two tell how much.
  const usedFirst = getHeapStatistics().used_heap_size;
  const usedBefore = getHeapStatistics().used_heap_size;
  const steps = run(step, clock, durationMs);
  const usedAfter = getHeapStatistics().used_heap_size;
  const { statistics } = profiler.stop();

  let bytesAllocated = usedAfter - usedBefore - (usedBefore - usedFirst);
  for (const { beforeGC, afterGC } of statistics) {
    bytesAllocated += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
  }
  return { collections: statistics.length, bytesAllocated, steps };
}

function run(step: () => void, clock: SystemClock, durationMs: number): number {
  clock.update();
  return runUntil(step, clock, clock.nanoTime + durationMs * 1e6 + 0.5);
}

/** Apart from {@link run}, so that no arithmetic of whole numbers can overflow and throw its compiled code away. */
function runUntil(step: () => void, clock: SystemClock, deadlineNs: number): number {
  let steps = 0;
  do {
    for (let i = 0; i < STEPS_PER_LOOK; i++) step();
    steps += STEPS_PER_LOOK;
    clock.update();
  } while (clock.nanoTime < deadlineNs);
  return steps;
}

function exposedGc(): (options?: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
