import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { readLossReport } from '../../src/concurrent/loss-report.ts';
import type { ImageSpec, ReceiverSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { FLAG_EOS, FLAG_REVOKED, FLAG_UNFRAGMENTED, writeHeartbeat } from '../../src/protocol/data-frame.ts';
import { TYPE_DATA, TYPE_PAD } from '../../src/protocol/frame.ts';
import { writeRttm } from '../../src/protocol/rttm-frame.ts';
import { writeSetup } from '../../src/protocol/setup-frame.ts';
import { ScriptedTransport, type SentDatagram } from '../support/scripted-transport.ts';
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
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;
const SM = 3;
const NAK = 2;
const RTTM = 6;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

const scratch = Region.allocate(65536);

/** A datagram with one data frame of `frameLength` at a position. */
function data(position: number, frameLength: number, fill = 0x5a, type = TYPE_DATA): Buffer {
  const termOffset = position % TERM_LENGTH;
  const termId = (INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH)) | 0;
  const length = type === TYPE_PAD ? 32 : (frameLength + 31) & ~31;
  const view = scratch.view;
  scratch.bytes.fill(0, 0, length).fill(fill, 32, Math.max(32, Math.min(frameLength, length)));
  writeHeartbeat(view, 0, FLAG_UNFRAGMENTED, termOffset, SESSION_ID, STREAM_ID, termId);
  view.setInt32(0, frameLength, true);
  view.setUint16(6, type, true);
  return Buffer.from(scratch.bytes.subarray(0, length));
}

function heartbeat(position: number, flags = 0): Buffer {
  const termId = (INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH)) | 0;
  const offset = position % TERM_LENGTH;
  const length = writeHeartbeat(
    scratch.view,
    0,
    FLAG_UNFRAGMENTED | flags,
    offset,
    SESSION_ID,
    STREAM_ID,
    termId,
  );
  return Buffer.from(scratch.bytes.subarray(0, length));
}

function setup(activeTermId = INITIAL_TERM_ID, termOffset = 0, sessionId = SESSION_ID): Buffer {
  const length = writeSetup(
    scratch.view,
    0,
    0,
    termOffset,
    sessionId,
    STREAM_ID,
    INITIAL_TERM_ID,
    activeTermId,
    TERM_LENGTH,
    MTU,
    0,
  );
  return Buffer.from(scratch.bytes.subarray(0, length));
}

function ofType(sent: SentDatagram[], type: number): SentDatagram[] {
  return sent.filter(({ view }) => view.getUint16(6, true) === type);
}

class Receiver {
  readonly transport = new ScriptedTransport();
  readonly agent = new TestAgent(this.transport);
  readonly log: LogBuffers;
  readonly spec: ImageSpec;
  readonly subscriber: TestSubscriber;
  readonly subscriberCounterId: number;
  messages = 0;

  constructor(overrides: Partial<ImageSpec> = {}, receiver?: ReceiverSpec) {
    const { joinPosition = 0 } = overrides;
    this.log = directory.createLog(`image-${logCount++}`, { logType: 'image' });
    const endpoint = { endpointId: 2, options: endpointOptions() };
    this.agent.command({ kind: 'addReceiveEndpoint', ...endpoint, ...(receiver && { receiver }) });
    this.agent.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    const counter = this.agent.claimCounter();
    this.subscriberCounterId = counter.id;
    this.spec = this.agent.addImage(this.log, [counter], overrides);
    this.subscriber = new TestSubscriber(this.log, this.agent.position(counter.id), joinPosition);
    this.agent.takeEvents();
  }

  get hwm(): number {
    return this.agent.counter(this.spec.rcvHwmCounterId).get();
  }

  get position(): number {
    return this.agent.counter(this.spec.rcvPosCounterId).get();
  }

  receive(...datagrams: Buffer[]): void {
    for (const datagram of datagrams) this.transport.deliver(0, datagram);
    this.agent.agent.doWork();
  }

  consume(): number {
    return this.subscriber.poll(() => this.messages++);
  }

  invalidPackets(): number {
    return this.agent.counter(14).get();
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

test('a new image sends a status message at once and then every 200 ms', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  const [first, ...more] = receiver.transport.takeSent();
  assert.equal(more.length, 0);
  assert.deepEqual(
    first!.bytes,
    hex('24000000 0000 0300 34120000 e9030000 07000000 00000000 00800000 04030201 0d0c0b0a'),
  );
  assert.deepEqual([first!.address, first!.port], [0x7f000001, 9999]);
  receiver.agent.run(601);
  assert.equal(ofType(receiver.transport.takeSent(), SM).length, 2);
});

test('datagrams become frames of the log, byte for byte', () => {
  using receiver = new Receiver();
  const datagrams = [data(0, 132), data(160, 32), data(192, MTU)];
  receiver.receive(...datagrams);
  const wire = Buffer.concat(datagrams);
  assert.deepEqual(Buffer.from(receiver.log.region.bytes.subarray(0, wire.length)), wire);
  assert.equal(receiver.hwm, 192 + MTU);
  assert.equal(receiver.position, 192 + MTU);
  assert.equal(receiver.consume(), 3);
});

test('one datagram may carry many frames', () => {
  using receiver = new Receiver();
  receiver.receive(Buffer.concat([data(0, 100), data(128, 64), data(192, 33)]));
  assert.equal(receiver.position, 256);
  assert.equal(receiver.consume(), 3);
});

test('more datagrams than a burst holds arrive whole', () => {
  using receiver = new Receiver();
  receiver.receive(...Array.from({ length: 600 }, (_, index) => data(index * 32, 32)));
  assert.equal(receiver.position, 600 * 32);
  assert.equal(receiver.consume(), 600);
});

test('datagrams of one burst may come out of order and twice', () => {
  using receiver = new Receiver();
  receiver.receive(data(64, 64), data(128, 64), data(64, 64, 0x11), data(0, 64), data(0, 64, 0x22));
  assert.equal(receiver.hwm, 192);
  assert.equal(receiver.position, 192);
  assert.equal(receiver.log.region.bytes[32], 0x5a, 'the first copy stays');
  assert.equal(receiver.log.region.bytes[96], 0x5a);
  assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
});

test('a gap is asked for after the NAK delay, again after the retry delay, and no more once filled', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  receiver.receive(data(0, 64), data(160, 64));
  assert.deepEqual([receiver.hwm, receiver.position], [224, 64]);
  assert.equal(receiver.transport.takeSent().length, 0, 'not before the delay');
  const nakTimes: number[] = [];
  for (let us = 0; us < 250; us++) {
    receiver.agent.clock.advanceNs(1000);
    receiver.agent.agent.doWork();
    for (const { bytes } of ofType(receiver.transport.takeSent(), NAK)) {
      nakTimes.push(us);
      assert.deepEqual(bytes, hex('1c000000 0000 0200 34120000 e9030000 07000000 40000000 60000000'));
    }
  }
  assert.deepEqual(nakTimes, [0, 100, 200]);
  assert.equal(receiver.agent.counter(5).get(), 3, 'NAKs sent');
  assert.equal(receiver.agent.counter(receiver.spec.rcvNaksSentCounterId).get(), 3);
  receiver.receive(data(64, 96));
  assert.equal(receiver.position, 224);
  receiver.agent.clock.advanceNs(200_000);
  receiver.agent.agent.doWork();
  assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
});

test('the tail that only a heartbeat announces is asked for', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64), heartbeat(256));
  assert.deepEqual([receiver.hwm, receiver.position], [256, 64]);
  receiver.agent.clock.advanceNs(2000);
  receiver.agent.agent.doWork();
  const [nak] = ofType(receiver.transport.takeSent(), NAK);
  assert.deepEqual([nak!.view.getInt32(20, true), nak!.view.getInt32(24, true)], [64, 192]);
  assert.equal(receiver.agent.counter(10).get(), 1, 'heartbeats received');
});

test('a gap that reaches over the end of a term is asked for term by term', () => {
  const joinPosition = TERM_LENGTH - 64;
  using receiver = new Receiver({ joinPosition });
  receiver.receive(data(TERM_LENGTH + 64, 64));
  const gaps = () => {
    receiver.agent.clock.advanceNs(2000);
    receiver.agent.agent.doWork();
    return ofType(receiver.transport.takeSent(), NAK).map(({ view }) => [
      view.getInt32(16, true),
      view.getInt32(20, true),
      view.getInt32(24, true),
    ]);
  };
  assert.deepEqual(gaps(), [[INITIAL_TERM_ID, TERM_LENGTH - 64, 64]]);
  receiver.receive(data(TERM_LENGTH - 64, 64));
  receiver.agent.agent.doWork();
  assert.deepEqual(gaps(), [[INITIAL_TERM_ID + 1, 0, 64]]);
  receiver.receive(data(TERM_LENGTH, 64));
  receiver.agent.agent.doWork();
  assert.equal(receiver.position, TERM_LENGTH + 128);
});

test('padding moves the stream on by more than was sent', () => {
  using receiver = new Receiver({ joinPosition: TERM_LENGTH - 4096 });
  receiver.receive(data(TERM_LENGTH - 4096, 4096, 0, TYPE_PAD), data(TERM_LENGTH, 64));
  assert.equal(receiver.position, TERM_LENGTH + 64);
  assert.equal(receiver.consume(), 0);
  assert.equal(receiver.consume(), 1);
});

test('loss is reported, each byte once', () => {
  using receiver = new Receiver();
  receiver.receive(data(64, 64));
  receiver.agent.run(3);
  receiver.receive(data(256, 64));
  receiver.agent.run(1);
  receiver.receive(data(0, 64));
  receiver.agent.run(3);
  const observations: unknown[] = [];
  readLossReport(receiver.agent.lossReport, (observation) =>
    observations.push({ ...observation, firstObservationMs: 0, lastObservationMs: 0 }),
  );
  assert.deepEqual(observations, [
    {
      observationCount: 2,
      bytesLost: 64 + 128,
      firstObservationMs: 0,
      lastObservationMs: 0,
      sessionId: SESSION_ID,
      streamId: STREAM_ID,
      channel: receiver.spec.channel,
      source: receiver.spec.sourceIdentity,
    },
  ]);
});

test('an unreliable stream fills gaps with padding instead', () => {
  using receiver = new Receiver({ isReliable: false });
  receiver.receive(data(0, 64), data(160, 64));
  receiver.agent.agent.doWork();
  assert.equal(receiver.position, 224);
  assert.equal(receiver.agent.counter(23).get(), 1, 'loss gap fills');
  assert.equal(receiver.consume(), 2);
  assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
});

test('consumption moves the window in steps of a quarter of it', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  let position = 0;
  const send = (length: number) => {
    receiver.receive(data(position, length));
    position += length;
    receiver.consume();
    receiver.agent.agent.doWork();
    return ofType(receiver.transport.takeSent(), SM).map(({ view }) => view.getInt32(20, true));
  };
  for (let i = 0; i < 8; i++) assert.deepEqual(send(1024), []);
  assert.deepEqual(send(32), [8192 + 32]);
});

test('datagrams beyond the window or behind it are counted and dropped', () => {
  using receiver = new Receiver({ joinPosition: 4096 });
  receiver.receive(data(4096 + WINDOW - 32, 64), data(4064, 32));
  assert.equal(receiver.agent.counter(13).get(), 1, 'over runs');
  assert.equal(receiver.agent.counter(12).get(), 1, 'under runs');
  assert.equal(receiver.hwm, 4096);
  receiver.receive(data(4096 + WINDOW - 64, 64));
  assert.equal(receiver.hwm, 4096 + WINDOW);
});

test('datagrams that are no contiguous whole frames are invalid', () => {
  using receiver = new Receiver();
  const beyondTerm = data(TERM_LENGTH - 64, 64);
  beyondTerm.writeInt32LE(96, 0);
  const truncated = data(0, 96).subarray(0, 64);
  const misplaced = Buffer.concat([data(0, 64), data(96, 64)]);
  const zeroInside = Buffer.concat([data(0, 64), Buffer.alloc(32)]);
  const wrongType = Buffer.concat([data(0, 64), data(64, 64, 0, TYPE_DATA)]);
  wrongType.writeUInt16LE(3, 64 + 6);
  const misaligned = data(0, 64);
  misaligned.writeInt32LE(8, 8);
  const negative = data(0, 64);
  negative.writeInt32LE(-32, 8);
  const outside = data(0, 64);
  outside.writeInt32LE(TERM_LENGTH, 8);
  const huge = data(0, 64);
  huge.writeInt32LE(0x7fffffff, 0);
  const bad = [beyondTerm, truncated, misplaced, zeroInside, wrongType, misaligned, negative, outside, huge];
  receiver.receive(...bad);
  assert.equal(receiver.invalidPackets(), bad.length);
  assert.equal(receiver.hwm, 0);
  assert.ok(receiver.log.region.bytes.subarray(0, 3 * TERM_LENGTH).every((byte) => byte === 0));
});

test('terms before the initial one are ignored', () => {
  using receiver = new Receiver();
  const old = data(0, 64);
  old.writeInt32LE(INITIAL_TERM_ID - 1, 20);
  receiver.receive(old);
  assert.equal(receiver.hwm, 0);
  assert.equal(receiver.invalidPackets(), 0);
});

test('what subscribers left a term behind is zeroed', () => {
  using receiver = new Receiver();
  const length = 1024;
  for (let position = 0; position < 5 * TERM_LENGTH; position += length) {
    receiver.receive(data(position, length));
    assert.equal(receiver.position, position + length);
    receiver.consume();
    const at = (position + length + WINDOW) % (3 * TERM_LENGTH);
    assert.equal(receiver.log.region.i32[at >> 2], 0, `clean at the far end of the window, ${position}`);
  }
  assert.equal(receiver.messages, (5 * TERM_LENGTH) / length);
});

test('a subscriber position that makes no sense moves nothing', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 1024));
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  const counter = receiver.agent.counter(receiver.subscriberCounterId);
  for (const nonsense of [2 ** 52, -(2 ** 40), 512, 0, 2 ** 33 + 64]) {
    counter.set(nonsense);
    receiver.agent.agent.doWork();
  }
  receiver.agent.run(201);
  const [sm] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(sm!.view.getInt32(20, true), 1024, 'the last believed is what was received');
  assert.equal(receiver.position, 1024);
  receiver.receive(data(1024, WINDOW - 1024));
  receiver.agent.agent.doWork();
  const [next] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(next!.view.getInt32(20, true), WINDOW, 'the last believed is what was received');
});

test('the status message that is due says what was consumed, however little that is', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64));
  receiver.consume();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  receiver.agent.run(201);
  const [sm] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(sm!.view.getInt32(20, true), 64);
});

test('a setup frame for a stream somebody wants is passed to the conductor once', () => {
  using receiver = new Receiver();
  const otherSession = SESSION_ID + 1;
  receiver.receive(setup(INITIAL_TERM_ID + 2, 64, otherSession), setup(INITIAL_TERM_ID, 0, otherSession));
  const expected = {
    kind: 'setupReceived',
    endpointId: 2,
    flags: 0,
    ttl: 0,
    destinationId: 0,
    sessionId: otherSession,
    streamId: STREAM_ID,
    initialTermId: INITIAL_TERM_ID,
    activeTermId: INITIAL_TERM_ID + 2,
    termOffset: 64,
    termLength: TERM_LENGTH,
    mtu: MTU,
    sourceAddress: 0x7f000001,
    sourcePort: 9999,
  };
  assert.deepEqual(receiver.agent.takeEvents(), [expected]);
  receiver.receive(setup(INITIAL_TERM_ID + 2, 64, otherSession));
  assert.deepEqual(receiver.agent.takeEvents(), []);
  receiver.agent.command({
    kind: 'imageNotCreated',
    endpointId: 2,
    streamId: STREAM_ID,
    sessionId: otherSession,
  });
  receiver.receive(setup(INITIAL_TERM_ID + 2, 64, otherSession));
  assert.deepEqual(receiver.agent.takeEvents(), [expected]);
});

test('setup frames with impossible fields, or positions too far to follow, are invalid', () => {
  using receiver = new Receiver();
  const session = SESSION_ID + 1;
  const badMtu = setup(INITIAL_TERM_ID, 0, session);
  badMtu.writeInt32LE(1400, 32);
  const badTerm = setup(INITIAL_TERM_ID, 0, session);
  badTerm.writeInt32LE(65537, 28);
  const before = setup(INITIAL_TERM_ID - 1, 0, session);
  const far = setup((INITIAL_TERM_ID + 0x7fffffff) | 0, 0, session);
  far.writeInt32LE(1 << 30, 28);
  receiver.receive(badMtu, badTerm, before, far, setup(INITIAL_TERM_ID, 33, session));
  assert.equal(receiver.invalidPackets(), 5);
  assert.deepEqual(receiver.agent.takeEvents(), []);
});

test('data of an unknown session asks its sender for a setup, once a second', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  const unknown = data(0, 64);
  unknown.writeInt32LE(99, 12);
  receiver.receive(unknown, unknown);
  const [elicited, ...more] = receiver.transport.takeSent();
  assert.equal(more.length, 0);
  assert.deepEqual(
    elicited!.bytes,
    hex('24000000 0080 0300 63000000 e9030000 00000000 00000000 00000000 04030201 0d0c0b0a'),
  );
  receiver.agent.run(900);
  receiver.transport.takeSent();
  receiver.receive(unknown);
  assert.equal(receiver.transport.takeSent().length, 0);
  receiver.agent.run(250);
  receiver.transport.takeSent();
  receiver.receive(unknown);
  assert.equal(receiver.transport.takeSent().length, 1);
  receiver.receive(setup(INITIAL_TERM_ID, 0, 99));
  assert.equal(receiver.agent.takeEvents().length, 1);
});

test('nobody is asked about streams and sessions that nobody wants, nor at the end of one', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  receiver.agent.command({ kind: 'addInterest', endpointId: 2, streamId: 5, sessionId: 1 });
  const otherStream = data(0, 64);
  otherStream.writeInt32LE(6, 16);
  const otherSession = data(0, 64);
  otherSession.writeInt32LE(5, 16);
  const ended = heartbeat(0, FLAG_EOS);
  ended.writeInt32LE(77, 12);
  receiver.receive(otherStream, otherSession, ended);
  assert.equal(receiver.transport.takeSent().length, 0);
});

test('a flood of setups does not pile up: the conductor gets more as it answers', () => {
  using receiver = new Receiver();
  const flood = Array.from({ length: 100 }, (_, index) => setup(INITIAL_TERM_ID, 0, 100_000 + index));
  receiver.receive(...flood);
  assert.equal(receiver.agent.takeEvents().length, 64);
  assert.equal(receiver.agent.counter(4).get(), 36);
  const answer = { kind: 'imageNotCreated', endpointId: 2, streamId: STREAM_ID, sessionId: 100_000 } as const;
  receiver.agent.command(answer);
  receiver.receive(setup(INITIAL_TERM_ID, 0, 100_099));
  assert.equal(receiver.agent.takeEvents().length, 1);
});

test('a flood of sessions is remembered up to a limit', () => {
  using receiver = new Receiver();
  for (let session = 1; session <= 5000; session += 50) {
    const flood = Array.from({ length: 50 }, () => data(0, 64));
    for (const [index, datagram] of flood.entries()) datagram.writeInt32LE(100_000 + session + index, 12);
    receiver.receive(...flood);
  }
  const elicited = ofType(receiver.transport.takeSent(), SM).filter(({ view }) => view.getUint8(5) === 0x80);
  assert.equal(elicited.length, 4095);
  assert.equal(receiver.agent.counter(4).get(), 5000 - 4095);
});

test('a round trip measurement of the sender is echoed', () => {
  using receiver = new Receiver();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  const rttm = (flags: number, idLow: number) => {
    const length = writeRttm(scratch.view, 0, flags, SESSION_ID, STREAM_ID, 1, 2, 3, 4, idLow, 0);
    return Buffer.from(scratch.bytes.subarray(0, length));
  };
  receiver.receive(rttm(0x80, 0), rttm(0x80, 77), rttm(0, 0));
  const [reply, ...more] = receiver.transport.takeSent();
  assert.equal(more.length, 0);
  assert.deepEqual([reply!.view.getUint8(5), reply!.view.getInt32(16, true)], [0, 1]);
  assert.equal(reply!.view.getInt32(32, true), 0x01020304);
});

test('an ended stream drains, says so, lingers and is released', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64), heartbeat(64, FLAG_EOS));
  assert.equal(receiver.log.endOfStreamPosition(), 64);
  receiver.agent.run(1500);
  const last = ofType(receiver.transport.takeSent(), SM).at(-1)!;
  assert.equal(last.view.getUint8(5), 0x40, 'status messages say that the receiver goes');
  receiver.agent.run(2000);
  assert.deepEqual(receiver.agent.takeEvents(), [], 'a subscriber has not read all of it');
  receiver.consume();
  receiver.agent.run(1500);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  receiver.transport.takeSent();
  receiver.agent.run(5000);
  assert.equal(receiver.transport.takeSent().length, 0);
  receiver.agent.command({
    kind: 'removeSubscriber',
    registrationId: 1,
    counterId: receiver.subscriberCounterId,
  });
  receiver.agent.run(1000);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamReleased', registrationId: 1 }]);
});

test('the sender hears at once that the receiver goes, at the end of the stream or because nobody wants it', () => {
  const lastFlags = ({ transport }: Receiver): number =>
    ofType(transport.takeSent(), SM).at(-1)!.view.getUint8(5);
  using ended = new Receiver();
  ended.receive(data(0, 64), heartbeat(64, FLAG_EOS));
  assert.equal(lastFlags(ended), 0x40);

  using behind = new Receiver();
  behind.receive(data(64, 64), heartbeat(128, FLAG_EOS));
  assert.equal(lastFlags(behind), 0, 'something is missing');
  behind.receive(data(0, 64));
  behind.receive(heartbeat(128, FLAG_EOS));
  assert.equal(lastFlags(behind), 0x40);

  using deserted = new Receiver();
  deserted.receive(data(0, 64));
  assert.equal(lastFlags(deserted), 0);
  deserted.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  deserted.agent.agent.doWork();
  assert.equal(lastFlags(deserted), 0x40);
});

test('an end of stream waits for what was lost before it', () => {
  using receiver = new Receiver();
  receiver.receive(data(64, 64), heartbeat(128, FLAG_EOS));
  receiver.agent.run(3000);
  assert.ok(ofType(receiver.transport.takeSent(), SM).every(({ view }) => view.getUint8(5) === 0));
  receiver.receive(data(0, 64));
  receiver.consume();
  receiver.agent.run(3500);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
});

test('a silent sender is given up after the image liveness timeout', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64));
  receiver.consume();
  assert.equal(receiver.log.activeTransportCount(), 1);
  receiver.agent.run(9900);
  assert.deepEqual(receiver.agent.takeEvents(), []);
  receiver.agent.run(3500);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  receiver.receive(setup());
  assert.equal(receiver.agent.takeEvents().length, 1, 'the session may come back');
});

test('a sender is not given up for the time in which the agent itself did not run', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64));
  receiver.consume();
  receiver.agent.clock.advanceNs(20e9);
  receiver.agent.agent.doWork();
  receiver.receive(data(64, 64));
  receiver.consume();
  receiver.agent.run(3500);
  assert.deepEqual(receiver.agent.takeEvents(), []);
});

test('who is outrun, and gets nothing but what is beyond the window, gives up and may begin anew', () => {
  using receiver = new Receiver();
  for (let i = 0; i < 2; i++) {
    receiver.agent.run(5000);
    receiver.receive(data(WINDOW, 64));
  }
  receiver.agent.run(5000);
  assert.equal(receiver.agent.counter(13).get(), 2, 'over runs');
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
});

test('a slow reader keeps its image when the padding at the end of a term goes beyond its window', () => {
  const joinPosition = TERM_LENGTH - WINDOW - 2048;
  using receiver = new Receiver({ joinPosition });
  receiver.receive(data(joinPosition, WINDOW - 1024));
  receiver.receive(data(joinPosition + WINDOW - 1024, 3072, 0, TYPE_PAD));
  assert.equal(receiver.position, TERM_LENGTH);
  for (let i = 0; i < 3; i++) {
    receiver.agent.run(5000);
    receiver.receive(heartbeat(TERM_LENGTH));
  }
  assert.deepEqual(receiver.agent.takeEvents(), []);
  assert.equal(receiver.agent.counter(13).get(), 0, 'over runs');
  receiver.receive(data(TERM_LENGTH, 64), heartbeat(TERM_LENGTH + 64));
  assert.equal(receiver.agent.counter(13).get(), 2, 'over runs');
  receiver.consume();
  receiver.consume();
  receiver.agent.agent.doWork();
  receiver.receive(data(TERM_LENGTH, 64));
  assert.equal(receiver.position, TERM_LENGTH + 64);
});

test('without rejoin a session that went silent does not come back', () => {
  using receiver = new Receiver({ rejoin: false });
  receiver.agent.run(14_000);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  receiver.transport.takeSent();
  receiver.receive(setup(), data(0, 64));
  assert.deepEqual(receiver.agent.takeEvents(), []);
  assert.equal(receiver.transport.takeSent().length, 0);
});

test('a revoked stream is unavailable at once', () => {
  using receiver = new Receiver();
  receiver.receive(data(64, 64), heartbeat(128, FLAG_EOS | FLAG_REVOKED));
  assert.equal(receiver.log.isRevoked(), true);
  assert.equal(receiver.agent.counter(41).get(), 1);
  receiver.agent.run(2002);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  assert.equal(ofType(receiver.transport.takeSent(), SM).at(-1)!.view.getUint8(5), 0x40);
});

test('a rejected image takes nothing more and tells the sender why', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64));
  receiver.transport.takeSent();
  receiver.agent.command({ kind: 'rejectImage', registrationId: 1, reason: 'no thanks' });
  receiver.receive(data(64, 64));
  assert.equal(receiver.hwm, 64);
  receiver.agent.run(403);
  const sent = receiver.transport.takeSent();
  assert.equal(sent.length, 2);
  assert.deepEqual(
    sent[0]!.bytes,
    Buffer.concat([
      hex('31000000 0000 0400 34120000 e9030000 04030201 0d0c0b0a 0000000000000000 0d000000 09000000'),
      Buffer.from('no thanks'),
    ]),
  );
  assert.equal(receiver.agent.counter(39).get(), 2, 'error frames sent');
  receiver.consume();
  receiver.agent.run(14_000);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
});

test('a late subscriber joins where the slowest one is', () => {
  using receiver = new Receiver();
  receiver.receive(data(0, 64), data(64, 64), data(128, 64));
  receiver.subscriber.poll(() => {}, 1);
  const late = receiver.agent.claimCounter();
  const subscriber = { counterId: late.id, tether: true };
  receiver.agent.command({ kind: 'addSubscriber', registrationId: 1, subscriber });
  assert.deepEqual(receiver.agent.takeEvents(), [
    { kind: 'subscriberAdded', registrationId: 1, counterId: late.id, joinPosition: 64 },
  ]);
  assert.equal(late.get(), 64);
  const reader = new TestSubscriber(receiver.log, receiver.agent.position(late.id), 64);
  assert.equal(
    reader.poll(() => {}),
    2,
  );
});

test('the slowest subscriber holds the window, until it leaves', () => {
  using receiver = new Receiver();
  const slow = receiver.agent.claimCounter();
  const subscriber = { counterId: slow.id, tether: true };
  receiver.agent.command({ kind: 'addSubscriber', registrationId: 1, subscriber });
  for (let position = 0; position < 16384; position += 1024) {
    receiver.receive(data(position, 1024));
    receiver.consume();
  }
  receiver.agent.agent.doWork();
  assert.deepEqual(
    ofType(receiver.transport.takeSent(), SM).map(({ view }) => view.getInt32(20, true)),
    [0],
  );
  receiver.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: slow.id });
  receiver.receive(data(16384, 1024));
  receiver.consume();
  receiver.agent.agent.doWork();
  assert.deepEqual(
    ofType(receiver.transport.takeSent(), SM).map(({ view }) => view.getInt32(20, true)),
    [16384 + 1024],
  );
});

test('subscribers of streams that are gone or deserted are refused', () => {
  using receiver = new Receiver();
  const subscriber = { counterId: receiver.agent.claimCounter().id, tether: true };
  const refused = (registrationId: number) => ({
    kind: 'subscriberRefused',
    registrationId,
    counterId: subscriber.counterId,
  });
  receiver.agent.command({ kind: 'addSubscriber', registrationId: 12345, subscriber });
  assert.deepEqual(receiver.agent.takeEvents(), [refused(12345)]);
  const counterId = receiver.subscriberCounterId;
  receiver.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId });
  receiver.agent.command({ kind: 'addSubscriber', registrationId: 1, subscriber });
  assert.deepEqual(receiver.agent.takeEvents(), [refused(1)]);
});

test('an image that nobody wants any more ends', () => {
  using receiver = new Receiver();
  const counterId = receiver.subscriberCounterId;
  receiver.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId });
  receiver.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  receiver.receive(data(0, 64));
  assert.equal(receiver.hwm, 0, 'nothing is received for it');
  receiver.agent.run(4000);
  assert.deepEqual(receiver.agent.takeEvents(), [
    { kind: 'streamUnavailable', registrationId: 1 },
    { kind: 'streamReleased', registrationId: 1 },
  ]);
});

test('a status message the transport does not take is sent in a later cycle', () => {
  using receiver = new Receiver();
  receiver.transport.accepts = 0;
  receiver.agent.agent.doWork();
  receiver.transport.accepts = 10;
  receiver.agent.agent.doWork();
  assert.equal(receiver.transport.takeSent().length, 1);
  receiver.agent.agent.doWork();
  assert.equal(receiver.transport.takeSent().length, 0);
});

test('a retransmission that starts like an earlier datagram but is longer does not hide what is still missing', () => {
  using receiver = new Receiver();
  receiver.receive(data(128, 128));
  assert.deepEqual([receiver.position, receiver.hwm], [0, 256]);
  // The first 128 bytes, then two frames of which the log already has the first: the datagram is left out as a whole.
  receiver.receive(data(0, 128), Buffer.concat([data(128, 128), data(256, 128)]));
  assert.deepEqual([receiver.position, receiver.hwm], [256, 384]);
  assert.equal(receiver.consume(), 2);
  receiver.receive(data(256, 128));
  assert.equal(receiver.position, 384);
  assert.equal(receiver.consume(), 1);
});

test('the same holds when the earlier datagram comes in the same burst', () => {
  using receiver = new Receiver();
  receiver.receive(data(128, 128), data(0, 128), Buffer.concat([data(128, 128), data(256, 128)]));
  assert.deepEqual([receiver.position, receiver.hwm], [256, 384]);
  receiver.receive(data(256, 128));
  assert.equal(receiver.position, 384);
});

const GROUP_CONTROL = { address: 0xe0141e28 | 0, port: 40456 };

test('everything a receiver of a group says goes to the control address, with its tag', () => {
  const groupTag = { low: -2, high: -1 };
  using receiver = new Receiver({ isGroup: true }, { control: GROUP_CONTROL, groupTag });
  receiver.agent.agent.doWork();
  const unknown = data(0, 64);
  unknown.writeInt32LE(99, 12);
  receiver.receive(unknown);
  receiver.agent.command({ kind: 'rejectImage', registrationId: receiver.spec.registrationId, reason: 'no' });
  receiver.agent.run(201);
  const [statusMessage, elicited, error] = receiver.transport.takeSent();
  const tag = 'feffffff ffffffff';
  assert.deepEqual(
    statusMessage!.bytes,
    hex(`2c000000 0000 0300 34120000 e9030000 07000000 00000000 00800000 04030201 0d0c0b0a ${tag}`),
  );
  assert.deepEqual(
    elicited!.bytes,
    hex(`2c000000 0080 0300 63000000 e9030000 00000000 00000000 00000000 04030201 0d0c0b0a ${tag}`),
  );
  assert.deepEqual(
    error!.bytes,
    hex(`2a000000 0008 0400 34120000 e9030000 04030201 0d0c0b0a ${tag} 0d000000 02000000 6e6f`),
  );
  for (const { address, port } of [statusMessage!, elicited!, error!]) {
    assert.deepEqual({ address, port }, GROUP_CONTROL);
  }
});

test('a receiver of a group waits at random before it asks, and asks nothing that came meanwhile', () => {
  using receiver = new Receiver({ isGroup: true }, { control: GROUP_CONTROL, groupTag: null });
  const maxBackoffMs = 10;
  const waits: number[] = [];
  for (let i = 0; i < 40; i++) {
    const gap = i * 128;
    receiver.receive(data(gap + 64, 64));
    receiver.transport.takeSent();
    let waitMs = 0;
    let naks: SentDatagram[] = [];
    for (; naks.length === 0 && waitMs <= maxBackoffMs; waitMs++) {
      receiver.agent.run(1);
      naks = ofType(receiver.transport.takeSent(), NAK);
    }
    assert.equal(naks.length, 1, `no NAK within ${maxBackoffMs} ms`);
    assert.deepEqual({ address: naks[0]!.address, port: naks[0]!.port }, GROUP_CONTROL);
    waits.push(waitMs);
    receiver.receive(data(gap, 64));
    receiver.consume();
    receiver.agent.run(2 * maxBackoffMs);
    assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
  }
  assert.ok(new Set(waits).size > 3, `waits ${waits}`);
  // Half of the receivers wait for more than three quarters of the time (of a group of 10: 78 %).
  assert.ok(waits.filter((waitMs) => waitMs > 6).length > 20, `waits ${waits}`);
});

/** Of an image with so many bytes, one subscriber has read all and an untethered one nothing: is that left behind? */
function isLeftBehind(length: number, overrides: Partial<ImageSpec>): boolean {
  const subscribers = [
    { counterId: 201, tether: true },
    { counterId: 202, tether: false },
  ];
  using receiver = new Receiver({ ...overrides, subscribers });
  receiver.receive(data(0, length));
  receiver.agent.counter(201).set(length);
  receiver.agent.run(8000);
  return receiver.agent.takeEvents().some(({ kind }) => kind === 'subscriberLeftBehind');
}

test('an untethered subscriber is left behind where the rest of the window has no room for a frame', () => {
  assert.equal(isLeftBehind(96, { mtu: 64, windowLength: 128 }), true, 'three quarters of the window');
  assert.equal(isLeftBehind(96, { mtu: 64, windowLength: 256 }), false);
  assert.equal(isLeftBehind(96, { mtu: 192, windowLength: 256 }), true, 'no room for 192 bytes behind 96');
});

test('an untethered subscriber is left behind that holds up the window of congestion control', () => {
  const congestion = {
    measuresRtt: false,
    initialRttNs: 1e12,
    isTcpFriendly: false,
    rttCounterId: 90,
    windowCounterId: 91,
  };
  const cubic = { congestionControl: 'cubic', congestion };
  assert.equal(isLeftBehind(288, { mtu: 32, windowLength: 32_768 }), false);
  assert.equal(isLeftBehind(288, { ...cubic, mtu: 32, windowLength: 32_768 }), true, 'ten frames at first');
});

test('with cubic congestion control the window shrinks by a loss, and senders hear of it at once', () => {
  const congestion = {
    measuresRtt: true,
    initialRttNs: 100_000,
    isTcpFriendly: false,
    rttCounterId: 90,
    windowCounterId: 91,
  };
  using receiver = new Receiver({ congestionControl: 'cubic', congestion, windowLength: 20 * MTU });
  receiver.agent.agent.doWork();
  const sent = receiver.transport.takeSent();
  assert.equal(ofType(sent, SM)[0]!.view.getInt32(24, true), 10 * MTU);
  const [measurement] = ofType(sent, RTTM);
  assert.equal(measurement!.view.getUint8(5), 0x80);
  receiver.receive(data(64, 64));
  const [forced] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(forced!.view.getInt32(24, true), 8 * MTU);
  assert.equal(receiver.agent.counter(91).get(), 8 * MTU);

  receiver.agent.clock.advanceNs(3_000_000);
  const answer = Buffer.from(measurement!.bytes);
  answer[5] = 0;
  receiver.receive(answer);
  assert.equal(receiver.agent.counter(90).get(), 3_000_000);
  answer.writeInt32LE(0x7fffffff, 20);
  receiver.receive(answer);
  assert.equal(receiver.agent.counter(90).get(), 3_000_000, 'from the future');
  assert.equal(receiver.invalidPackets(), 1);
});
