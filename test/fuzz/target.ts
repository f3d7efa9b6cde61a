import type { Prng } from '../../src/util/prng.ts';

/** Something that takes input from strangers, with everything around it that it needs to work on. */
export interface FuzzTarget {
  /** Called before some hundreds of steps. */
  prepare?(): Promise<void>;
  /** Makes one input and hands it over; throws when that, or anything it leads to, is not as it must be. */
  step(): void;
  /** Whether the latest input was malformed: not as its maker had to write it. */
  readonly isMalformed: boolean;
  /** Called now and then, and at the end: throws when something that was allocated is not in proportion. */
  check(): void;
  /** The latest inputs in words, for the report of a failure. */
  describe(): string;
  close(): void;
}

export interface FuzzTargetKind {
  readonly name: string;
  /** Inputs of the full run, about as many malformed ones less as the target leaves whole. */
  readonly count: number;
  readonly makes: 'frames' | 'commands' | 'others';
  create(prng: Prng): FuzzTarget;
}
