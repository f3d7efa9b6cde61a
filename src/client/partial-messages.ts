// hot
import type { Header } from './header.ts';
import { PartialMessage } from './partial-message.ts';

/** What sessions have begun and not ended, one message of each. */
export class PartialMessages {
  private readonly messages: Map<number, PartialMessage> = new Map();

  /** Undefined when the session has begun none. */
  get(sessionId: number): PartialMessage | undefined {
    return this.messages.get(sessionId);
  }

  /** A session begins a message. Cold from its second one on: it finds the one there is. */
  begin(header: Header, length: number): void {
    const found = this.messages.get(header.sessionId);
    if (found !== undefined && found.header.image === header.image) {
      found.begin(header, length);
      return;
    }
    const created = new PartialMessage(header);
    this.messages.set(header.sessionId, created);
    created.begin(header, length);
  }

  /** Returns whether there was one. */
  delete(sessionId: number): boolean {
    return this.messages.delete(sessionId);
  }

  clear(): void {
    this.messages.clear();
  }
}
