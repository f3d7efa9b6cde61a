/** How images end: with their stream, by silence, and because nobody wants them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG_EOS, FLAG_REVOKED } from '../../src/protocol/data-frame.ts';
import { TYPE_PAD } from '../../src/protocol/frame.ts';
import { data, heartbeat, ofType, SM, setup } from '../support/image-frames.ts';
import { ImageReceiver } from '../support/image-receiver.ts';
import { hex, STREAM_ID, TERM_LENGTH } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('an ended stream drains, says so, lingers and is released', () => {
  using receiver = new ImageReceiver();
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
  assert.deepEqual(receiver.agent.takeEvents(), [
    { kind: 'subscriberRemoved', counterId: receiver.subscriberCounterId },
    { kind: 'streamReleased', registrationId: 1 },
  ]);
});

test('the sender hears at once that the receiver goes, at the end of the stream or because nobody wants it', () => {
  const lastFlags = ({ transport }: ImageReceiver): number =>
    ofType(transport.takeSent(), SM).at(-1)!.view.getUint8(5);
  using ended = new ImageReceiver();
  ended.receive(data(0, 64), heartbeat(64, FLAG_EOS));
  assert.equal(lastFlags(ended), 0x40);

  using behind = new ImageReceiver();
  behind.receive(data(64, 64), heartbeat(128, FLAG_EOS));
  assert.equal(lastFlags(behind), 0, 'something is missing');
  behind.receive(data(0, 64));
  behind.receive(heartbeat(128, FLAG_EOS));
  assert.equal(lastFlags(behind), 0x40);

  using deserted = new ImageReceiver();
  deserted.receive(data(0, 64));
  assert.equal(lastFlags(deserted), 0);
  deserted.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  deserted.agent.agent.doWork();
  assert.equal(lastFlags(deserted), 0x40);
});

test('an end of stream waits for what was lost before it', () => {
  using receiver = new ImageReceiver();
  receiver.receive(data(64, 64), heartbeat(128, FLAG_EOS));
  receiver.agent.run(3000);
  assert.ok(ofType(receiver.transport.takeSent(), SM).every(({ view }) => view.getUint8(5) === 0));
  receiver.receive(data(0, 64));
  receiver.consume();
  receiver.agent.run(3500);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
});

test('a silent sender is given up after the image liveness timeout', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver({ joinPosition });
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
  using receiver = new ImageReceiver({ rejoin: false });
  receiver.agent.run(14_000);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  receiver.transport.takeSent();
  receiver.receive(setup(), data(0, 64));
  assert.deepEqual(receiver.agent.takeEvents(), []);
  assert.equal(receiver.transport.takeSent().length, 0);
});

test('a revoked stream is unavailable at once', () => {
  using receiver = new ImageReceiver();
  receiver.receive(data(64, 64), heartbeat(128, FLAG_EOS | FLAG_REVOKED));
  assert.equal(receiver.log.isRevoked(), true);
  assert.equal(receiver.agent.counter(41).get(), 1);
  receiver.agent.run(2002);
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'streamUnavailable', registrationId: 1 }]);
  assert.equal(ofType(receiver.transport.takeSent(), SM).at(-1)!.view.getUint8(5), 0x40);
});

test('a rejected image takes nothing more and tells the sender why', () => {
  using receiver = new ImageReceiver();
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

test('an image that nobody wants any more ends', () => {
  using receiver = new ImageReceiver();
  const counterId = receiver.subscriberCounterId;
  receiver.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId });
  receiver.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  receiver.receive(data(0, 64));
  assert.equal(receiver.hwm, 0, 'nothing is received for it');
  receiver.agent.run(4000);
  assert.deepEqual(receiver.agent.takeEvents(), [
    { kind: 'subscriberRemoved', counterId },
    { kind: 'streamUnavailable', registrationId: 1 },
    { kind: 'streamReleased', registrationId: 1 },
  ]);
});
