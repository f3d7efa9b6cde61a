// hot
import { framedLength, maxMessageLength, PARTITION_COUNT } from '../../logbuffer/descriptor.ts';
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { TermScanner } from '../../logbuffer/term-scanner.ts';
import { DATA_TERM_OFFSET } from '../../protocol/data-frame.ts';
import { HEADER_LENGTH } from '../../protocol/frame.ts';
import type { DatagramBurst } from '../../transport/transport.ts';
import type { AgentContext } from '../agent-context.ts';
import type { AgentCounters } from '../agent-counters.ts';
import type { NetworkPublicationSpec } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { Resender } from './retransmit-handler.ts';
import type { SendRoute } from './send-endpoint.ts';

/**
 * How far behind the sender a receiver may be that keeps to its window: half a term, and the padding at the end of a term,
 * of which the window needs to hold the header only. It is shorter than the longest message, in frames.
 */
export function reachLength(termLength: number, mtu: number): number {
  return termLength / 2 + framedLength(maxMessageLength(termLength), mtu - HEADER_LENGTH);
}

/** Sends from the log of a publication again what of it is within reach of a receiver. */
export class LogResender implements Resender {
  private readonly counters: AgentCounters;
  private readonly endpoint: SendRoute;
  private readonly log: LogBuffers;
  private readonly i32: Int32Array;
  /** Of the log, or of the same memory: while it waits in a transmit ring its place in the log may be cleaned. */
  private readonly handle: number;
  private readonly scanner: TermScanner;
  private readonly burst: DatagramBurst;
  private readonly senderPosition: PositionCounter;
  private readonly termLength: number;
  private readonly initialTermId: number;
  private readonly mtu: number;
  private readonly reachLength: number;

  constructor(
    { counters, scratch }: AgentContext,
    endpoint: SendRoute,
    log: LogBuffers,
    spec: NetworkPublicationSpec,
    senderPosition: PositionCounter,
  ) {
    this.counters = counters;
    this.endpoint = endpoint;
    this.log = log;
    this.i32 = log.region.i32;
    this.handle = spec.resendHandle ?? log.region.handle;
    this.scanner = scratch.scanner;
    this.burst = scratch.burst;
    this.senderPosition = senderPosition;
    this.termLength = spec.termLength;
    this.initialTermId = spec.initialTermId;
    this.mtu = spec.mtu;
    this.reachLength = reachLength(spec.termLength, spec.mtu);
  }

  resend(termId: number, termOffset: number, length: number): void {
    const termLength = this.termLength;
    const termCount = (termId - this.initialTermId) | 0;
    const resendPosition = termCount * termLength + termOffset;
    const windowBottom = this.senderPosition.value - this.reachLength;
    if (resendPosition < windowBottom || resendPosition < 0 || resendPosition >= this.senderPosition.value)
      return;
    const { burst, scanner, mtu } = this;
    const termStart = this.log.termStart(termCount % PARTITION_COUNT);
    const endOffset = termOffset + length;
    let resendOffset = termOffset;
    let bytes = 0;
    while (resendOffset < endOffset) {
      burst.clear();
      while (resendOffset < endOffset && !burst.isFull) {
        const available = scanner.scan(
          this.i32,
          termStart,
          resendOffset,
          Math.min(mtu, endOffset - resendOffset),
        );
        if (available <= 0 || !this.isFrameAt(termStart, resendOffset)) break;
        burst.add(this.handle, termStart + resendOffset, available);
        resendOffset += available + scanner.padding;
        bytes += available;
      }
      if (burst.count === 0) break;
      const accepted = this.endpoint.send(burst);
      if (accepted < burst.count) {
        this.counters.shortSends.increment();
        for (let i = accepted; i < burst.count; i++) bytes -= burst.lengthAt(i);
        break;
      }
    }
    if (bytes === 0) return;
    this.counters.bytesSent.add(bytes);
    this.counters.retransmitsSent.increment();
    this.counters.retransmittedBytes.add(bytes);
  }

  /** Whether a frame starts there: a NAK may name the middle of one, whose bytes would be sent as if they were frames. */
  private isFrameAt(termStart: number, termOffset: number): boolean {
    return this.i32[(termStart + termOffset + DATA_TERM_OFFSET) >> 2] === termOffset;
  }
}
