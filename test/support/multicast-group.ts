import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from './checked-message.ts';

const STREAM = { seed: 1112, maxLength: 4000 };
/** With `fc=max` the fastest receiver sets the pace: nobody may fall further behind than this. */
const AHEAD_MAX = 16;

/** Publishers and subscribers of one group on one stream id: every subscriber gets every message of every publisher. */
export class MulticastExchange {
  readonly subscriptions: readonly Subscription[];
  readonly publications: readonly ExclusivePublication[];
  private readonly writers: readonly CheckedMessageWriter[];
  private readonly verifiers: readonly CheckedMessageVerifier[];
  private readonly assemblers: readonly FragmentAssembler[];
  private readonly buffer: Buffer = Buffer.alloc(STREAM.maxLength);
  private readonly view: DataView = new DataView(
    this.buffer.buffer,
    this.buffer.byteOffset,
    this.buffer.byteLength,
  );
  private readonly count: number;
  private readonly sent: number[];
  private readonly heard: number[];

  static async start(
    publishers: readonly { readonly aeron: Aeron; readonly channel: string }[],
    subscribers: readonly { readonly aeron: Aeron; readonly channel: string }[],
    streamId: number,
    count: number,
  ): Promise<MulticastExchange> {
    const subscriptions = await Promise.all(
      subscribers.map(({ aeron, channel }) => aeron.addSubscription(channel, streamId)),
    );
    const publications = await Promise.all(
      publishers.map(({ aeron, channel }) => aeron.addExclusivePublication(channel, streamId)),
    );
    return new MulticastExchange(publications, subscriptions, count);
  }

  private constructor(
    publications: readonly ExclusivePublication[],
    subscriptions: readonly Subscription[],
    count: number,
  ) {
    this.publications = publications;
    this.subscriptions = subscriptions;
    this.count = count;
    this.writers = publications.map((_, producer) => new CheckedMessageWriter(STREAM, producer));
    this.verifiers = subscriptions.map(() => new CheckedMessageVerifier(STREAM, publications.length, count));
    this.sent = publications.map(() => 0);
    this.heard = subscriptions.map(() => 0);
    this.assemblers = this.verifiers.map(
      (verifier, i) =>
        new FragmentAssembler((buffer, offset, length) => {
          this.heard[i]!++;
          verifier.onMessage(
            new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength),
            offset,
            length,
          );
        }),
    );
  }

  /** Waits until every subscriber sees every publisher, sends everything, and checks what came. */
  async run(deadlineMs = 60_000): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    const due = async (what: string): Promise<void> => {
      assert.ok(performance.now() < deadline, `${what} did not come in ${deadlineMs} ms: ${this.heard}`);
      await nextTurn();
    };
    while (!this.isComplete()) await due('an image of each publisher at each subscriber');
    while (!this.advance()) await due('the last message');
    for (const verifier of this.verifiers) {
      verifier.finish();
      const { received, lost, duplicated, reordered, corrupted } = verifier;
      const expected = this.count * this.publications.length;
      assert.deepEqual([received, lost, duplicated, reordered, corrupted], [expected, 0, 0, 0, 0]);
    }
  }

  private isComplete(): boolean {
    const publishers = this.publications.length;
    return (
      this.publications.every(({ isConnected }) => isConnected) &&
      this.subscriptions.every(({ imageCount }) => imageCount === publishers)
    );
  }

  private advance(): boolean {
    const slowest = Math.min(...this.heard);
    for (const [i, publication] of this.publications.entries()) {
      for (let n = 0; n < AHEAD_MAX && this.sent[i]! < this.count; n++) {
        const total = this.sent.reduce((sum, sent) => sum + sent, 0);
        if (total - slowest >= AHEAD_MAX * this.publications.length) break;
        const length = this.writers[i]!.write(this.view, 0, this.sent[i]!);
        if (publication.offer(this.buffer, 0, length) < 0) break;
        this.sent[i]!++;
      }
    }
    for (const [i, subscription] of this.subscriptions.entries()) {
      subscription.poll(this.assemblers[i]!.handler, 64);
    }
    return this.verifiers.every(({ isComplete }) => isComplete);
  }
}
