/** What the receiver of an image tells its sender beside its position: measurements, a group, congestion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAMS_PER_CYCLE, STREAMS_PER_CYCLE_BESIDE } from '../../src/driver/stream-turns.ts';
import { Region } from '../../src/memory/region.ts';
import { writeRttm } from '../../src/protocol/rttm-frame.ts';
import { data, NAK, ofType, RTTM, SM } from '../support/image-frames.ts';
import { ImageReceiver } from '../support/image-receiver.ts';
import type { SentDatagram } from '../support/scripted-transport.ts';
import { hex, MTU, SESSION_ID, STREAM_ID } from '../support/stream-fixtures.ts';

const scratch = Region.allocate(65536);

test('a round trip measurement of the sender is echoed', () => {
  using receiver = new ImageReceiver();
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

const GROUP_CONTROL = { address: 0xe0141e28 | 0, port: 40456 };

test('everything a receiver of a group says goes to the control address, with its tag', () => {
  const groupTag = { low: -2, high: -1 };
  using receiver = new ImageReceiver({ isGroup: true }, { control: GROUP_CONTROL, groupTag });
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
  using receiver = new ImageReceiver({ isGroup: true }, { control: GROUP_CONTROL, groupTag: null });
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

test('of more images than have a turn in a cycle, one that gets a datagram answers at once, and the others in their turn', () => {
  using receiver = new ImageReceiver();
  const { agent, transport, log } = receiver;
  const sessions = Array.from({ length: STREAMS_PER_CYCLE + 20 }, (_, i) => 10_000 + i);
  const counter = agent.claimCounter();
  for (const sessionId of sessions) {
    // There are not so many counters.
    const { rcvHwmCounterId, rcvPosCounterId, rcvNaksSentCounterId } = receiver.spec;
    const counters = { rcvHwmCounterId, rcvPosCounterId, rcvNaksSentCounterId };
    agent.addImage(log, [counter], { ...counters, sessionId, registrationId: sessionId });
  }
  const answered = () => ofType(transport.takeSent(), SM).map(({ view }) => view.getInt32(8, true));
  const last = sessions.at(-1)!;
  const datagram = data(0, 64);
  datagram.writeInt32LE(last, 12);
  receiver.receive(datagram);
  const first = answered();
  assert.equal(first[0], last);
  assert.equal(first.length, 1 + STREAMS_PER_CYCLE_BESIDE);
  const heard = new Set(first);
  for (let i = 0; i < sessions.length / STREAMS_PER_CYCLE_BESIDE; i++) {
    agent.agent.doWork();
    for (const sessionId of answered()) heard.add(sessionId);
  }
  assert.deepEqual([...heard].sort(), [SESSION_ID, ...sessions].sort());
});

const CUBIC = {
  measuresRtt: true,
  initialRttNs: 100_000,
  isTcpFriendly: false,
  rttCounterId: 90,
  windowCounterId: 91,
};

test('a loss shrinks the window while nobody reads, too, and it begins where it did', () => {
  using receiver = new ImageReceiver({
    congestionControl: 'cubic',
    congestion: CUBIC,
    windowLength: 20 * MTU,
  });
  receiver.receive(data(0, 64));
  receiver.transport.takeSent();
  const counterId = receiver.subscriberCounterId;
  receiver.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId });
  receiver.receive(data(128, 64));
  const [forced] = ofType(receiver.transport.takeSent(), SM);
  assert.deepEqual([forced!.view.getInt32(20, true), forced!.view.getInt32(24, true)], [0, 8 * MTU]);
});

test('with cubic congestion control the window shrinks by a loss, and senders hear of it at once', () => {
  const congestion = CUBIC;
  using receiver = new ImageReceiver({ congestionControl: 'cubic', congestion, windowLength: 20 * MTU });
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
