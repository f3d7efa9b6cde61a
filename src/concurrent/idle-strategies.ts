// hot
import { shm } from '../native/addons.ts';
import type { IdleStrategy } from './idle-strategy.ts';

/** Does nothing: the next duty cycle starts at once. */
export class NoOpIdleStrategy implements IdleStrategy {
  readonly alias = 'noop';

  idle(_workCount: number): void {}

  reset(): void {}
}

/** Tells the CPU that this is a spin loop, and goes on. The lowest latency, for a core of its own. */
export class BusySpinIdleStrategy implements IdleStrategy {
  readonly alias = 'spin';

  idle(workCount: number): void {
    if (workCount <= 0) shm.pause();
  }

  reset(): void {}
}

/** Lets another runnable thread have the core. */
export class YieldingIdleStrategy implements IdleStrategy {
  readonly alias = 'yield';

  idle(workCount: number): void {
    if (workCount <= 0) shm.yield();
  }

  reset(): void {}
}

/** Blocks the thread for a fixed time, `periodNs` nanoseconds, at most one second. */
export class SleepingIdleStrategy implements IdleStrategy {
  readonly alias: string;
  private readonly periodNs: number;

  constructor(periodNs = 1_000, alias = 'sleep-ns') {
    this.alias = alias;
    this.periodNs = periodNs;
  }

  idle(workCount: number): void {
    if (workCount <= 0) shm.sleep(this.periodNs);
  }

  reset(): void {}
}

/**
 * Spins, then yields, then sleeps ever longer: quick while there is traffic, cheap when there is none. Official drivers yield 20
 * times; this does not, unless told to: where other threads want the core, each yield hands them a whole time slice (3 ms on
 * Linux since 6.6), while a thread that slept gets the core back at once.
 */
export class BackoffIdleStrategy implements IdleStrategy {
  readonly alias = 'backoff';
  private readonly maxSpins: number;
  private readonly maxYields: number;
  private readonly minParkNs: number;
  private readonly maxParkNs: number;
  private rounds = 0;
  private parkNs: number;

  constructor(maxSpins = 30, maxYields = 0, minParkNs = 1_000, maxParkNs = 1_000_000) {
    this.maxSpins = maxSpins;
    this.maxYields = maxYields;
    this.minParkNs = minParkNs;
    this.maxParkNs = maxParkNs;
    this.parkNs = minParkNs;
  }

  idle(workCount: number): void {
    if (workCount > 0) {
      this.reset();
    } else if (this.rounds < this.maxSpins) {
      this.rounds++;
      shm.pause();
    } else if (this.rounds < this.maxSpins + this.maxYields) {
      this.rounds++;
      shm.yield();
    } else {
      shm.sleep(this.parkNs);
      this.parkNs = Math.min(this.parkNs * 2, this.maxParkNs);
    }
  }

  reset(): void {
    this.rounds = 0;
    this.parkNs = this.minParkNs;
  }
}

/** What a running driver may be told to do when idle: the values of system counter 22. */
const CONTROLLABLE_NOOP = 1;
const CONTROLLABLE_SPIN = 2;
const CONTROLLABLE_YIELD = 3;

/**
 * Does what a counter says, so that it can be changed while the driver runs: 1 noop, 2 spin, 3 yield, else
 * sleep 1 µs.
 */
export class ControllableIdleStrategy implements IdleStrategy {
  readonly alias = 'controllable';
  private readonly status: { getVolatile(): number };

  constructor(status: { getVolatile(): number }) {
    this.status = status;
  }

  idle(workCount: number): void {
    if (workCount > 0) return;
    const status = this.status.getVolatile();
    if (status === CONTROLLABLE_NOOP) return;
    if (status === CONTROLLABLE_SPIN) shm.pause();
    else if (status === CONTROLLABLE_YIELD) shm.yield();
    else shm.sleep(1_000);
  }

  reset(): void {}
}
