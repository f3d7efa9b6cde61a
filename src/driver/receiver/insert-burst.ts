// hot
import { CopyBurst } from '../../memory/copy-burst.ts';
import type { BurstListener } from '../../transport/transport.ts';

/** Whoever wants to know that its datagrams are in the log. */
export interface InsertTarget {
  /** Kept by {@link InsertBurst}: has inserts that were not made yet. */
  isInserting: boolean;
  /**
   * What was added is in the log now. `isComplete` is false when something of the burst was left out, because the place it
   * starts at had been filled before: with the same bytes as a rule, but perhaps with fewer frames.
   */
  onInserted(isComplete: boolean): void;
  /** One duty cycle. Returns how much was done. */
  doWork(): number;
}

const CAPACITY = 512;

/** Collects what one burst of datagrams brings to any number of images, and inserts it with one native call. */
export class InsertBurst implements BurstListener {
  private readonly copies: CopyBurst = new CopyBurst(CAPACITY);
  private readonly targets: (InsertTarget | null)[] = new Array<InsertTarget | null>(CAPACITY).fill(null);
  private targetCount = 0;
  /** Whether targets have their duty cycle as soon as what came for them is there. */
  givesTurns = false;
  /** What was done in those; whoever looks at it sets it back. */
  workCount = 0;

  /**
   * Adds a datagram: `length` bytes that become frames of `target`'s log at `toOffset`. `zeroOffset`: where readers stop behind
   * them; -1 when that is so already.
   */
  add(
    target: InsertTarget,
    toHandle: number,
    toOffset: number,
    fromHandle: number,
    fromOffset: number,
    length: number,
    zeroOffset: number,
  ): void {
    if (this.copies.isFull) this.onBurstEnd();
    this.copies.add(toHandle, toOffset, fromHandle, fromOffset, length, zeroOffset);
    this.notify(target);
  }

  /** Tells `target` when the burst ends, after the datagrams that came before. */
  notify(target: InsertTarget): void {
    if (target.isInserting) return;
    if (this.targetCount === CAPACITY) this.onBurstEnd();
    target.isInserting = true;
    this.targets[this.targetCount++] = target;
  }

  onBurstEnd(): void {
    const targetCount = this.targetCount;
    if (targetCount === 0) return;
    const added = this.copies.count;
    const isComplete = this.copies.insert() === added;
    this.targetCount = 0;
    for (let i = 0; i < targetCount; i++) {
      const target = this.targets[i]!;
      this.targets[i] = null;
      target.isInserting = false;
      target.onInserted(isComplete);
      if (this.givesTurns) this.workCount += target.doWork();
    }
  }

  close(): void {
    this.copies.close();
  }
}
