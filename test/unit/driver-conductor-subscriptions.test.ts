import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { ConductorBench, only, opened, types } from '../support/conductor-bench.ts';

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const IPC = 'aeron:ipc';
const SUBSCRIBE = { type: 'addSubscription', registrationCorrelationId: -1, streamId: 10 } as const;

test('should open an endpoint for a subscription and say what is wanted there', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId, events } = bench.call({ ...SUBSCRIBE, channel: UDP });
  assert.deepEqual(types(events), ['counterReady', 'subscriptionReady']);
  const ready = only(events, 'subscriptionReady');
  assert.equal(ready.correlationId, correlationId);
  assert.equal(ready.channelStatusCounterId, 46);
  assert.deepEqual(
    [...bench.labels().values()],
    [
      `rcv-channel: ${UDP} 127.0.0.1:24325`,
      'rcv-local-sockaddr: 46 127.0.0.1:24325',
      `client-heartbeat: id=${bench.clientId}`,
    ],
  );
  const { endpointId, options } = bench.network.last('addReceiveEndpoint');
  assert.deepEqual([options.localPort, options.remotePort], [24325, 0]);
  assert.deepEqual(bench.network.last('addInterest'), {
    kind: 'addInterest',
    endpointId,
    streamId: 10,
    sessionId: null,
  });
});

test('should share the endpoint, count interests, and close it after the last subscription', (t) => {
  const bench = new ConductorBench(t);
  const all = [
    bench.call({ ...SUBSCRIBE, channel: UDP }),
    bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=localhost:24325' }, 200),
    bench.call({ ...SUBSCRIBE, channel: `${UDP}|session-id=7` }),
    bench.call({ ...SUBSCRIBE, streamId: 11, channel: UDP }),
  ].map(({ correlationId }) => correlationId);
  assert.equal(bench.network.all('addReceiveEndpoint').length, 1);
  const wanted = bench.network.all('addInterest').map(({ streamId, sessionId }) => [streamId, sessionId]);
  assert.deepEqual(wanted, [
    [10, null],
    [10, 7],
    [11, null],
  ]);
  for (const registrationId of all) {
    assert.deepEqual(types(bench.call({ type: 'removeSubscription', registrationId }).events), [
      'operationSuccess',
    ]);
  }
  const unwanted = bench.network
    .all('removeInterest')
    .map(({ streamId, sessionId }) => [streamId, sessionId]);
  assert.deepEqual(unwanted, [
    [10, null],
    [10, 7],
    [11, null],
  ]);
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.equal(bench.labels().size, 2, 'the heartbeats stay');
});

test('should give every subscription with port 0 an endpoint of its own', (t) => {
  const bench = new ConductorBench(t, { receiverWildcardPortRange: { low: 6000, high: 6001 } });
  bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:0' });
  bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:0' });
  const ports = bench.network.all('addReceiveEndpoint').map(({ options }) => options.localPort);
  assert.deepEqual(ports, [6000, 6001]);
});

test('should not choose a port of the range that a channel has named, until that is closed', (t) => {
  const bench = new ConductorBench(t, { receiverWildcardPortRange: { low: 6000, high: 6001 } });
  const named = bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:6000' });
  bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:0' });
  const refused = bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:0' });
  assert.equal(only(refused.events, 'error').message, 'no available ports in range 6000 6001');
  bench.call({ type: 'removeSubscription', registrationId: named.correlationId });
  bench.call({ ...SUBSCRIBE, channel: 'aeron:udp?endpoint=127.0.0.1:0' });
  const ports = bench.network.all('addReceiveEndpoint').map(({ options }) => options.localPort);
  assert.deepEqual(ports, [6000, 6001, 6000]);
});

test('should check a position that a channel names, though it means nothing to a subscription', (t) => {
  const bench = new ConductorBench(t);
  for (const [parameters, text] of [
    ['init-term-id=1', 'params must be used as a complete set: init-term-id term-id term-offset channel='],
    [
      'init-term-id=1|term-id=0|term-offset=0',
      'difference greater than 2^31 - 1: init-term-id=1 when term-id=0',
    ],
    ['init-term-id=1|term-id=1|term-offset=8', 'term-offset=8 must be a multiple of FRAME_ALIGNMENT'],
  ]) {
    const { message } = only(bench.call({ ...SUBSCRIBE, channel: `${UDP}|${parameters}` }).events, 'error');
    assert.ok(message.startsWith(text!), message);
  }
  const right = `${UDP}|init-term-id=1|term-id=2|term-offset=1073741824`;
  only(bench.call({ ...SUBSCRIBE, channel: right }).events, 'subscriptionReady');
});

test('should refuse subscriptions to one stream that do not agree', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...SUBSCRIBE, channel: UDP });
  for (const option of ['reliable=false', 'rejoin=false']) {
    const channel = `${UDP}|${option}`;
    const error = only(bench.call({ ...SUBSCRIBE, channel }).events, 'error');
    assert.equal(
      error.message,
      `option conflicts with existing subscription: ${option} existingChannel=${UDP} channel=${channel}`,
    );
  }
  only(
    bench.call({ ...SUBSCRIBE, channel: `${UDP}|reliable=false|session-id=3` }).events,
    'subscriptionReady',
  );
});

test('should refuse a window that the socket cannot hold', (t) => {
  const bench = new ConductorBench(t);
  const channel = `${UDP}|rcv-wnd=1m`;
  const error = only(bench.call({ ...SUBSCRIBE, channel }).events, 'error');
  assert.equal(
    error.message,
    `Initial window greater than SO_RCVBUF for channel: rcv-wnd=1048576 so-rcvbuf=131072 channel=${channel}`,
  );
  assert.equal(bench.network.commands.length, 0);
  only(bench.call({ ...SUBSCRIBE, channel: `${UDP}|rcv-wnd=1m|so-rcvbuf=1m` }).events, 'subscriptionReady');
});

test('should compare the window with what the system gave where nobody asked for a buffer', (t) => {
  const bench = new ConductorBench(t, { socketSoRcvbuf: 0 });
  bench.network.answers = false;
  bench.send({ ...SUBSCRIBE, channel: UDP });
  bench.run();
  const open = opened(bench.network.last('addReceiveEndpoint'));
  bench.network.emit({ ...open, receiveBufferLength: 65_536 } as typeof open);
  assert.match(only(bench.run(), 'error').message, /rcv-wnd=131072 so-rcvbuf=65536 \(of the system\)/);
  assert.equal(bench.network.all('removeEndpoint').length, 1);
});

test('should give subscribers of an IPC publication an image from its first byte', (t) => {
  const bench = new ConductorBench(t);
  const subscription = bench.call({ ...SUBSCRIBE, channel: IPC });
  assert.equal(only(subscription.events, 'subscriptionReady').channelStatusCounterId, -1);
  const { correlationId, events } = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  assert.deepEqual(types(events), ['publicationReady', 'availableImage']);
  const ready = only(events, 'publicationReady');
  const image = only(events, 'availableImage');
  assert.equal(image.correlationId, correlationId);
  assert.equal(image.sourceIdentity, 'aeron:ipc');
  assert.equal(image.logFileName, ready.logFileName);
  assert.equal(image.subscriptionRegistrationId, subscription.correlationId);
  const counter = bench.counter(image.subscriberPositionCounterId);
  assert.equal(counter.label, `sub-pos: ${subscription.correlationId} ${ready.sessionId} 10 aeron:ipc @0`);
  assert.equal(counter.referenceId, correlationId);
  assert.equal(counter.ownerId, bench.clientId);
  assert.deepEqual(bench.network.last('addIpcPublication').publication.subscribers, [
    {
      counterId: image.subscriberPositionCounterId,
      subscriptionId: subscription.correlationId,
      tether: true,
      rejoin: true,
    },
  ]);
});

test('should let a subscriber join a live IPC publication where the network agent says', (t) => {
  const bench = new ConductorBench(t);
  const publication = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const { correlationId, events } = bench.call({ ...SUBSCRIBE, channel: IPC });
  assert.deepEqual(types(events), ['subscriptionReady']);
  const { registrationId, subscriber } = bench.network.last('addSubscriber');
  assert.equal(registrationId, publication.correlationId);
  const { counterId } = subscriber;
  bench.network.emit({ kind: 'subscriberAdded', registrationId, counterId, joinPosition: 4096 });
  const image = only(bench.run(), 'availableImage');
  assert.equal(image.subscriberPositionCounterId, counterId);
  assert.equal(image.subscriptionRegistrationId, correlationId);
  assert.match(bench.counter(counterId).label, / aeron:ipc @4096$/);
});

test('should forget a subscriber that the stream refused', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const before = bench.labels().size;
  bench.call({ ...SUBSCRIBE, channel: IPC });
  const { registrationId, subscriber } = bench.network.last('addSubscriber');
  bench.network.emit({ kind: 'subscriberRefused', registrationId, counterId: subscriber.counterId });
  assert.deepEqual(bench.run(), []);
  assert.equal(bench.labels().size, before);
});

test('should not announce an image to a subscription that has left meanwhile', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const { correlationId } = bench.call({ ...SUBSCRIBE, channel: IPC });
  const { registrationId, subscriber } = bench.network.last('addSubscriber');
  bench.call({ type: 'removeSubscription', registrationId: correlationId });
  assert.equal(bench.network.last('removeSubscriber').counterId, subscriber.counterId);
  bench.network.emit({
    kind: 'subscriberAdded',
    registrationId,
    counterId: subscriber.counterId,
    joinPosition: 0,
  });
  assert.deepEqual(bench.run(), []);
});

test('should give the counter of a subscriber that left to nobody else before the network agent has let go of it', (t) => {
  const bench = new ConductorBench(t, { countersFreeToReuseTimeoutNs: 0 });
  bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const { correlationId } = bench.call({ ...SUBSCRIBE, channel: IPC });
  const { counterId } = bench.network.last('addSubscriber').subscriber;
  bench.network.answers = false;
  bench.call({ type: 'removeSubscription', registrationId: correlationId });
  bench.call({ ...SUBSCRIBE, channel: IPC });
  assert.notEqual(bench.network.last('addSubscriber').subscriber.counterId, counterId);
  bench.network.emit({ kind: 'subscriberRemoved', counterId });
  bench.run();
  bench.call({ ...SUBSCRIBE, channel: IPC });
  assert.equal(bench.network.last('addSubscriber').subscriber.counterId, counterId);
});

test('should match sessions: one, or every one', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: `${IPC}?session-id=5` });
  bench.call({ ...SUBSCRIBE, channel: `${IPC}?session-id=6` });
  bench.call({ ...SUBSCRIBE, streamId: 11, channel: IPC });
  assert.equal(bench.network.all('addSubscriber').length, 0);
  bench.call({ ...SUBSCRIBE, channel: `${IPC}?session-id=5` });
  bench.call({ ...SUBSCRIBE, channel: IPC });
  assert.equal(bench.network.all('addSubscriber').length, 2);
});

test('should tell subscribers that an image is gone, once, and not the one that left', (t) => {
  const bench = new ConductorBench(t);
  const stays = bench.call({ ...SUBSCRIBE, channel: IPC });
  const leaves = bench.call({ ...SUBSCRIBE, channel: IPC });
  const { correlationId: registrationId, events } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: IPC,
  });
  assert.equal(events.filter(({ type }) => type === 'availableImage').length, 2);
  const left = bench.call({ type: 'removeSubscription', registrationId: leaves.correlationId });
  assert.deepEqual(types(left.events), ['operationSuccess']);

  bench.call({ type: 'removePublication', registrationId, revoke: false });
  bench.network.emit({ kind: 'streamUnavailable', registrationId });
  const gone = only(bench.run(), 'unavailableImage');
  assert.deepEqual(
    [gone.correlationId, gone.subscriptionRegistrationId, gone.streamId, gone.channel],
    [registrationId, stays.correlationId, 10, IPC],
  );
  bench.network.emit({ kind: 'streamReleased', registrationId });
  assert.deepEqual(bench.run(), []);
  assert.deepEqual([...bench.labels().values()], [`client-heartbeat: id=${bench.clientId}`]);
});

test('should not know a subscription that was removed before', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId: registrationId } = bench.call({ ...SUBSCRIBE, channel: IPC });
  bench.call({ type: 'removeSubscription', registrationId });
  const error = only(bench.call({ type: 'removeSubscription', registrationId }).events, 'error');
  assert.equal(error.errorCode, ErrorCode.UNKNOWN_SUBSCRIPTION);
  assert.equal(
    error.message,
    `unknown subscription client_id=${bench.clientId} registration_id=${registrationId}`,
  );
});

test('should carry IPC only when there is no transport', (t) => {
  const bench = new ConductorBench(t, {}, 0);
  for (const request of [
    { ...SUBSCRIBE, channel: UDP },
    { type: 'addPublication', streamId: 10, channel: UDP },
  ] as const) {
    assert.equal(only(bench.call(request).events, 'error').errorCode, ErrorCode.NOT_SUPPORTED);
  }
  only(bench.call({ ...SUBSCRIBE, channel: IPC }).events, 'subscriptionReady');
});
