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
  /** Reads the wall clock at once, whenever {@link update} was. */
  readEpochNs(into: EpochNs): void;
}

const TWO_32 = 4294967296;

/** Nanoseconds since 1970: the two halves, as int32, of a 64-bit integer. A double would be 256 ns off. */
export class EpochNs {
  low = 0;
  high = 0;

  /** The nearest that a double can say. */
  set(ns: number): void {
    this.low = (ns % TWO_32) | 0;
    this.high = Math.floor(ns / TWO_32);
  }
}

const EPOCH_NS = 24;

/** The machine's clocks, read without garbage. */
export class SystemClock implements Clock {
  nanoTime = 0.5;
  epochMs = 0.5;
  /** The words that `readClocks` writes, and behind them that of `readEpochNs`. */
  private readonly region: Region = Region.allocate(32);
  private readonly words: Float64Array = new Float64Array(this.region.buffer);
  private readonly i32: Int32Array = this.region.i32;

  constructor() {
    this.update();
  }

  update(): void {
    shm.readClocks(this.region.handle);
    this.nanoTime = this.words[0]!;
    this.epochMs = this.words[1]!;
  }

  readEpochNs(into: EpochNs): void {
    shm.readEpochNs(this.region.handle, EPOCH_NS);
    into.low = this.i32[EPOCH_NS >> 2]!;
    into.high = this.i32[(EPOCH_NS >> 2) + 1]!;
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

  readEpochNs(into: EpochNs): void {
    into.set(this.epochMs * 1e6);
  }

  advanceNs(ns: number): void {
    this.nanoTime += ns;
    this.epochMs += ns / 1e6;
  }
}
