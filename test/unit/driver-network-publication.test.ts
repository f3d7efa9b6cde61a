/** A publication sends what its publisher wrote, as far as its receivers let it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeError } from '../../src/protocol/error-frame.ts';
import { RTTM_FLAG_REPLY, writeRttm } from '../../src/protocol/rttm-frame.ts';
import { STATUS_MESSAGE_FLAG_SEND_SETUP } from '../../src/protocol/status-message-frame.ts';
import { frame, nak, PublicationSender, statusMessage } from '../support/publication-sender.ts';
import { hex, INITIAL_TERM_ID, MTU, SESSION_ID, STREAM_ID, TERM_LENGTH } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('a new publication sends setup frames every 100 ms until somebody answers', () => {
  using sender = new PublicationSender();
  sender.cycle();
  const [setup, ...more] = sender.transport.takeSent();
  assert.equal(more.length, 0);
  assert.deepEqual(
    setup!.bytes,
    hex('28000000 0000 0500 00000000 34120000 e9030000 07000000 07000000 00000100 80050000 00000000'),
  );
  assert.deepEqual([setup!.address, setup!.port], [0x7f000001, 20121]);
  sender.agent.run(350);
  assert.equal(sender.transport.takeSent().length, 3);
  sender.receive(statusMessage(0));
  sender.transport.takeSent();
  sender.agent.run(350);
  for (const { view } of sender.transport.takeSent())
    assert.equal(view.getUint16(6, true), 1, 'heartbeats only');
});

test('a status message connects the publication and opens both windows', () => {
  using sender = new PublicationSender();
  sender.cycle();
  assert.equal(sender.limit.get(), 0);
  assert.equal(sender.log.isConnected(), false);
  sender.receive(statusMessage(0, 4096));
  assert.equal(sender.value(sender.spec.senderLimitCounterId), 4096);
  assert.equal(sender.limit.get(), WINDOW);
  assert.equal(sender.log.isConnected(), true);
  assert.equal(sender.agent.counter(8).get(), 1, 'status messages received');
});

test('frames leave in order, as many to a datagram as fit into the MTU', () => {
  using sender = new PublicationSender();
  sender.connect();
  const message = Buffer.alloc(608 - 32, 0x5a);
  for (let i = 0; i < 5; i++) assert.equal(sender.publisher.offer(message), true);
  sender.cycle();
  const sent = sender.transport.takeSent();
  assert.deepEqual(
    sent.map(({ bytes }) => bytes.length),
    [1216, 1216, 608],
  );
  const wire = Buffer.concat(sent.map(({ bytes }) => bytes));
  assert.deepEqual(wire, Buffer.from(sender.log.region.bytes.subarray(0, 5 * 608)));
  assert.equal(sender.senderPosition, 5 * 608);
  assert.equal(sender.value(sender.spec.publisherPositionCounterId), 5 * 608);
});

test('a cycle sends at most as many datagrams as configured', () => {
  using sender = new PublicationSender();
  sender.connect();
  const message = Buffer.alloc(MTU - 32);
  for (let i = 0; i < 9; i++) sender.publisher.offer(message);
  for (const expected of [4, 4, 1, 0]) {
    sender.cycle();
    assert.equal(sender.transport.takeSent().length, expected);
  }
});

function repeat(times: number, ...values: number[]): number[] {
  return Array.from({ length: times }, () => values).flat();
}

for (const [maxMessagesPerSend, coalescedLengthMax, counts] of [
  [0, 0, [8, 8, 2]],
  [0, 10 * MTU + 100, [10, 8, 0]],
  [0, 3 * MTU, [8, 8, 2]],
  [0, 65469, [18, 0]],
  [5, 65469, [5, 5, 5, 3]],
  [16, 0, [16, 2]],
] as const) {
  test(`at most ${maxMessagesPerSend} messages a send, and ${coalescedLengthMax} bytes together`, () => {
    using sender = new PublicationSender({}, { maxMessagesPerSend }, coalescedLengthMax);
    sender.connect();
    for (let i = 0; i < 18; i++) sender.publisher.offer(Buffer.alloc(MTU - 32));
    const sent = counts.map(() => {
      sender.cycle();
      return sender.transport.takeSent().length;
    });
    assert.deepEqual(sent, counts);
  });
}

test('a send goes on beyond eight datagrams only while they are equally long', () => {
  using sender = new PublicationSender({}, { maxMessagesPerSend: 0 }, 65469);
  sender.connect();
  const lengths = [...repeat(4, 1408, 1376), ...repeat(11, 1408), 704, 1408];
  for (const length of lengths) sender.publisher.offer(Buffer.alloc(length - 32));
  const sent = [0, 1, 2].map(() => {
    sender.cycle();
    return sender.transport.takeSent().map(({ bytes }) => bytes.length);
  });
  assert.deepEqual(sent, [[...repeat(4, 1408, 1376), 1408], [...repeat(10, 1408), 704], [1408]]);
});

test('the receiver window stops the sender, and each stall counts once', () => {
  using sender = new PublicationSender();
  sender.receive(statusMessage(0, 1024));
  for (let i = 0; i < 3; i++) sender.publisher.offer(Buffer.alloc(480));
  sender.cycle();
  sender.cycle();
  assert.equal(sender.senderPosition, 1024);
  assert.equal(sender.value(sender.spec.senderBpeCounterId), 1);
  assert.equal(sender.agent.counter(18).get(), 1);
  sender.receive(statusMessage(512, 1024));
  assert.equal(sender.senderPosition, 1536);
});

test('what the transport does not accept is sent again', () => {
  using sender = new PublicationSender();
  sender.connect();
  for (let i = 0; i < 3; i++) sender.publisher.offer(Buffer.alloc(MTU - 32, i));
  sender.transport.accepts = 1;
  sender.cycle();
  assert.equal(sender.senderPosition, MTU);
  assert.equal(sender.agent.counter(16).get(), 1, 'short sends');
  sender.transport.accepts = 10;
  sender.cycle();
  const sent = sender.transport.takeSent();
  assert.deepEqual(
    sent.map(({ view }) => view.getInt32(8, true)),
    [0, MTU, 2 * MTU],
  );
  assert.equal(sender.agent.counter(0).get(), 40 + 3 * MTU + 32, 'bytes sent: setup, data, heartbeat');
});

test('padding to the end of a term leaves as its header alone', () => {
  using sender = new PublicationSender();
  sender.connect();
  let position = 0;
  while (sender.senderPosition < TERM_LENGTH) {
    sender.publisher.offer(Buffer.alloc(MTU - 32));
    sender.cycle();
    position = Math.max(position, sender.senderPosition);
    sender.receive(statusMessage(position));
  }
  const sent = sender.transport.takeSent().filter(({ view }) => view.getUint16(6, true) === 0);
  assert.equal(sent.length, 1);
  assert.equal(sent[0]!.bytes.length, 32);
  const termOffset = sent[0]!.view.getInt32(8, true);
  assert.equal(sent[0]!.view.getInt32(0, true), TERM_LENGTH - termOffset);
  assert.equal(sender.senderPosition, TERM_LENGTH);
});

test('an idle publication sends heartbeats every 100 ms', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.publisher.offer(Buffer.alloc(32));
  sender.cycle();
  sender.transport.takeSent();
  sender.agent.run(100);
  assert.equal(sender.transport.takeSent().length, 0);
  sender.agent.run(1);
  const [heartbeat] = sender.transport.takeSent();
  assert.deepEqual(
    heartbeat!.bytes,
    hex('00000000 00c0 0100 40000000 34120000 e9030000 07000000 0000000000000000'),
  );
  assert.equal(sender.agent.counter(9).get(), 2);
});

test('a status message that asks for a setup gets one', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.agent.run(50);
  sender.transport.takeSent();
  sender.receive(statusMessage(0, 0, STATUS_MESSAGE_FLAG_SEND_SETUP));
  assert.equal(sender.transport.takeSent().length, 0, 'not within 100 ms of the last');
  sender.agent.run(60);
  const setups = sender.transport.takeSent().filter(({ view }) => view.getUint16(6, true) === 5);
  assert.equal(setups.length, 1);
  sender.agent.run(200);
  assert.ok(sender.transport.takeSent().every(({ view }) => view.getUint16(6, true) !== 5));
});

test('status messages far from the sender position are rejected', () => {
  using sender = new PublicationSender();
  sender.receive(statusMessage(WINDOW + 32));
  assert.equal(sender.agent.counter(44).get(), 1);
  assert.equal(sender.log.isConnected(), false);
  assert.equal(sender.value(sender.spec.senderLimitCounterId), 0);
});

test('control frames with impossible fields count as invalid packets', () => {
  using sender = new PublicationSender();
  const outsideTerm = statusMessage(0);
  outsideTerm.writeInt32LE(TERM_LENGTH, 20);
  const window = statusMessage(0, WINDOW + 32);
  sender.receive(
    outsideTerm,
    window,
    nak(32, TERM_LENGTH),
    nak(33, 32),
    Buffer.alloc(7),
    Buffer.alloc(8, 0xff),
  );
  assert.equal(sender.agent.counter(14).get(), 6);
});

test('frames for other streams and sessions are ignored', () => {
  using sender = new PublicationSender();
  const otherStream = statusMessage(0);
  otherStream.writeInt32LE(STREAM_ID + 1, 12);
  const otherSession = statusMessage(0);
  otherSession.writeInt32LE(SESSION_ID + 1, 8);
  sender.receive(otherStream, otherSession);
  assert.equal(sender.log.isConnected(), false);
  assert.equal(sender.agent.counter(8).get(), 2);
});

test('the publisher limit follows the sender over many terms, and what lies behind is zero', () => {
  using sender = new PublicationSender();
  sender.connect();
  const message = Buffer.alloc(MTU - 32, 0x77);
  let limit = 0;
  while (sender.senderPosition < 7 * TERM_LENGTH) {
    sender.publisher.offer(message);
    sender.receive(statusMessage(sender.senderPosition));
    assert.ok(sender.limit.get() >= limit, 'the limit does not go back');
    limit = sender.limit.get();
    assert.ok(limit <= sender.senderPosition + WINDOW);
    const termCount = Math.floor(limit / TERM_LENGTH);
    const nextWord =
      sender.log.region.i32[((limit % TERM_LENGTH) >> 2) + ((termCount % 3) * TERM_LENGTH) / 4];
    assert.equal(nextWord, 0, `the log is clean at the limit ${limit}`);
  }
  assert.ok(limit > 7 * TERM_LENGTH);
});

test('without receivers the publication disconnects and its limit falls back', () => {
  using sender = new PublicationSender();
  sender.connect();
  sender.publisher.offer(Buffer.alloc(64));
  sender.agent.run(5001);
  assert.equal(sender.log.isConnected(), false);
  sender.agent.run(1);
  assert.equal(sender.limit.get(), sender.senderPosition);
});

test('an error frame removes the receiver and is told once', () => {
  using sender = new PublicationSender();
  sender.connect();
  const error = frame((view) =>
    writeError(view, 0, 0, SESSION_ID, STREAM_ID, 5, 0, 0, 0, 13, Buffer.from('unwanted')),
  );
  sender.receive(error, error);
  assert.deepEqual(sender.agent.takeEvents(), [
    {
      kind: 'publicationError',
      registrationId: 1,
      sessionId: SESSION_ID,
      streamId: STREAM_ID,
      receiverIdHigh: 0,
      groupTag: null,
      destinationId: -1,
      receiverIdLow: 5,
      errorCode: 13,
      message: 'unwanted',
      sourceAddress: 0x7f000001,
      sourcePort: 9999,
    },
  ]);
  assert.equal(sender.log.isConnected(), false);
  assert.equal(sender.agent.counter(38).get(), 2);
});

test('a round trip measurement is echoed', () => {
  using sender = new PublicationSender();
  sender.connect();
  const request = frame((view) =>
    writeRttm(view, 0, RTTM_FLAG_REPLY, SESSION_ID, STREAM_ID, 11, 12, 3, 4, 5, 6),
  );
  sender.receive(request);
  const [reply] = sender.transport.takeSent();
  const expected = frame((view) => writeRttm(view, 0, 0, SESSION_ID, STREAM_ID, 11, 12, 0, 0, 5, 6));
  assert.deepEqual(reply!.bytes, expected);
});

test('a stream starts where it is told to', () => {
  const startPosition = 5 * TERM_LENGTH + 4096;
  using sender = new PublicationSender({ startPosition });
  sender.cycle();
  const [setup] = sender.transport.takeSent();
  assert.equal(setup!.view.getInt32(8, true), 4096);
  assert.equal(setup!.view.getInt32(24, true), INITIAL_TERM_ID + 5);
  sender.connect(startPosition);
  assert.equal(sender.limit.get(), startPosition + WINDOW);
  sender.publisher.offer(Buffer.alloc(64));
  sender.cycle();
  assert.equal(sender.senderPosition, startPosition + 96);
});

test('nonsense that clients write into the log stays inside it', () => {
  using sender = new PublicationSender();
  sender.connect();
  const { i32 } = sender.log.region;
  const tailIndex = sender.log.rawTailIndex(0);
  for (const frameLength of [0x7fffffff, 0x7ffffff0, TERM_LENGTH + 32, 0x40000001]) {
    i32[1] = 0;
    Atomics.store(i32, 0, frameLength);
    Atomics.store(i32, tailIndex, 0x7fffffff);
    Atomics.store(i32, tailIndex + 1, 0x12345678);
    Atomics.store(i32, sender.log.activeTermCountIndex, -5);
    sender.cycle();
    assert.ok(sender.senderPosition <= TERM_LENGTH, `frame length ${frameLength}`);
    assert.ok(sender.value(sender.spec.publisherPositionCounterId) <= TERM_LENGTH);
    sender.agent.run(1000);
  }
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.agent.run(9000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a reconnected endpoint sends to the new address', () => {
  using sender = new PublicationSender();
  sender.agent.command({
    kind: 'reconnectEndpoint',
    endpointId: 1,
    remoteAddress: 0x0a000001,
    remotePort: 7,
  });
  sender.cycle();
  const [setup] = sender.transport.takeSent();
  assert.deepEqual([setup!.address, setup!.port], [0x0a000001, 7]);
  assert.deepEqual(sender.transport.reconnects, [{ address: 0x0a000001, port: 7 }]);
});

test('every publication of an endpoint gets its turn', () => {
  using sender = new PublicationSender();
  const other = sender.directory.createLog('publication-other', {
    registrationId: 2,
    sessionId: SESSION_ID + 1,
  });
  sender.agent.addPublication(other);
  sender.cycle();
  const sessions = sender.transport.takeSent().map(({ view }) => view.getInt32(12, true));
  assert.deepEqual(sessions.sort(), [SESSION_ID, SESSION_ID + 1]);
  sender.agent.command({ kind: 'drainPublication', registrationId: 2, revoke: false });
  sender.agent.run(8000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 2 }]);
});
