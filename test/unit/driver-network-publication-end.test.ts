/** How publications end, and what becomes of messages that their publishers left unfinished. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_MESSAGE_FLAG_EOS } from '../../src/protocol/status-message-frame.ts';
import { PublicationSender, statusMessage } from '../support/publication-sender.ts';
import { TERM_LENGTH } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('a drained publication ends with an end of stream and lingers until the receiver agrees', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.publisher.offer(Buffer.alloc(64));
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  assert.equal(sender.log.endOfStreamPosition(), 96);
  assert.equal(sender.limit.get(), 96);
  sender.agent.run(1200);
  assert.equal(sender.senderPosition, 96);
  const last = sender.transport.takeSent().at(-1)!;
  assert.equal(last.view.getUint8(5), 0xe0, 'heartbeats say end of stream');
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.receive(statusMessage(96, WINDOW, STATUS_MESSAGE_FLAG_EOS));
  sender.agent.run(1000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
  sender.transport.takeSent();
  sender.agent.run(200);
  assert.equal(sender.transport.takeSent().length, 0, 'nothing is sent after the release');
});

test('a drained publication lingers for a receiver that had left and came back', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.receive(statusMessage(0, WINDOW, STATUS_MESSAGE_FLAG_EOS));
  sender.receive(statusMessage(0, WINDOW));
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.transport.takeSent();
  sender.agent.run(2000);
  assert.deepEqual(sender.agent.takeEvents(), []);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xe0, 'it is told of the end');
});

test('a drained publication whose receiver keeps silent is released after the linger time', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.agent.run(5900);
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.agent.run(2000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a publication without signalEos ends quietly', () => {
  using sender = new PublicationSender({ signalEos: false });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.agent.run(1200);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xc0);
});

test('a revoked publication says so in its heartbeats', () => {
  using sender = new PublicationSender({ signalEos: false });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  assert.equal(sender.log.isRevoked(), true);
  assert.equal(sender.log.isConnected(), false);
  sender.agent.run(150);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xf0);
  assert.equal(sender.agent.counter(40).get(), 1);
});

test('a revoked publication tells its receiver three times before it goes, however short its linger time', () => {
  using sender = new PublicationSender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  sender.agent.run(1);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xf0, 'at once');
  sender.agent.run(199);
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.agent.run(10);
  const flags = sender.transport.takeSent().map(({ view }) => view.getUint8(5));
  assert.deepEqual(flags, [0xf0, 0xf0]);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a revoked publication goes at once when its receiver has heard of it, or when there never was one', () => {
  using sender = new PublicationSender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  sender.receive(statusMessage(0, WINDOW, STATUS_MESSAGE_FLAG_EOS));
  sender.agent.run(2);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
  using alone = new PublicationSender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  alone.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  alone.agent.run(2);
  assert.deepEqual(alone.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a revoked publication that can tell nobody goes after a second', () => {
  using sender = new PublicationSender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  sender.connect();
  sender.transport.accepts = 0;
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  sender.agent.run(999);
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.agent.run(3);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a publisher that died in a message is passed over after the unblock timeout', () => {
  using sender = new PublicationSender({ isExclusive: false });
  sender.connect();
  const tailIndex = sender.log.rawTailIndex(0);
  Atomics.store(sender.log.region.i32, tailIndex, 256);
  Atomics.store(sender.log.region.i32, 0, -100);
  for (let second = 0; second < 15; second++) {
    sender.agent.run(1000);
    sender.receive(statusMessage(sender.senderPosition));
  }
  assert.equal(sender.senderPosition, 0);
  sender.agent.run(2002);
  assert.equal(sender.senderPosition, 128);
  assert.equal(sender.agent.counter(19).get(), 1, 'unblocked publications');
});

test('a claim is left to its publisher when the sender, not the publisher, has stood still', () => {
  using sender = new PublicationSender({ isExclusive: false });
  sender.connect();
  sender.agent.run(2000);
  // Longer than the unblock timeout, and the claim came at the end of it.
  sender.agent.clock.advanceNs(20e9);
  Atomics.store(sender.log.region.i32, sender.log.rawTailIndex(0), 256);
  Atomics.store(sender.log.region.i32, 0, -100);
  sender.agent.run(14_000);
  assert.equal(sender.agent.counter(19).get(), 0, 'unblocked publications');
  assert.equal(Atomics.load(sender.log.region.i32, 0), -100, 'the claim');
  sender.agent.run(4000);
  assert.equal(sender.agent.counter(19).get(), 1, 'unblocked publications');
});

test('a closed publication whose last message was never written ends before it', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.publisher.offer(Buffer.alloc(64));
  Atomics.store(sender.log.region.i32, sender.log.rawTailIndex(0), 1024);
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  assert.equal(sender.log.endOfStreamPosition(), 1024);
  for (let second = 0; second < 18; second++) {
    sender.agent.run(1000);
    sender.receive(statusMessage(sender.senderPosition));
  }
  assert.equal(sender.log.endOfStreamPosition(), 96);
  sender.agent.run(200);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xe0);
  sender.agent.run(6000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a closed publication waits for a receiver that is slow', () => {
  using sender = new PublicationSender();
  sender.receive(statusMessage(0, 0));
  sender.publisher.offer(Buffer.alloc(64));
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  for (let second = 0; second < 40; second++) {
    sender.agent.run(1000);
    sender.receive(statusMessage(0, 0));
  }
  sender.receive(statusMessage(0, 4096));
  assert.equal(sender.senderPosition, 96);
  assert.deepEqual(sender.agent.takeEvents(), []);
});
