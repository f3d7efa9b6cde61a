/** What a receiver makes of streams and sessions that it has no image of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG_EOS } from '../../src/protocol/data-frame.ts';
import { data, heartbeat, ofType, SM, setup } from '../support/image-frames.ts';
import { ImageReceiver } from '../support/image-receiver.ts';
import { hex, INITIAL_TERM_ID, MTU, SESSION_ID, STREAM_ID, TERM_LENGTH } from '../support/stream-fixtures.ts';

test('a setup frame for a stream somebody wants is passed to the conductor once', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
  for (let session = 1; session <= 5000; session += 50) {
    const flood = Array.from({ length: 50 }, () => data(0, 64));
    for (const [index, datagram] of flood.entries()) datagram.writeInt32LE(100_000 + session + index, 12);
    receiver.receive(...flood);
  }
  const elicited = ofType(receiver.transport.takeSent(), SM).filter(({ view }) => view.getUint8(5) === 0x80);
  assert.equal(elicited.length, 4095);
  assert.equal(receiver.agent.counter(4).get(), 5000 - 4095);
});
