// hot
import type { IdleStrategy } from '../concurrent/idle-strategy.ts';
import { shm } from '../native/addons.ts';
import type { FrameWaiter } from '../transport/bypass/open-bypass-ports.ts';

/** Idle cycles that go on at once, and then those that pause the processor for a moment, before the first sleep. */
const SPINS = 1000;
const PAUSES = 1000;

/**
 * For cores that cost money: spins, pauses, and then sleeps until the card says that a frame has come. What is to be sent
 * wakes nobody, so a sleep ends after its longest time at the latest.
 */
export class RxInterruptIdleStrategy implements IdleStrategy {
  readonly alias = 'rx-interrupt';
  private readonly waiter: FrameWaiter;
  private readonly sleepUs: number;
  private idleCycles = 0;

  constructor(waiter: FrameWaiter, sleepNs: number) {
    this.waiter = waiter;
    this.sleepUs = Math.max(1, Math.round(sleepNs / 1000));
  }

  idle(workCount: number): void {
    if (workCount > 0) {
      this.idleCycles = 0;
    } else if (this.idleCycles < SPINS) {
      this.idleCycles++;
    } else if (this.idleCycles < SPINS + PAUSES) {
      this.idleCycles++;
      shm.pause();
    } else if (this.waiter.waitForFrame(this.sleepUs)) {
      this.idleCycles = 0;
    }
  }

  reset(): void {
    this.idleCycles = 0;
  }
}
