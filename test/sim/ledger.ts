/** What was sent, as its publishers know it: what subscribers must get is looked up here. */
import { align } from '../../src/util/bits.ts';
import { fail } from './failure.ts';

const PATTERN_LENGTH = 1 << 20;
const PATTERN = Buffer.alloc(PATTERN_LENGTH + 4096);
for (let i = 0, state = 12345; i < PATTERN.length; i++) {
  state = (Math.imul(state, 1103515245) + 12345) | 0;
  PATTERN[i] = state >>> 16;
}

const HEADER_LENGTH = 32;

export type MessageState =
  /** Claimed and not yet committed. */
  | 'claimed'
  | 'sent'
  /** Taken back by its publisher, or lost with it. */
  | 'void';

export interface Message {
  readonly index: number;
  readonly startPosition: number;
  readonly endPosition: number;
  readonly length: number;
  readonly sentNs: number;
  state: MessageState;
  readonly sender: Sender;
}

/** The client of a publication. */
export interface Sender {
  /** When it ran last. */
  readonly lastTurnNs: number;
}

/** The messages of one session of a stream, in the order of their positions. */
export class SessionLedger {
  readonly name: string;
  readonly messages: Message[] = [];
  readonly maxPayloadLength: number;
  private readonly salt: number;

  constructor(name: string, salt: number, maxPayloadLength: number) {
    this.name = name;
    this.salt = salt;
    this.maxPayloadLength = maxPayloadLength;
  }

  /** What the next message contains. */
  nextContent(length: number): Buffer {
    return this.content(this.messages.length, length);
  }

  append(endPosition: number, length: number, sentNs: number, state: MessageState, sender: Sender): Message {
    const startPosition = endPosition - this.framedLength(length);
    const last = this.messages.at(-1);
    if (last !== undefined && startPosition < last.endPosition) {
      fail(`${this.name}: a message from ${startPosition} on overlaps one up to ${last.endPosition}`);
    }
    const index = this.messages.length;
    const message = { index, startPosition, endPosition, length, sentNs, state, sender };
    this.messages.push(message);
    return message;
  }

  /** Bytes that a message takes of the stream. */
  framedLength(length: number): number {
    const { maxPayloadLength } = this;
    const full = Math.floor(length / maxPayloadLength);
    const rest = length - full * maxPayloadLength;
    if (full === 0) return align(rest + HEADER_LENGTH, 32);
    const restLength = rest === 0 ? 0 : align(rest + HEADER_LENGTH, 32);
    return full * align(maxPayloadLength + HEADER_LENGTH, 32) + restLength;
  }

  /** The first message that starts at or after `position`. */
  indexAt(position: number): number {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.messages[middle]!.startPosition < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first message from `index` on that subscribers get, or undefined when there is none yet. */
  nextSent(index: number): Message | undefined {
    for (let i = index; i < this.messages.length; i++) {
      if (this.messages[i]!.state !== 'void') return this.messages[i];
    }
    return undefined;
  }

  isContent(message: Message, buffer: Buffer, offset: number): boolean {
    return (
      buffer.compare(
        this.content(message.index, message.length),
        0,
        message.length,
        offset,
        offset + message.length,
      ) === 0
    );
  }

  private content(index: number, length: number): Buffer {
    const start = (Math.imul(index + 1, 0x9e3779b1) ^ this.salt) >>> 12;
    return PATTERN.subarray(start % (PATTERN_LENGTH - length), (start % (PATTERN_LENGTH - length)) + length);
  }
}

/** The sessions of one stream, by session id. */
export class StreamLedger {
  readonly name: string;
  private readonly sessions: Map<number, SessionLedger> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  session(sessionId: number, maxPayloadLength: number): SessionLedger {
    let ledger = this.sessions.get(sessionId);
    if (ledger === undefined) {
      ledger = new SessionLedger(
        `${this.name} session ${sessionId}`,
        Math.imul(sessionId, 0x85ebca6b),
        maxPayloadLength,
      );
      this.sessions.set(sessionId, ledger);
    }
    return ledger;
  }

  find(sessionId: number): SessionLedger | undefined {
    return this.sessions.get(sessionId);
  }

  all(): Iterable<SessionLedger> {
    return this.sessions.values();
  }
}
