import { readdirSync } from 'node:fs';
import { memoryUsage } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Prng } from '../../src/util/prng.ts';
import type { FuzzTargetKind } from './target.ts';

const STEPS_PER_BATCH = 512;
/** Tables fill and code is compiled before it is looked at what the process has. */
const WARM_UP_SHARE = 0.25;
const HEAP_GROWTH_MAX = 4 << 20;
/** No input may keep a thread for so long. */
const STEP_MS_MAX = 2000;

export interface FuzzOptions {
  readonly seed: number;
  /** Ends after so many inputs … */
  readonly count: number;
  /** … or after so long. */
  readonly milliseconds: number;
}

export interface FuzzResult {
  readonly inputs: number;
  /** How many of them were malformed. The others were whole, to bring what receives them into every state. */
  readonly malformed: number;
  readonly milliseconds: number;
  /** Bytes of heap, and of memory outside of it, from the end of the warm-up on. */
  readonly heapGrowth: number;
  readonly externalGrowth: number;
}

/**
 * Feeds a target. Throws when an input makes it throw, takes too long, or when it keeps memory, files or mappings; the
 * message has the seed and the number of the input.
 */
export async function fuzz(kind: FuzzTargetKind, options: FuzzOptions): Promise<FuzzResult> {
  const { seed, count, milliseconds } = options;
  const startMs = Date.now();
  const before = handles();
  const target = kind.create(new Prng(seed));
  let inputs = 0;
  let malformed = 0;
  let warm: Memory | null = null;
  try {
    while (inputs < count && Date.now() - startMs < milliseconds) {
      await target.prepare?.();
      const batchMs = Date.now();
      for (let i = 0; i < STEPS_PER_BATCH; i++) {
        inputs++;
        target.step();
        if (target.isMalformed) malformed++;
      }
      if (Date.now() - batchMs > STEPS_PER_BATCH * STEP_MS_MAX) throw new Error('an input took too long');
      const share = Math.max(inputs / count, (Date.now() - startMs) / milliseconds);
      if (warm === null && share >= WARM_UP_SHARE) warm = memory();
      target.check();
    }
    const after = memory();
    const heapGrowth = warm === null ? 0 : after.heap - warm.heap;
    const externalGrowth = warm === null ? 0 : after.external - warm.external;
    if (heapGrowth > HEAP_GROWTH_MAX) throw new Error(`the heap has grown by ${heapGrowth} bytes`);
    if (externalGrowth > HEAP_GROWTH_MAX)
      throw new Error(`other memory has grown by ${externalGrowth} bytes`);
    target.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const left = handles();
    if (left > before) throw new Error(`${left} files and mappings are open, there were ${before}`);
    return { inputs, malformed, milliseconds: Date.now() - startMs, heapGrowth, externalGrowth };
  } catch (error) {
    const what = `${kind.name}, seed ${seed}, input ${inputs}: ${target.describe()}`;
    throw new Error(`${what}\n${error instanceof Error ? error.stack : error}`, { cause: error });
  }
}

interface Memory {
  readonly heap: number;
  readonly external: number;
}

function memory(): Memory {
  collect();
  collect();
  const { heapUsed, external } = memoryUsage();
  return { heap: heapUsed, external };
}

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Files that this process has open. */
function handles(): number {
  return readdirSync('/proc/self/fd').length;
}
