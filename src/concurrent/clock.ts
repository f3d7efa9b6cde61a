// hot
import { Region } from '../memory/region.ts';
import { shm } from '../native/addons.ts';

/**
 * Time as agents see it: read once per duty cycle with {@link update}, then passed on. `nanoTime` is monotonic
 * nanoseconds, `epochMs` wall-clock milliseconds, up to one old; both doubles. Implementations: the machine's, and a
 * simulated one.
 */
export interface Clock {
  nanoTime: number;
  epochMs: number;
  update(): void;
}

/** The machine's clocks, read without garbage. */
export class SystemClock implements Clock {
  nanoTime = 0.5;
  epochMs = 0.5;
  private readonly region: Region = Region.allocate(24);
  private readonly words: Float64Array = new Float64Array(this.region.buffer);

  constructor() {
    this.update();
  }

  update(): void {
    shm.readClocks(this.region.handle);
    this.nanoTime = this.words[0]!;
    this.epochMs = this.words[1]!;
  }
}

/** A clock that stands still until told otherwise. */
export class SimulatedClock implements Clock {
  nanoTime: number;
  epochMs: number;

  constructor(nanoTime = 1e9, epochMs = 1_700_000_000_000) {
    this.nanoTime = nanoTime;
    this.epochMs = epochMs;
  }

  update(): void {}

  advanceNs(ns: number): void {
    this.nanoTime += ns;
    this.epochMs += ns / 1e6;
  }
}
