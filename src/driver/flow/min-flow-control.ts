// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { GroupTag } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl, ReceiverListener } from './flow-control.ts';
import type { StatusMessage } from './status-message.ts';

/** Receivers beyond so many are not waited for, so that forged receiver ids cannot grow the table. */
const CAPACITY = 1024;

/** What a {@link MinFlowControl} can be told. */
export interface MinFlowControlOptions {
  /** Null: every receiver is waited for. Otherwise those with this tag. */
  readonly groupTag: GroupTag | null;
  /** Receivers the publication needs to be connected. */
  readonly groupMinSize: number;
  /** A receiver not heard of for so long is no longer waited for. */
  readonly receiverTimeoutNs: number;
  /** Left out or null: nobody listens. */
  readonly receiverListener?: ReceiverListener | null;
}

/**
 * The slowest receiver decides: of all, or of those with the group's tag. A receiver that has just been introduced to the
 * stream is not left behind: from its setup until its first status message the sender limit stands still.
 */
export class MinFlowControl implements FlowControl {
  hasRequiredReceivers: boolean;
  private readonly senderLimit: PositionCounter;
  private readonly clock: Clock;
  private readonly options: MinFlowControlOptions;
  private readonly receivers: AtomicCounter;
  private readonly listener: ReceiverListener | null;
  private readonly idsLow: Int32Array = new Int32Array(CAPACITY);
  private readonly idsHigh: Int32Array = new Int32Array(CAPACITY);
  private readonly limits: Float64Array = new Float64Array(CAPACITY);
  private readonly timesNs: Float64Array = new Float64Array(CAPACITY);
  private readonly isLeaving: Uint8Array = new Uint8Array(CAPACITY);
  private count = 0;
  private isSetupElicited = false;
  /** The sender limit when the last setup was sent; infinite when nobody is being waited for. */
  private setupLimit: number = Number.POSITIVE_INFINITY;
  private timeOfSetupNs: number = Number.NaN;
  /** What {@link findMinimum} found: the least of the receivers' limits. A field, because a result would be boxed. */
  private minimum: number = Number.NaN;

  /** `receivers` counts those that are waited for. */
  constructor(
    senderLimit: PositionCounter,
    clock: Clock,
    receivers: AtomicCounter,
    options: MinFlowControlOptions,
  ) {
    this.senderLimit = senderLimit;
    this.clock = clock;
    this.receivers = receivers;
    this.listener = options.receiverListener ?? null;
    this.options = options;
    this.hasRequiredReceivers = options.groupMinSize === 0;
  }

  onStatusMessage(message: StatusMessage): void {
    const limit = message.position + message.windowLength;
    const isInGroup = this.isInGroup(message);
    const index = isInGroup ? this.indexOf(message.receiverIdLow, message.receiverIdHigh) : -1;
    if (index >= 0) this.updateAt(index, message);
    this.findMinimum();
    if (isInGroup && index < 0 && this.isAdmitted(message)) {
      this.addReceiver(message);
      if (limit < this.minimum) this.minimum = limit;
    }
    if (!this.hasRequiredReceivers) return;
    const allowed = this.count === 0 ? limit : this.minimum;
    if (allowed <= this.senderLimit.value) return;
    this.senderLimit.value = allowed;
    this.senderLimit.publish();
  }

  /** Forgets receivers that are gone. The limit may go back: those left may be slower than the limit allows. */
  onIdle(): void {
    if (this.count === 0) return;
    const nowNs = this.clock.nanoTime;
    const countBefore = this.count;
    for (let i = countBefore - 1; i >= 0; i--) {
      if (this.isLeaving[i] === 1 || this.timesNs[i]! + this.options.receiverTimeoutNs < nowNs) {
        this.removeAt(i);
      }
    }
    if (this.count !== countBefore) this.updateCount();
    if (this.count === 0 || !this.hasRequiredReceivers) return;
    this.findMinimum();
    if (this.minimum === this.senderLimit.value) return;
    this.senderLimit.value = this.minimum;
    this.senderLimit.publish();
  }

  onSetupElicited(message: StatusMessage): void {
    if (this.isInGroup(message)) this.isSetupElicited = true;
  }

  onSetup(): void {
    if (this.isSetupElicited && this.count > 0) {
      this.setupLimit = this.senderLimit.value;
      this.timeOfSetupNs = this.clock.nanoTime;
    }
    this.isSetupElicited = false;
  }

  onError(receiverIdLow: number, receiverIdHigh: number): void {
    const index = this.indexOf(receiverIdLow, receiverIdHigh);
    if (index >= 0) this.isLeaving[index] = 1;
  }

  private isInGroup(message: StatusMessage): boolean {
    const groupTag = this.options.groupTag;
    if (groupTag === null) return true;
    return (
      message.hasGroupTag && message.groupTagLow === groupTag.low && message.groupTagHigh === groupTag.high
    );
  }

  private updateAt(index: number, message: StatusMessage): void {
    this.isLeaving[index] = message.isEndOfStream ? 1 : 0;
    this.limits[index] = message.position + message.windowLength;
    this.timesNs[index] = this.clock.nanoTime;
  }

  /** A receiver more than a window behind the slowest would hold up the others until it has caught up. */
  private isAdmitted(message: StatusMessage): boolean {
    if (message.isEndOfStream || this.count === CAPACITY) return false;
    return this.count === 0 || message.position + 2 * message.windowLength >= this.minimum;
  }

  private addReceiver(message: StatusMessage): void {
    const index = this.count++;
    this.idsLow[index] = message.receiverIdLow;
    this.idsHigh[index] = message.receiverIdHigh;
    this.updateAt(index, message);
    this.setupLimit = Number.POSITIVE_INFINITY;
    this.updateCount();
    this.listener?.onReceiverAdded(this.count, message.receiverIdLow, message.receiverIdHigh);
  }

  private findMinimum(): void {
    if (this.timeOfSetupNs + this.options.receiverTimeoutNs < this.clock.nanoTime) {
      this.setupLimit = Number.POSITIVE_INFINITY;
    }
    let minimum = this.setupLimit;
    for (let i = 0; i < this.count; i++) {
      if (this.limits[i]! < minimum) minimum = this.limits[i]!;
    }
    this.minimum = minimum;
  }

  private indexOf(idLow: number, idHigh: number): number {
    for (let i = 0; i < this.count; i++) {
      if (this.idsLow[i] === idLow && this.idsHigh[i] === idHigh) return i;
    }
    return -1;
  }

  private removeAt(index: number): void {
    const last = --this.count;
    this.listener?.onReceiverRemoved(last, this.idsLow[index]!, this.idsHigh[index]!);
    this.idsLow[index] = this.idsLow[last]!;
    this.idsHigh[index] = this.idsHigh[last]!;
    this.limits[index] = this.limits[last]!;
    this.timesNs[index] = this.timesNs[last]!;
    this.isLeaving[index] = this.isLeaving[last]!;
  }

  private updateCount(): void {
    this.hasRequiredReceivers = this.count >= this.options.groupMinSize;
    this.receivers.set(this.count);
  }
}
