import type { ClientConductor } from './client-conductor.ts';
import { FragmentAssembler } from './fragment-assembler.ts';
import type { Subscription } from './subscription.ts';

export interface MessagesOptions {
  /** Ends the loop: it throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The messages of a subscription, one at a time. */
export class MessageIterator implements AsyncIterableIterator<Buffer> {
  private readonly subscription: Subscription;
  private readonly conductor: ClientConductor;
  private readonly signal: AbortSignal | null;
  private readonly assembler: FragmentAssembler;
  private message: Buffer | null = null;
  private isDone = false;

  constructor(subscription: Subscription, conductor: ClientConductor, options: MessagesOptions) {
    this.subscription = subscription;
    this.conductor = conductor;
    this.signal = options.signal ?? null;
    this.assembler = new FragmentAssembler((buffer, offset, length) => {
      this.message = Buffer.allocUnsafe(length);
      buffer.copy(this.message, 0, offset, offset + length);
    });
  }

  async next(): Promise<IteratorResult<Buffer>> {
    this.signal?.throwIfAborted();
    const { waits } = this.conductor;
    const ready = this.tryNext();
    if (ready !== null) {
      if (!waits.spend(ready.done ? 0 : ready.value.length)) await waits.nextTurn();
      return ready;
    }
    const awaited: IteratorResult<Buffer>[] = [];
    await waits.until(() => {
      const result = this.tryNext();
      if (result !== null) awaited.push(result);
      return result !== null;
    }, this.signal);
    return awaited[0]!;
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.isDone = true;
    this.assembler.clear();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this;
  }

  /** The next message, or the end; null when there is neither yet. Throws when the client lost its driver. */
  private tryNext(): IteratorResult<Buffer> | null {
    while (!this.isDone) {
      if (this.subscription.poll(this.assembler.handler, 1) === 0) {
        if (!this.subscription.isClosed) return null;
        this.isDone = true;
        this.conductor.throwIfLost();
      }
      const value = this.message;
      this.message = null;
      if (value !== null) return { done: false, value };
    }
    return { done: true, value: undefined };
  }
}
