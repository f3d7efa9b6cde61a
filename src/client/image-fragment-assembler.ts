// hot
import { FLAG_BEGIN, FLAG_END, FLAG_UNFRAGMENTED } from '../protocol/data-frame.ts';
import { appendControlled } from './controlled-fragment-assembler.ts';
import {
  type ControlledFragmentHandler,
  ControlledPollAction,
  type FragmentHandler,
} from './fragment-handler.ts';
import type { Header } from './header.ts';
import { PartialMessage } from './partial-message.ts';

/** A `FragmentAssembler` for the fragments of one image: it looks no session up. */
export class ImageFragmentAssembler {
  /** Give this to `image.poll`. */
  readonly handler: FragmentHandler;
  private readonly onMessage: FragmentHandler;
  private message: PartialMessage | null = null;

  constructor(onMessage: FragmentHandler) {
    this.onMessage = onMessage;
    this.handler = this.assemble.bind(this);
  }

  /** Forgets what had begun, and frees the buffer. */
  clear(): void {
    this.message = null;
  }

  private assemble(buffer: Buffer, offset: number, length: number, header: Header): void {
    const flags = header.flags;
    if ((flags & FLAG_UNFRAGMENTED) === FLAG_UNFRAGMENTED) {
      this.onMessage(buffer, offset, length, header);
      return;
    }
    if ((flags & FLAG_BEGIN) === FLAG_BEGIN) {
      this.message = messageFor(this.message, header);
      this.message.begin(header, length);
      return;
    }
    const { message } = this;
    if (message === null || !message.append(header, length)) return;
    if ((flags & FLAG_END) === FLAG_END) {
      const assembledLength = message.complete(header);
      message.reset();
      this.onMessage(message.buffer, 0, assembledLength, message.header);
    }
  }
}

/** A `ControlledFragmentAssembler` for the fragments of one image: it looks no session up. */
export class ImageControlledFragmentAssembler {
  /** Give this to `image.controlledPoll`. */
  readonly handler: ControlledFragmentHandler;
  private readonly onMessage: ControlledFragmentHandler;
  private message: PartialMessage | null = null;

  constructor(onMessage: ControlledFragmentHandler) {
    this.onMessage = onMessage;
    this.handler = this.assemble.bind(this);
  }

  /** Forgets what had begun, and frees the buffer. */
  clear(): void {
    this.message = null;
  }

  private assemble(buffer: Buffer, offset: number, length: number, header: Header): ControlledPollAction {
    const flags = header.flags;
    if ((flags & FLAG_UNFRAGMENTED) === FLAG_UNFRAGMENTED) {
      return this.onMessage(buffer, offset, length, header);
    }
    if ((flags & FLAG_BEGIN) === FLAG_BEGIN) {
      this.message = messageFor(this.message, header);
      this.message.begin(header, length);
      return ControlledPollAction.CONTINUE;
    }
    if (this.message === null) return ControlledPollAction.CONTINUE;
    return appendControlled(this.message, this.onMessage, header, length);
  }
}

/** Cold from the second message of an image on: it is the one there is. */
function messageFor(message: PartialMessage | null, header: Header): PartialMessage {
  return message !== null && message.header.image === header.image ? message : new PartialMessage(header);
}
