// hot
import { FLAG_BEGIN, FLAG_END, FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import type { FragmentHandler } from './fragment-handler.ts';
import type { Header } from './header.ts';
import { PartialMessages } from './partial-messages.ts';

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
  private readonly messages: PartialMessages = new PartialMessages();

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
      this.messages.begin(header, length);
      return;
    }
    const message = this.messages.get(header.sessionId);
    if (message === undefined || !message.append(header, length)) return;
    if ((flags & FLAG_END) === FLAG_END) {
      const assembledLength = message.complete(header);
      message.reset();
      this.onMessage(message.buffer, 0, assembledLength, message.header);
    }
  }
}
