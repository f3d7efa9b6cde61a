/** The subscribers of an image: who joins it, who holds it up and who is left behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageSpec } from '../../src/driver/messages.ts';
import { data, ofType, SM } from '../support/image-frames.ts';
import { ImageReceiver } from '../support/image-receiver.ts';
import { TERM_LENGTH, TestSubscriber } from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;

test('a subscriber position that makes no sense moves nothing', () => {
  using receiver = new ImageReceiver();
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

test('a late subscriber joins where the slowest one is', () => {
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  using receiver = new ImageReceiver();
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
  assert.deepEqual(receiver.agent.takeEvents(), [{ kind: 'subscriberRemoved', counterId }, refused(1)]);
});

/** Of an image with so many bytes, one subscriber has read all and an untethered one nothing: is that left behind? */
function isLeftBehind(length: number, overrides: Partial<ImageSpec>): boolean {
  const subscribers = [
    { counterId: 201, tether: true },
    { counterId: 202, tether: false },
  ];
  using receiver = new ImageReceiver({ ...overrides, subscribers });
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
