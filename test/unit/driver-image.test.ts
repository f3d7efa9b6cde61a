/** An image takes what comes of a stream, asks for what does not, and tells its sender how far it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLossReport } from '../../src/concurrent/loss-report.ts';
import { TYPE_DATA, TYPE_PAD } from '../../src/protocol/frame.ts';
import { data, heartbeat, NAK, ofType, SM } from '../support/image-frames.ts';
import { ImageReceiver } from '../support/image-receiver.ts';
import { hex, INITIAL_TERM_ID, MTU, SESSION_ID, STREAM_ID, TERM_LENGTH } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('a new image sends a status message at once and then every 200 ms', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
  const datagrams = [data(0, 132), data(160, 32), data(192, MTU)];
  receiver.receive(...datagrams);
  const wire = Buffer.concat(datagrams);
  assert.deepEqual(Buffer.from(receiver.log.region.bytes.subarray(0, wire.length)), wire);
  assert.equal(receiver.hwm, 192 + MTU);
  assert.equal(receiver.position, 192 + MTU);
  assert.equal(receiver.consume(), 3);
});

test('one datagram may carry many frames', () => {
  using receiver = new ImageReceiver();
  receiver.receive(Buffer.concat([data(0, 100), data(128, 64), data(192, 33)]));
  assert.equal(receiver.position, 256);
  assert.equal(receiver.consume(), 3);
});

test('more datagrams than a burst holds arrive whole', () => {
  using receiver = new ImageReceiver();
  receiver.receive(...Array.from({ length: 600 }, (_, index) => data(index * 32, 32)));
  assert.equal(receiver.position, 600 * 32);
  assert.equal(receiver.consume(), 600);
});

test('datagrams of one burst may come out of order and twice', () => {
  using receiver = new ImageReceiver();
  receiver.receive(data(64, 64), data(128, 64), data(64, 64, 0x11), data(0, 64), data(0, 64, 0x22));
  assert.equal(receiver.hwm, 192);
  assert.equal(receiver.position, 192);
  assert.equal(receiver.log.region.bytes[32], 0x5a, 'the first copy stays');
  assert.equal(receiver.log.region.bytes[96], 0x5a);
  assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
});

test('a gap is asked for after the NAK delay, again after the retry delay, and no more once filled', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver({ joinPosition });
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
  using receiver = new ImageReceiver({ joinPosition: TERM_LENGTH - 4096 });
  receiver.receive(data(TERM_LENGTH - 4096, 4096, 0, TYPE_PAD), data(TERM_LENGTH, 64));
  assert.equal(receiver.position, TERM_LENGTH + 64);
  assert.equal(receiver.consume(), 0);
  assert.equal(receiver.consume(), 1);
});

test('loss is reported, each byte once', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver({ isReliable: false });
  receiver.receive(data(0, 64), data(160, 64));
  receiver.agent.agent.doWork();
  assert.equal(receiver.position, 224);
  assert.equal(receiver.agent.counter(23).get(), 1, 'loss gap fills');
  assert.equal(receiver.consume(), 2);
  assert.equal(ofType(receiver.transport.takeSent(), NAK).length, 0);
});

test('consumption moves the window in steps of a quarter of it', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver({ joinPosition: 4096 });
  receiver.receive(data(4096 + WINDOW - 32, 64), data(4064, 32));
  assert.equal(receiver.agent.counter(13).get(), 1, 'over runs');
  assert.equal(receiver.agent.counter(12).get(), 1, 'under runs');
  assert.equal(receiver.hwm, 4096);
  receiver.receive(data(4096 + WINDOW - 64, 64));
  assert.equal(receiver.hwm, 4096 + WINDOW);
});

test('datagrams that are no contiguous whole frames are invalid', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
  const old = data(0, 64);
  old.writeInt32LE(INITIAL_TERM_ID - 1, 20);
  receiver.receive(old);
  assert.equal(receiver.hwm, 0);
  assert.equal(receiver.invalidPackets(), 0);
});

/** A log that has gone round: whatever is not zeroed in it now reads as a frame's length. Returns the position. */
function goRound(receiver: ImageReceiver): number {
  const length = 1024;
  const endPosition = 4 * TERM_LENGTH;
  for (let position = 0; position < endPosition; position += length) {
    receiver.receive(data(position, length));
    receiver.consume();
  }
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  receiver.messages = 0;
  return endPosition;
}

/** Words at which a frame could begin, in [from, to). */
function lengthsIn({ log }: ImageReceiver, from: number, to: number): number[] {
  const lengths: number[] = [];
  for (let position = from; position < to; position += 32) {
    lengths.push(log.region.i32[(position % (3 * TERM_LENGTH)) >> 2]!);
  }
  return lengths;
}

test('readers stop behind what has arrived, whatever the terms held before', () => {
  using receiver = new ImageReceiver();
  const length = 1024;
  for (let position = 0; position < 7 * TERM_LENGTH; position += length) {
    receiver.receive(data(position, length, 0x10 + position / TERM_LENGTH));
    assert.equal(receiver.position, position + length);
    assert.equal(receiver.consume(), 1, `at ${position}`);
    assert.equal(receiver.consume(), 0, `behind ${position}`);
  }
});

test('a gap holds nothing of what its place held before, over the end of a term too', () => {
  for (const atEnd of [false, true]) {
    using receiver = new ImageReceiver();
    const start = goRound(receiver);
    const position = atEnd ? start + TERM_LENGTH - 128 : start;
    if (atEnd) {
      for (let at = start; at < position; at += 128) {
        receiver.receive(data(at, 128));
        receiver.consume();
      }
      receiver.messages = 0;
    }
    receiver.receive(data(position, 64), data(position + 192, 64), data(position + 512, 128));
    assert.deepEqual([receiver.hwm, receiver.position], [position + 640, position + 64]);
    for (const [from, to] of [
      [64, 192],
      [256, 512],
    ]) {
      const lengths = lengthsIn(receiver, position + from!, position + to!);
      assert.ok(
        lengths.every((length) => length === 0),
        String(lengths),
      );
    }
    assert.equal(receiver.consume(), 1);
    receiver.receive(data(position + 64, 64), data(position + 128, 64));
    receiver.receive(data(position + 384, 128), data(position + 256, 128));
    assert.equal(receiver.position, position + 640);
    assert.equal(receiver.consume() + receiver.consume(), 6);
    assert.equal(receiver.consume(), 0);
  }
});

test('what only a heartbeat announces is a gap like any other', () => {
  using receiver = new ImageReceiver();
  const position = goRound(receiver);
  receiver.receive(data(position, 64), heartbeat(position + 256));
  assert.deepEqual([receiver.hwm, receiver.position], [position + 256, position + 64]);
  assert.ok(lengthsIn(receiver, position + 64, position + 288).every((length) => length === 0));
  receiver.receive(data(position + 64, 192));
  assert.equal(receiver.consume(), 2);
  assert.equal(receiver.consume(), 0);
});

test('a datagram that begins among known frames and ends beyond them leaves nothing old behind', () => {
  using receiver = new ImageReceiver();
  const position = goRound(receiver);
  receiver.receive(data(position, 64), data(position, 1024));
  assert.equal(receiver.hwm, position + 1024);
  assert.ok(lengthsIn(receiver, position + 64, position + 1056).every((length) => length === 0));
  assert.equal(receiver.consume(), 1);
});

test('the status message that is due says what was consumed, however little that is', () => {
  using receiver = new ImageReceiver();
  receiver.receive(data(0, 64));
  receiver.consume();
  receiver.agent.agent.doWork();
  receiver.transport.takeSent();
  receiver.agent.run(201);
  const [sm] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(sm!.view.getInt32(20, true), 64);
});

test('a status message the transport does not take is sent in a later cycle', () => {
  using receiver = new ImageReceiver();
  receiver.transport.accepts = 0;
  receiver.agent.agent.doWork();
  receiver.transport.accepts = 10;
  receiver.agent.agent.doWork();
  assert.equal(receiver.transport.takeSent().length, 1);
  receiver.agent.agent.doWork();
  assert.equal(receiver.transport.takeSent().length, 0);
});

test('a retransmission that starts like an earlier datagram but is longer does not hide what is still missing', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
  receiver.receive(data(128, 128), data(0, 128), Buffer.concat([data(128, 128), data(256, 128)]));
  assert.deepEqual([receiver.position, receiver.hwm], [256, 384]);
  receiver.receive(data(256, 128));
  assert.equal(receiver.position, 384);
});
