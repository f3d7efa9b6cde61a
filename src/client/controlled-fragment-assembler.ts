// hot
import { FLAG_BEGIN, FLAG_END, FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { type ControlledFragmentHandler, ControlledPollAction } from './fragment-handler.ts';
import type { Header } from './header.ts';
import type { PartialMessage } from './partial-message.ts';
import { PartialMessages } from './partial-messages.ts';

/**
 * A `FragmentAssembler` for `controlledPoll`: its handler says after each whole message what happens next. ABORT of a
 * message in fragments delivers it again with the next poll.
 */
export class ControlledFragmentAssembler {
  /** Give this to `controlledPoll`. */
  readonly handler: ControlledFragmentHandler;
  private readonly onMessage: ControlledFragmentHandler;
  private readonly messages: PartialMessages = new PartialMessages();

  constructor(onMessage: ControlledFragmentHandler) {
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

  private assemble(buffer: Buffer, offset: number, length: number, header: Header): ControlledPollAction {
    const flags = header.flags;
    if ((flags & FLAG_UNFRAGMENTED) === FLAG_UNFRAGMENTED) {
      return this.onMessage(buffer, offset, length, header);
    }
    if ((flags & FLAG_BEGIN) === FLAG_BEGIN) {
      this.messages.begin(header, length);
      return ControlledPollAction.CONTINUE;
    }
    const message = this.messages.get(header.sessionId);
    if (message === undefined) return ControlledPollAction.CONTINUE;
    return appendControlled(message, this.onMessage, header, length);
  }
}

/** Adds a fragment that is not the first, and hands the message over when it was the last. */
export function appendControlled(
  message: PartialMessage,
  onMessage: ControlledFragmentHandler,
  header: Header,
  length: number,
): ControlledPollAction {
  if (!message.append(header, length)) return ControlledPollAction.CONTINUE;
  if ((header.flags & FLAG_END) !== FLAG_END) return ControlledPollAction.CONTINUE;
  const assembledLength = message.complete(header);
  const action = onMessage(message.buffer, 0, assembledLength, message.header);
  if (action === ControlledPollAction.ABORT) message.rollBack(header, length);
  else message.reset();
  return action;
}
