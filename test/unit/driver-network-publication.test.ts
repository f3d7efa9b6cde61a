import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { NetworkAgentConfig, NetworkPublicationSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { writeError } from '../../src/protocol/error-frame.ts';
import { writeNak } from '../../src/protocol/nak-frame.ts';
import { RTTM_FLAG_REPLY, writeRttm } from '../../src/protocol/rttm-frame.ts';
import {
  STATUS_MESSAGE_FLAG_EOS,
  STATUS_MESSAGE_FLAG_SEND_SETUP,
  writeStatusMessage,
} from '../../src/protocol/status-message-frame.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import {
  endpointOptions,
  hex,
  INITIAL_TERM_ID,
  MTU,
  SESSION_ID,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
} from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

const scratch = Region.allocate(2048);

/** Bytes that `write` puts into scratch memory; it returns how many. */
function frame(write: (view: DataView) => number): Buffer {
  return Buffer.from(scratch.bytes.subarray(0, write(scratch.view)));
}

function statusMessage(position: number, windowLength = WINDOW, flags = 0, receiverId = 5): Buffer {
  const termId = INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH);
  const termOffset = position % TERM_LENGTH;
  return frame((view) =>
    writeStatusMessage(
      view,
      0,
      flags,
      SESSION_ID,
      STREAM_ID,
      termId,
      termOffset,
      windowLength,
      receiverId,
      0,
    ),
  );
}

function nak(termOffset: number, length: number, termId = INITIAL_TERM_ID): Buffer {
  return frame((view) => writeNak(view, 0, 0, SESSION_ID, STREAM_ID, termId, termOffset, length));
}

class Sender {
  readonly transport = new ScriptedTransport();
  readonly agent: TestAgent;
  readonly log: LogBuffers;
  readonly spec: NetworkPublicationSpec;
  readonly publisher: TestPublisher;

  constructor(
    overrides: Partial<NetworkPublicationSpec> = {},
    config: Partial<NetworkAgentConfig> = {},
    coalescedLengthMax = 0,
  ) {
    this.transport.coalescedLengthMax = coalescedLengthMax;
    this.agent = new TestAgent(this.transport, new SimulatedClock(), config);
    const { startPosition = 0, isExclusive = true } = overrides;
    const logType = isExclusive ? 'exclusivePublication' : 'concurrentPublication';
    this.log = directory.createLog(`publication-${logCount++}`, { startPosition, logType });
    this.agent.command({
      kind: 'addSendEndpoint',
      endpointId: 1,
      options: endpointOptions({ remoteAddress: 0x7f000001, remotePort: 20121 }),
    });
    this.spec = this.agent.addPublication(this.log, overrides);
    this.publisher = new TestPublisher(
      this.log,
      this.agent.position(this.spec.publisherLimitCounterId),
      startPosition,
    );
    this.agent.takeEvents();
  }

  get limit() {
    return this.agent.counter(this.spec.publisherLimitCounterId);
  }

  value(counterId: number): number {
    return this.agent.counter(counterId).get();
  }

  get senderPosition(): number {
    return this.value(this.spec.senderPositionCounterId);
  }

  /** Delivers datagrams and runs one cycle for them and one for what follows from them. */
  receive(...datagrams: Buffer[]): void {
    for (const datagram of datagrams) this.transport.deliver(0, datagram);
    this.agent.agent.doWork();
    this.agent.agent.doWork();
  }

  connect(position = 0): void {
    this.receive(statusMessage(position));
    this.transport.takeSent();
  }

  cycle(): void {
    this.agent.agent.doWork();
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

test('a new publication sends setup frames every 100 ms until somebody answers', () => {
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
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
    using sender = new Sender({}, { maxMessagesPerSend }, coalescedLengthMax);
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
  using sender = new Sender({}, { maxMessagesPerSend: 0 }, 65469);
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
  sender.receive(statusMessage(WINDOW + 32));
  assert.equal(sender.agent.counter(44).get(), 1);
  assert.equal(sender.log.isConnected(), false);
  assert.equal(sender.value(sender.spec.senderLimitCounterId), 0);
});

test('control frames with impossible fields count as invalid packets', () => {
  using sender = new Sender();
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
  using sender = new Sender();
  const otherStream = statusMessage(0);
  otherStream.writeInt32LE(STREAM_ID + 1, 12);
  const otherSession = statusMessage(0);
  otherSession.writeInt32LE(SESSION_ID + 1, 8);
  sender.receive(otherStream, otherSession);
  assert.equal(sender.log.isConnected(), false);
  assert.equal(sender.agent.counter(8).get(), 2);
});

test('a NAK is answered at once, repeats only after the linger time', () => {
  using sender = new Sender();
  sender.connect();
  for (let i = 0; i < 4; i++) sender.publisher.offer(Buffer.alloc(MTU - 32, i));
  sender.cycle();
  sender.transport.takeSent();
  sender.receive(nak(MTU, 2 * MTU), nak(MTU, 2 * MTU), nak(2 * MTU, MTU));
  const sent = sender.transport.takeSent();
  assert.deepEqual(
    sent.map(({ view }) => view.getInt32(8, true)),
    [MTU, 2 * MTU],
  );
  assert.equal(sender.agent.counter(11).get(), 1, 'retransmits sent');
  assert.equal(sender.agent.counter(36).get(), 2 * MTU, 'retransmitted bytes');
  assert.equal(sender.agent.counter(6).get(), 3, 'NAKs received');
  assert.equal(sender.value(sender.spec.senderNaksReceivedCounterId), 3);
  sender.agent.run(12);
  sender.receive(nak(MTU, MTU));
  assert.equal(sender.transport.takeSent().length, 1);
});

test('a NAK for the middle of a frame gets nothing: what lies there need not be a frame', () => {
  using sender = new Sender();
  sender.connect();
  // Reads as the header of a frame of 96 bytes at each multiple of 32.
  const payload = Buffer.alloc(MTU - 32);
  for (let at = 0; at < payload.length; at += 32) payload.writeInt32LE(96, at);
  sender.publisher.offer(payload);
  sender.cycle();
  sender.transport.takeSent();
  sender.receive(nak(64, 96));
  assert.deepEqual(sender.transport.takeSent(), []);
  sender.agent.run(12);
  sender.receive(nak(0, MTU));
  assert.equal(sender.transport.takeSent().length, 1);
});

test('a NAK never gets what was not sent yet', () => {
  using sender = new Sender();
  sender.receive(statusMessage(0, 0));
  sender.publisher.offer(Buffer.alloc(64));
  sender.transport.takeSent();
  sender.receive(nak(0, 96));
  assert.equal(sender.transport.takeSent().length, 0);
});

test('the publisher limit follows the sender over many terms, and what lies behind is zero', () => {
  using sender = new Sender();
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
  using sender = new Sender();
  sender.connect();
  sender.publisher.offer(Buffer.alloc(64));
  sender.agent.run(5001);
  assert.equal(sender.log.isConnected(), false);
  sender.agent.run(1);
  assert.equal(sender.limit.get(), sender.senderPosition);
});

test('an error frame removes the receiver and is told once', () => {
  using sender = new Sender();
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
  using sender = new Sender();
  sender.connect();
  const request = frame((view) =>
    writeRttm(view, 0, RTTM_FLAG_REPLY, SESSION_ID, STREAM_ID, 11, 12, 3, 4, 5, 6),
  );
  sender.receive(request);
  const [reply] = sender.transport.takeSent();
  const expected = frame((view) => writeRttm(view, 0, 0, SESSION_ID, STREAM_ID, 11, 12, 0, 0, 5, 6));
  assert.deepEqual(reply!.bytes, expected);
});

test('a drained publication ends with an end of stream and lingers until the receiver agrees', () => {
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.agent.run(5900);
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.agent.run(2000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a publication without signalEos ends quietly', () => {
  using sender = new Sender({ signalEos: false });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  sender.agent.run(1200);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xc0);
});

test('a revoked publication says so in its heartbeats', () => {
  using sender = new Sender({ signalEos: false });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  assert.equal(sender.log.isRevoked(), true);
  assert.equal(sender.log.isConnected(), false);
  sender.agent.run(150);
  assert.equal(sender.transport.takeSent().at(-1)!.view.getUint8(5), 0xf0);
  assert.equal(sender.agent.counter(40).get(), 1);
});

test('a revoked publication tells its receiver three times before it goes, however short its linger time', () => {
  using sender = new Sender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
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
  using sender = new Sender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  sender.connect();
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  sender.receive(statusMessage(0, WINDOW, STATUS_MESSAGE_FLAG_EOS));
  sender.agent.run(2);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
  using alone = new Sender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  alone.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  alone.agent.run(2);
  assert.deepEqual(alone.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a revoked publication that can tell nobody goes after a second', () => {
  using sender = new Sender({ lingerTimeoutNs: 0 }, { timerIntervalNs: 1e6 });
  sender.connect();
  sender.transport.accepts = 0;
  sender.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  sender.agent.run(999);
  assert.deepEqual(sender.agent.takeEvents(), []);
  sender.agent.run(3);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('a publisher that died in a message is passed over after the unblock timeout', () => {
  using sender = new Sender({ isExclusive: false });
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
  using sender = new Sender({ isExclusive: false });
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
  using sender = new Sender();
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
  using sender = new Sender();
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

test('a stream starts where it is told to', () => {
  const startPosition = 5 * TERM_LENGTH + 4096;
  using sender = new Sender({ startPosition });
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
  using sender = new Sender();
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
  using sender = new Sender();
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
  using sender = new Sender();
  const other = directory.createLog('publication-other', { registrationId: 2, sessionId: SESSION_ID + 1 });
  sender.agent.addPublication(other);
  sender.cycle();
  const sessions = sender.transport.takeSent().map(({ view }) => view.getInt32(12, true));
  assert.deepEqual(sessions.sort(), [SESSION_ID, SESSION_ID + 1]);
  sender.agent.command({ kind: 'drainPublication', registrationId: 2, revoke: false });
  sender.agent.run(8000);
  assert.deepEqual(sender.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 2 }]);
});
