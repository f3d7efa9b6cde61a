// hot
import { copyOut } from '../memory/bytes.ts';
import { HEADER_LENGTH } from '../protocol/frame.ts';
import { align32 } from '../util/bits.ts';
import type { Header } from './header.ts';

const MIN_CAPACITY = 4096;
const NONE = -1;

/** The fragments of a message that came so far; one object a session, used again. */
export class PartialMessage {
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

  /** Makes the header that of the whole message. Returns the message's length. */
  complete(last: Header): number {
    const flags = this.header.flags | last.flags;
    this.header.assembled(this.length + HEADER_LENGTH, flags, this.nextTermOffset - this.beginTermOffset);
    return this.length;
  }

  /** Forgets the message. */
  reset(): void {
    this.nextTermOffset = NONE;
  }

  /** Takes the last fragment off again: it will come once more. */
  rollBack(last: Header, length: number): void {
    this.length -= length;
    this.nextTermOffset = last.termOffset;
  }

  /** Cold: the buffer stays as long as the longest message was. */
  private grow(requiredLength: number): void {
    const capacity = Math.max(requiredLength, Math.ceil(this.buffer.length * 1.5));
    const buffer = Buffer.allocUnsafeSlow(capacity);
    this.buffer.copy(buffer, 0, 0, this.length);
    this.buffer = buffer;
  }
}
