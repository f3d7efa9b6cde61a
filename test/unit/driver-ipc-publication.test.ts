import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import type { IpcPublicationSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import {
  MTU,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

class Ipc {
  readonly agent = new TestAgent(null);
  readonly log: LogBuffers;
  readonly spec: IpcPublicationSpec;
  readonly publisher: TestPublisher;
  readonly counters: AtomicCounter[] = [];
  readonly subscribers: TestSubscriber[] = [];

  constructor(subscriberCount: number, overrides: Partial<IpcPublicationSpec> = {}) {
    const logType = overrides.isExclusive === false ? 'concurrentPublication' : 'exclusivePublication';
    this.log = directory.createLog(`ipc-${logCount++}`, { logType });
    for (let i = 0; i < subscriberCount; i++) this.counters.push(this.agent.claimCounter());
    this.spec = this.agent.addIpcPublication(this.log, this.counters, overrides);
    this.subscribers = this.counters.map(({ id }) => new TestSubscriber(this.log, this.agent.position(id)));
    this.publisher = new TestPublisher(this.log, this.agent.position(this.spec.publisherLimitCounterId));
    this.cycle();
    this.agent.takeEvents();
  }

  get limit(): number {
    return this.agent.counter(this.spec.publisherLimitCounterId).get();
  }

  cycle(): void {
    this.agent.agent.doWork();
  }

  /** Joins a subscriber; returns its counter and what the agent said. */
  join() {
    const counter = this.agent.claimCounter();
    const subscriber = { counterId: counter.id, tether: true };
    this.agent.command({ kind: 'addSubscriber', registrationId: 1, subscriber });
    const event = this.agent.takeEvents().at(-1);
    return { counter, event };
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

test('without subscribers nothing can be published', () => {
  using ipc = new Ipc(0);
  assert.equal(ipc.limit, 0);
  assert.equal(ipc.log.isConnected(), false);
  assert.equal(ipc.publisher.offer(Buffer.alloc(8)), false);
});

test('a subscriber connects the publication and opens its window', () => {
  using ipc = new Ipc(0);
  const { counter, event } = ipc.join();
  const counterId = counter.id;
  assert.deepEqual(event, { kind: 'subscriberAdded', registrationId: 1, counterId, joinPosition: 0 });
  ipc.cycle();
  assert.equal(ipc.limit, WINDOW);
  assert.equal(ipc.log.isConnected(), true);
});

test('messages pass through many terms, the log is clean ahead of them', () => {
  using ipc = new Ipc(2);
  const message = Buffer.alloc(MTU - 32, 0x33);
  let sent = 0;
  const received = [0, 0];
  while (ipc.publisher.position < 7 * TERM_LENGTH) {
    if (ipc.publisher.offer(message)) sent++;
    ipc.cycle();
    ipc.subscribers.forEach((subscriber, index) => {
      if (index === 0 || sent % 7 === 0) received[index]! += subscriber.poll(() => {});
    });
    const { limit } = ipc;
    assert.ok(limit <= Math.min(...ipc.subscribers.map(({ position }) => position)) + WINDOW);
    const at = (Math.floor(limit / TERM_LENGTH) % 3) * TERM_LENGTH + (limit % TERM_LENGTH);
    assert.equal(ipc.log.region.i32[at >> 2], 0, `clean at the limit ${limit}`);
  }
  ipc.subscribers.forEach((subscriber, index) => {
    received[index]! += subscriber.poll(() => {});
    received[index]! += subscriber.poll(() => {});
  });
  assert.deepEqual(received, [sent, sent]);
  ipc.cycle();
  assert.equal(ipc.agent.counter(ipc.spec.publisherPositionCounterId).get(), ipc.publisher.position);
});

test('the slowest subscriber stops the publisher until it leaves', () => {
  using ipc = new Ipc(2);
  const message = Buffer.alloc(992);
  const fill = () => {
    let count = 0;
    while (ipc.publisher.offer(message)) count++;
    ipc.subscribers[0]!.poll(() => {});
    ipc.cycle();
    return count;
  };
  assert.equal(fill(), 32);
  assert.equal(fill(), 0);
  ipc.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: ipc.counters[1]!.id });
  ipc.cycle();
  assert.ok(fill() > 0);
});

test('when the last subscriber leaves the publication disconnects; the next joins where it was', () => {
  using ipc = new Ipc(1);
  for (let i = 0; i < 3; i++) ipc.publisher.offer(Buffer.alloc(32));
  ipc.subscribers[0]!.poll(() => {});
  ipc.cycle();
  for (let i = 0; i < 2; i++) ipc.publisher.offer(Buffer.alloc(32));
  ipc.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: ipc.counters[0]!.id });
  ipc.cycle();
  assert.equal(ipc.log.isConnected(), false);
  assert.equal(ipc.limit, 192);
  const { counter, event } = ipc.join();
  assert.deepEqual(event, {
    kind: 'subscriberAdded',
    registrationId: 1,
    counterId: counter.id,
    joinPosition: 192,
  });
  const messages = new TestSubscriber(ipc.log, ipc.agent.position(counter.id), 192).poll(() => {});
  assert.equal(messages, 2);
});

test('what a subscriber read just before it left is not read again by the next one', () => {
  using ipc = new Ipc(1);
  for (let i = 0; i < 3; i++) ipc.publisher.offer(Buffer.alloc(32));
  ipc.subscribers[0]!.poll(() => {});
  ipc.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: ipc.counters[0]!.id });
  const { event } = ipc.join();
  assert.equal(event?.kind === 'subscriberAdded' && event.joinPosition, 192);
});

test('a subscriber position that makes no sense is not believed', () => {
  using ipc = new Ipc(1);
  ipc.publisher.offer(Buffer.alloc(992));
  for (const nonsense of [2 ** 52 + 32, -1, 2 ** 40 + 64]) {
    ipc.counters[0]!.set(nonsense);
    ipc.cycle();
    assert.ok(ipc.limit <= 1024 + WINDOW);
  }
});

test('a drained publication waits for its subscribers, then is gone', () => {
  using ipc = new Ipc(1);
  ipc.publisher.offer(Buffer.alloc(32));
  ipc.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  assert.equal(ipc.log.endOfStreamPosition(), 64);
  assert.equal(ipc.limit, 64);
  ipc.agent.run(3000);
  assert.deepEqual(ipc.agent.takeEvents(), []);
  const { counter, event } = ipc.join();
  assert.equal(event!.kind, 'subscriberAdded', 'there is something left to read');
  ipc.subscribers[0]!.poll(() => {});
  ipc.agent.run(2000);
  assert.deepEqual(ipc.agent.takeEvents(), [], 'the second has not read it');
  ipc.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: counter.id });
  ipc.agent.run(2001);
  assert.deepEqual(ipc.agent.takeEvents(), [
    { kind: 'subscriberRemoved', counterId: counter.id },
    { kind: 'streamUnavailable', registrationId: 1 },
    { kind: 'streamReleased', registrationId: 1 },
  ]);
  assert.equal(ipc.join().event!.kind, 'subscriberRefused');
});

test('a revoked publication is unavailable at once', () => {
  using ipc = new Ipc(1);
  ipc.publisher.offer(Buffer.alloc(32));
  ipc.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  assert.deepEqual(ipc.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  assert.equal(ipc.log.isRevoked(), true);
  assert.equal(ipc.log.isConnected(), false);
  assert.equal(ipc.agent.counter(40).get(), 1);
});

test('a publisher that died in a message is passed over after the unblock timeout', () => {
  using ipc = new Ipc(1, { isExclusive: false });
  Atomics.store(ipc.log.region.i32, ipc.log.rawTailIndex(0), 128);
  Atomics.store(ipc.log.region.i32, 0, -100);
  ipc.agent.run(15_900);
  assert.equal(ipc.agent.counter(19).get(), 0);
  ipc.agent.run(2000);
  assert.equal(ipc.agent.counter(19).get(), 1);
  ipc.subscribers[0]!.poll(() => {});
  assert.equal(ipc.subscribers[0]!.position, 128);
});

test('a claim is left to its publisher when the driver, not the publisher, has stood still', () => {
  using ipc = new Ipc(1, { isExclusive: false });
  ipc.agent.run(2000);
  // Longer than the unblock timeout, and the claim came at the end of it.
  ipc.agent.clock.advanceNs(20e9);
  Atomics.store(ipc.log.region.i32, ipc.log.rawTailIndex(0), 128);
  Atomics.store(ipc.log.region.i32, 0, -100);
  ipc.agent.run(14_000);
  assert.equal(ipc.agent.counter(19).get(), 0, 'unblocked publications');
  assert.equal(Atomics.load(ipc.log.region.i32, 0), -100, 'the claim');
  ipc.agent.run(4000);
  assert.equal(ipc.agent.counter(19).get(), 1, 'unblocked publications');
});

test('a closed publication whose last message was never written ends before it', () => {
  using ipc = new Ipc(2);
  ipc.publisher.offer(Buffer.alloc(64));
  Atomics.store(ipc.log.region.i32, ipc.log.rawTailIndex(0), 1024);
  ipc.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  ipc.agent.run(30_000);
  assert.equal(ipc.log.endOfStreamPosition(), 1024, 'nobody has read what there is');
  ipc.subscribers[0]!.poll(() => {});
  ipc.agent.run(18_000);
  assert.equal(ipc.log.endOfStreamPosition(), 96);
  assert.deepEqual(ipc.agent.takeEvents(), []);
  ipc.subscribers[1]!.poll(() => {});
  ipc.agent.run(1001);
  assert.deepEqual(ipc.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
});
