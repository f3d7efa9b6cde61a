import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConductorBench, only, types } from '../support/conductor-bench.ts';

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const SPY = {
  type: 'addSubscription',
  streamId: 10,
  registrationCorrelationId: -1,
  channel: `aeron-spy:${UDP}`,
} as const;
const PUBLISH = { type: 'addPublication', streamId: 10, channel: UDP } as const;

test('a spy that is there first is on the publication from its first byte', (t) => {
  const bench = new ConductorBench(t);
  const spy = bench.call(SPY);
  assert.equal(only(spy.events, 'subscriptionReady').channelStatusCounterId, -1);
  assert.equal(bench.network.commands.length, 0, 'a spy opens nothing');

  const publication = bench.call(PUBLISH);
  assert.deepEqual(types(publication.events), ['publicationReady', 'availableImage']);
  const ready = only(publication.events, 'publicationReady');
  const image = only(publication.events, 'availableImage');
  assert.equal(image.correlationId, publication.correlationId);
  assert.equal(image.subscriptionRegistrationId, spy.correlationId);
  assert.equal(image.logFileName, ready.logFileName);
  assert.equal(image.sourceIdentity, 'aeron:ipc');
  const { label } = bench.counter(image.subscriberPositionCounterId);
  assert.equal(label, `sub-pos: ${spy.correlationId} ${ready.sessionId} 10 aeron-spy:${UDP} @0`);
  assert.deepEqual(bench.network.last('addNetworkPublication').publication.subscribers, [
    {
      counterId: image.subscriberPositionCounterId,
      subscriptionId: spy.correlationId,
      tether: true,
      rejoin: true,
    },
  ]);
});

test('a spy that comes later joins where the sender is', (t) => {
  const bench = new ConductorBench(t);
  const publication = bench.call(PUBLISH);
  const spy = bench.call(SPY);
  assert.deepEqual(types(spy.events), ['subscriptionReady']);
  const { registrationId, subscriber } = bench.network.last('addSubscriber');
  assert.equal(registrationId, publication.correlationId);
  const { counterId } = subscriber;
  bench.network.emit({ kind: 'subscriberAdded', registrationId, counterId, joinPosition: 4096 });
  const image = only(bench.run(), 'availableImage');
  assert.equal(image.subscriberPositionCounterId, counterId);
  assert.match(bench.counter(counterId).label, / @4096$/);
});

test('spies listen to their own channel, stream and session only', (t) => {
  const bench = new ConductorBench(t);
  for (const [channel, streamId] of [
    [`aeron-spy:${UDP}`, 11],
    ['aeron-spy:aeron:udp?endpoint=127.0.0.1:24326', 10],
    [`aeron-spy:${UDP}|interface=10.0.0.1`, 10],
    [`aeron-spy:${UDP}|session-id=5`, 10],
    ['aeron:ipc', 10],
  ] as const) {
    bench.call({ ...SPY, channel, streamId });
  }
  const wanted = bench.call({ ...SPY, channel: `aeron-spy:${UDP}|session-id=6|alias=other-text` });
  const { events } = bench.call({ ...PUBLISH, channel: `${UDP}|session-id=6` });
  assert.equal(only(events, 'availableImage').subscriptionRegistrationId, wanted.correlationId);
});

test('a spy of IPC is an IPC subscription', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...SPY, channel: 'aeron-spy:aeron:ipc' });
  only(bench.call({ ...PUBLISH, channel: 'aeron:ipc' }).events, 'availableImage');
});

test('the settings and the parameters of spies and untethered subscribers reach the network agent', (t) => {
  const bench = new ConductorBench(t, {
    spiesSimulateConnection: true,
    tetherSubscriptions: false,
    untetheredRestingTimeoutNs: 7e9,
  });
  bench.call(SPY);
  bench.call({ ...PUBLISH, channel: `${UDP}|untethered-window-limit-timeout=2s` });
  const { publication } = bench.network.last('addNetworkPublication');
  assert.equal(publication.spiesSimulateConnection, true);
  assert.equal(publication.subscribers[0]!.tether, false);
  assert.deepEqual(publication.untethered, { windowLimitNs: 2e9, lingerNs: 2e9, restingNs: 7e9 });

  bench.call({ ...SPY, channel: 'aeron:ipc?tether=true|rejoin=false' });
  const ipc = 'aeron:ipc?ssc=false|untethered-linger-timeout=3s|untethered-resting-timeout=4s';
  bench.call({ ...PUBLISH, channel: ipc });
  const { subscribers, untethered } = bench.network.last('addIpcPublication').publication;
  assert.deepEqual(untethered, { windowLimitNs: 5e9, lingerNs: 3e9, restingNs: 4e9 });
  assert.equal(subscribers[0]!.tether, true);
  assert.equal(subscribers[0]!.rejoin, false);
});

test('a subscriber that was left behind loses its image, and gets it back with the same counter', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId } = bench.call({ ...SPY, channel: 'aeron:ipc?tether=false' });
  const { events } = bench.call({ ...PUBLISH, channel: 'aeron:ipc' });
  const { subscriberPositionCounterId: counterId, correlationId: registrationId } = only(
    events,
    'availableImage',
  );
  bench.network.emit({ kind: 'subscriberLeftBehind', registrationId, counterId });
  const gone = only(bench.run(), 'unavailableImage');
  assert.equal(gone.subscriptionRegistrationId, correlationId);
  assert.equal(gone.correlationId, registrationId);
  bench.network.emit({ kind: 'subscriberAdded', registrationId, counterId, joinPosition: 96 });
  const back = only(bench.run(), 'availableImage');
  assert.equal(back.subscriberPositionCounterId, counterId);
  assert.match(bench.counter(counterId).label, / @96$/);

  // The image goes while the subscriber is left behind: its client is not told twice.
  bench.network.emit({ kind: 'subscriberLeftBehind', registrationId, counterId });
  bench.network.emit({ kind: 'streamUnavailable', registrationId });
  assert.deepEqual(types(bench.run()), ['unavailableImage']);
});

test('a subscriber that must not come back loses its counter', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...SPY, channel: 'aeron:ipc?tether=false|rejoin=false' });
  const { events } = bench.call({ ...PUBLISH, channel: 'aeron:ipc' });
  const { subscriberPositionCounterId: counterId, correlationId: registrationId } = only(
    events,
    'availableImage',
  );
  bench.network.emit({ kind: 'subscriberLeftBehind', registrationId, counterId });
  bench.network.emit({ kind: 'subscriberRefused', registrationId, counterId });
  bench.run();
  assert.equal(bench.labels().has(counterId), false);
});
