// hot
import { copyOut } from '../memory/bytes.ts';
import { FLAG_BEGIN, FLAG_END, FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { FragmentHandler } from './fragment-handler.ts';
import type { Header } from './header.ts';

const MIN_CAPACITY = 4096;
const NONE = -1;

/**
 * Puts the fragments of long messages together, so that its handler sees whole messages only. Messages of
 * one fragment pass through without a copy. Make one for each place that polls:
 *
 * ```ts
 * const assembler = new FragmentAssembler((buffer, offset, length, header) => { … });
 * subscription.poll(assembler.handler, 10);
 * ```
 */
export class FragmentAssembler {
  /** Give this to `poll`. */
  readonly handler: FragmentHandler;
  private readonly onMessage: FragmentHandler;
  private readonly messages: Map<number, PartialMessage> = new Map();

  constructor(onMessage: FragmentHandler) {
    this.onMessage = onMessage;
    this.handler = this.assemble.bind(this);
  }

  /** Forgets what a session had begun, and frees its buffer. Returns whether there was one. */
  freeSessionBuffer(sessionId: number): boolean {
    return this.messages.delete(sessionId);
  }

  /** Forgets what all sessions had begun, and frees their buffers. */
  clear(): void {
    this.messages.clear();
  }

  private assemble(buffer: Buffer, offset: number, length: number, header: Header): void {
    const flags = header.flags;
    if ((flags & FLAG_UNFRAGMENTED) === FLAG_UNFRAGMENTED) {
      this.onMessage(buffer, offset, length, header);
      return;
    }
    if ((flags & FLAG_BEGIN) === FLAG_BEGIN) {
      this.messageOf(header).begin(header, length);
      return;
    }
    const message = this.messages.get(header.sessionId);
    if (message === undefined || !message.append(header, length)) return;
    if ((flags & FLAG_END) === FLAG_END) {
      const assembledLength = message.complete(header);
      this.onMessage(message.buffer, 0, assembledLength, message.header);
    }
  }

  /** Cold from the second message of a session on: it finds the one there is. */
  private messageOf(header: Header): PartialMessage {
    const found = this.messages.get(header.sessionId);
    if (found !== undefined && found.header.image === header.image) return found;
    const created = new PartialMessage(header);
    this.messages.set(header.sessionId, created);
    return created;
  }
}

/** The beginning of a message; one object a session, used again. */
class PartialMessage {
  buffer: Buffer = Buffer.allocUnsafeSlow(MIN_CAPACITY);
  readonly header: Header;
  private length = 0;
  private beginTermOffset = 0;
  /**
   * Where the next fragment must start, or NONE: a fragment was missed, and what follows is dropped up to
   * the next beginning.
   */
  private nextTermOffset = NONE;

  constructor(header: Header) {
    this.header = header.cloneEmpty();
  }

  begin(header: Header, length: number): void {
    this.header.copyFrom(header);
    this.length = 0;
    this.beginTermOffset = header.termOffset;
    this.nextTermOffset = header.termOffset;
    this.append(header, length);
  }

  /** Returns false when the fragment is not the next one. */
  append(header: Header, length: number): boolean {
    const termOffset = header.termOffset;
    if (termOffset !== this.nextTermOffset) {
      this.nextTermOffset = NONE;
      return false;
    }
    if (this.length + length > this.buffer.length) this.grow(this.length + length);
    copyOut(header.region, header.payloadStart, this.buffer, this.length, length);
    this.length += length;
    this.nextTermOffset = termOffset + align32(length + HEADER_LENGTH);
    return true;
  }

  /** Returns the message's length. */
  complete(last: Header): number {
    const flags = this.header.flags | last.flags;
    this.header.assembled(this.length + HEADER_LENGTH, flags, this.nextTermOffset - this.beginTermOffset);
    this.nextTermOffset = NONE;
    return this.length;
  }

  /** Cold: the buffer stays as long as the longest message was. */
  private grow(requiredLength: number): void {
    const capacity = Math.max(requiredLength, Math.ceil(this.buffer.length * 1.5));
    const buffer = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(buffer, 0, 0, this.length);
    this.buffer = buffer;
  }
}
