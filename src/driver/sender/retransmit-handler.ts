// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';

/** Sends part of a term again. */
export interface Resender {
  resend(termId: number, termOffset: number, length: number): void;
}

/** How NAKs are answered. */
export interface RetransmitOptions {
  readonly delayNs: number;
  readonly lingerNs: number;
  readonly termLength: number;
  /** Bytes that one NAK gets at most. */
  readonly lengthMax: number;
  /** Whether the stream has many receivers, which may ask for different gaps at a time. */
  readonly isGroup: boolean;
  /** Retransmissions of a group at a time; a unicast stream has one. */
  readonly maxResend: number;
}

const INACTIVE = 0;
const DELAYED = 1;
const LINGERING = 2;

/**
 * Answers NAKs. While a retransmission is delayed or lingers, NAKs that it covers are taken for repeats. Any other takes
 * its place in a unicast stream, and a place of its own in that of a group, or none when all are taken.
 */
export class RetransmitHandler {
  private readonly resender: Resender;
  private readonly clock: Clock;
  private readonly overflows: AtomicCounter;
  private readonly delayNs: number;
  private readonly lingerNs: number;
  private readonly termLength: number;
  private readonly lengthMax: number;
  private readonly isGroup: boolean;
  private readonly capacity: number;
  private readonly states: Uint8Array;
  private readonly termIds: Int32Array;
  private readonly termOffsets: Int32Array;
  private readonly lengths: Int32Array;
  private readonly expiriesNs: Float64Array;
  private activeCount = 0;

  /** `overflows` counts NAKs that found no place. */
  constructor(resender: Resender, clock: Clock, overflows: AtomicCounter, options: RetransmitOptions) {
    this.resender = resender;
    this.clock = clock;
    this.overflows = overflows;
    this.delayNs = options.delayNs;
    this.lingerNs = options.lingerNs;
    this.termLength = options.termLength;
    this.lengthMax = options.lengthMax;
    this.isGroup = options.isGroup;
    this.capacity = options.isGroup ? options.maxResend : 1;
    this.states = new Uint8Array(this.capacity);
    this.termIds = new Int32Array(this.capacity);
    this.termOffsets = new Int32Array(this.capacity);
    this.lengths = new Int32Array(this.capacity);
    this.expiriesNs = new Float64Array(this.capacity);
  }

  /** A NAK whose gap lies in a term. */
  onNak(termId: number, termOffset: number, length: number): void {
    if (length === 0 || this.isCovered(termId, termOffset)) return;
    const index = this.isGroup ? this.states.indexOf(INACTIVE) : 0;
    if (index < 0) {
      this.overflows.increment();
      return;
    }
    if (this.states[index] === INACTIVE) this.activeCount++;
    this.termIds[index] = termId;
    this.termOffsets[index] = termOffset;
    this.lengths[index] = Math.min(length, this.lengthMax, this.termLength - termOffset);
    if (this.delayNs === 0) {
      this.resend(index);
    } else {
      this.states[index] = DELAYED;
      this.expiriesNs[index] = this.clock.nanoTime + this.delayNs;
    }
  }

  processTimeouts(): void {
    if (this.activeCount === 0) return;
    for (let i = 0; i < this.capacity; i++) {
      const state = this.states[i];
      if (state === INACTIVE || this.clock.nanoTime <= this.expiriesNs[i]!) continue;
      if (state === DELAYED) {
        this.resend(i);
      } else {
        this.states[i] = INACTIVE;
        this.activeCount--;
      }
    }
  }

  private isCovered(termId: number, termOffset: number): boolean {
    for (let i = 0; i < this.capacity; i++) {
      if (this.states[i] === INACTIVE || this.termIds[i] !== termId) continue;
      const offset = termOffset - this.termOffsets[i]!;
      if (offset >= 0 && offset < this.lengths[i]!) return true;
    }
    return false;
  }

  private resend(index: number): void {
    this.resender.resend(this.termIds[index]!, this.termOffsets[index]!, this.lengths[index]!);
    this.states[index] = LINGERING;
    this.expiriesNs[index] = this.clock.nanoTime + this.lingerNs;
  }
}
