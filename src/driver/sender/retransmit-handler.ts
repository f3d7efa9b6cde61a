// hot
import type { Clock } from '../../concurrent/clock.ts';

/** Sends part of a term again. */
export interface Resender {
  resend(termId: number, termOffset: number, length: number): void;
}

const INACTIVE = 0;
const DELAYED = 1;
const LINGERING = 2;

const UNICAST_WINDOW_MULTIPLE = 16;

/**
 * Answers NAKs of a unicast stream: one retransmission at a time. While it is delayed or lingers, NAKs it covers are
 * taken for repeats; any other NAK takes its place.
 */
export class RetransmitHandler {
  private readonly resender: Resender;
  private readonly clock: Clock;
  private readonly delayNs: number;
  private readonly lingerNs: number;
  private readonly termLength: number;
  private readonly lengthMax: number;
  private state = INACTIVE;
  private termId = 0;
  private termOffset = 0;
  private length = 0;
  private expiryNs = Number.NaN;

  /** `windowLength` is what receivers are taken to have; one NAK gets at most 16 times that. */
  constructor(
    resender: Resender,
    clock: Clock,
    delayNs: number,
    lingerNs: number,
    termLength: number,
    windowLength: number,
  ) {
    this.resender = resender;
    this.clock = clock;
    this.delayNs = delayNs;
    this.lingerNs = lingerNs;
    this.termLength = termLength;
    this.lengthMax = windowLength * UNICAST_WINDOW_MULTIPLE;
  }

  /** A NAK whose gap lies in a term. */
  onNak(termId: number, termOffset: number, length: number): void {
    if (length === 0) return;
    const offset = termOffset - this.termOffset;
    if (this.state !== INACTIVE && termId === this.termId && offset >= 0 && offset < this.length) return;
    this.termId = termId;
    this.termOffset = termOffset;
    this.length = Math.min(length, this.lengthMax, this.termLength - termOffset);
    if (this.delayNs === 0) {
      this.resend();
    } else {
      this.state = DELAYED;
      this.expiryNs = this.clock.nanoTime + this.delayNs;
    }
  }

  processTimeouts(): void {
    if (this.state === INACTIVE || this.clock.nanoTime <= this.expiryNs) return;
    if (this.state === DELAYED) {
      this.resend();
    } else {
      this.state = INACTIVE;
    }
  }

  private resend(): void {
    this.resender.resend(this.termId, this.termOffset, this.length);
    this.state = LINGERING;
    this.expiryNs = this.clock.nanoTime + this.lingerNs;
  }
}
