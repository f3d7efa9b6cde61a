import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { ConductorBench, only, setupReceived, types } from '../support/conductor-bench.ts';

const UDP = 'aeron:udp?endpoint=127.0.0.1:24325';
const SUBSCRIBE = {
  type: 'addSubscription',
  registrationCorrelationId: -1,
  streamId: 10,
  channel: UDP,
} as const;

/** Subscribes, and says which endpoint the subscription got. */
function subscribe(
  bench: ConductorBench,
  channel: string = UDP,
): { registrationId: number; endpointId: number } {
  const { correlationId } = bench.call({ ...SUBSCRIBE, channel });
  return { registrationId: correlationId, endpointId: bench.network.last('addReceiveEndpoint').endpointId };
}

test('should make an image of a stream that a subscription wants', (t) => {
  const bench = new ConductorBench(t);
  const { registrationId, endpointId } = subscribe(bench, `${UDP}|rcv-wnd=64k`);
  bench.network.emit(setupReceived(endpointId));
  const events = bench.run();
  const available = only(events, 'availableImage');
  const joinPosition = 65_536 + 96;
  assert.deepEqual(types(events), ['availableImage']);
  assert.equal(available.sourceIdentity, '10.0.0.2:40456');
  assert.equal(available.subscriptionRegistrationId, registrationId);
  assert.equal(available.logFileName, `${bench.directory}/images/${available.correlationId}.logbuffer`);
  assert.equal(bench.counter(available.subscriberPositionCounterId).value, joinPosition);

  const channel = `${UDP}|rcv-wnd=64k`;
  const own = `${available.correlationId} 77 10 ${channel}`;
  assert.deepEqual([...bench.labels().values()].slice(3), [
    `rcv-hwm: ${own}`,
    `rcv-pos: ${own}`,
    `rcv-naks-sent: ${own}`,
    `sub-pos: ${registrationId} 77 10 ${channel} @${joinPosition}`,
  ]);
  const { image } = bench.network.last('addImage');
  assert.equal(image.windowLength, 32_768, 'at most half a term');
  assert.equal(image.joinPosition, joinPosition);
  assert.equal(bench.counter(image.rcvHwmCounterId).value, joinPosition);
  assert.equal(bench.counter(image.rcvPosCounterId).value, joinPosition);
  assert.equal(image.sourcePort, 40_456);
  const log = LogBuffers.map(available.logFileName);
  assert.deepEqual([log.termLength, log.initialTermId, log.mtu], [65_536, 5, 1408]);
  log.close();
});

test('should link every subscription that wants the session, and later ones when the agent lets them', (t) => {
  const bench = new ConductorBench(t);
  const { endpointId } = subscribe(bench);
  bench.call(SUBSCRIBE, 200);
  bench.call({ ...SUBSCRIBE, channel: `${UDP}|session-id=77` });
  bench.call({ ...SUBSCRIBE, channel: `${UDP}|session-id=78` });
  bench.call({ ...SUBSCRIBE, streamId: 11 });
  bench.network.emit(setupReceived(endpointId));
  assert.deepEqual(types(bench.run()), ['availableImage', 'availableImage', 'availableImage']);
  const { image } = bench.network.last('addImage');
  assert.equal(image.subscribers.length, 3);

  assert.deepEqual(types(bench.call(SUBSCRIBE, 300).events), ['counterReady', 'subscriptionReady']);
  const { registrationId, subscriber } = bench.network.last('addSubscriber');
  assert.equal(registrationId, image.registrationId);
  bench.network.emit({
    kind: 'subscriberAdded',
    registrationId,
    counterId: subscriber.counterId,
    joinPosition: 99_072,
  });
  only(bench.run(), 'availableImage');
});

test('should say so when no image comes of a setup', (t) => {
  const bench = new ConductorBench(t, { streamSessionLimit: 1 });
  const { endpointId, registrationId } = subscribe(bench);
  const refused = { kind: 'imageNotCreated', endpointId } as const;
  for (const setup of [{ streamId: 11 }, { mtu: 65_504 * 3 }]) {
    bench.network.emit(setupReceived(endpointId, setup));
    assert.deepEqual(bench.run(), []);
    assert.deepEqual(bench.network.commands.at(-1), {
      ...refused,
      streamId: 10,
      sessionId: 77,
      ...('streamId' in setup ? setup : {}),
    });
  }
  bench.usableSpace = 0;
  bench.network.emit(setupReceived(endpointId));
  bench.run();
  assert.equal(bench.network.all('imageNotCreated').length, 3);
  bench.usableSpace = 1e12;
  bench.network.emit(setupReceived(endpointId));
  bench.network.emit(setupReceived(endpointId, { sessionId: 78 }));
  only(bench.run(), 'availableImage');
  assert.match(bench.errorLog().at(-1)!, /exceeded session limit, stream-id=10/);
  assert.equal(bench.network.last('imageNotCreated').sessionId, 78);

  bench.call({ type: 'removeSubscription', registrationId });
  bench.network.emit(setupReceived(endpointId, { sessionId: 79 }));
  bench.run();
  assert.equal(bench.network.last('imageNotCreated').sessionId, 79);
  bench.network.emit(setupReceived(9999));
  bench.run();
  assert.equal(bench.network.last('imageNotCreated').endpointId, 9999);
});

test('should keep the endpoint until the last image is released', (t) => {
  const bench = new ConductorBench(t);
  const { endpointId, registrationId } = subscribe(bench);
  bench.network.emit(setupReceived(endpointId));
  const { correlationId, logFileName } = only(bench.run(), 'availableImage');
  bench.call({ type: 'removeSubscription', registrationId });
  assert.equal(bench.network.all('removeSubscriber').length, 1);
  assert.equal(bench.network.all('removeEndpoint').length, 0);
  bench.network.emit({ kind: 'streamUnavailable', registrationId: correlationId });
  bench.network.emit({ kind: 'streamReleased', registrationId: correlationId });
  assert.deepEqual(bench.run(), []);
  assert.ok(!existsSync(logFileName));
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.equal(bench.labels().size, 1);
});

test('should pass a rejection on to the receiver', (t) => {
  const bench = new ConductorBench(t);
  const { endpointId } = subscribe(bench);
  bench.network.emit(setupReceived(endpointId));
  const { correlationId: imageCorrelationId } = only(bench.run(), 'availableImage');
  const { events } = bench.call({ type: 'rejectImage', imageCorrelationId, position: 0, reason: 'stale' });
  assert.deepEqual(types(events), ['operationSuccess']);
  assert.deepEqual(bench.network.last('rejectImage'), {
    kind: 'rejectImage',
    registrationId: imageCorrelationId,
    reason: 'stale',
  });
  assert.equal(bench.systemCounter(42), 1);
});

test('should rest an IPC publication that was rejected, and let subscribers come back', (t) => {
  const bench = new ConductorBench(t);
  const subscription = bench.call({ ...SUBSCRIBE, channel: 'aeron:ipc' });
  const { correlationId } = bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:ipc' });
  const reject = {
    type: 'rejectImage',
    imageCorrelationId: correlationId,
    position: 0,
    reason: 'no',
  } as const;
  const { events } = bench.call(reject);
  assert.deepEqual(types(events), ['publicationError', 'unavailableImage', 'operationSuccess']);
  const error = only(events, 'publicationError');
  assert.deepEqual([error.errorCode, error.message, error.receiverId], [ErrorCode.IMAGE_REJECTED, 'no', -1n]);
  assert.equal(bench.network.all('removeSubscriber').length, 1);

  bench.call({ ...SUBSCRIBE, channel: 'aeron:ipc' });
  assert.equal(bench.network.all('addSubscriber').length, 0, 'nobody joins while it rests');
  bench.advanceMs(9000);
  assert.equal(bench.network.all('addSubscriber').length, 0);
  bench.advanceMs(2000);
  assert.equal(bench.network.all('addSubscriber').length, 2);
  const { registrationId, subscriber } = bench.network.all('addSubscriber')[0]!;
  bench.network.emit({
    kind: 'subscriberAdded',
    registrationId,
    counterId: subscriber.counterId,
    joinPosition: 64,
  });
  assert.equal(only(bench.run(), 'availableImage').subscriptionRegistrationId, subscription.correlationId);
});

test('should refuse to reject what is no image, or at length', (t) => {
  const bench = new ConductorBench(t);
  const reject = { type: 'rejectImage', imageCorrelationId: 4711, position: 0 } as const;
  const unknown = only(bench.call({ ...reject, reason: 'no' }).events, 'error');
  assert.equal(unknown.message, 'no image has the correlation id 4711');
  const long = only(bench.call({ ...reject, reason: 'x'.repeat(1024) }).events, 'error');
  assert.equal(long.message, 'Invalidation reason_text must be 1023 bytes or less');
});

test('should take a stream for that of a group when channel, sender or subscription says so', (t) => {
  const MULTICAST = 'aeron:udp?endpoint=224.20.30.39:24325';
  const GROUP_FLAG = 0x40;
  for (const [channel, flags, receiverGroupConsideration, isGroup] of [
    [UDP, 0, 'infer', false],
    [UDP, GROUP_FLAG, 'infer', true],
    [MULTICAST, 0, 'infer', true],
    [`${UDP}|group=true`, 0, 'infer', true],
    [`${MULTICAST}|group=false`, GROUP_FLAG, 'infer', false],
    [UDP, 0, 'true', true],
    [MULTICAST, 0, 'false', false],
    [`${MULTICAST}|group=infer`, 0, 'false', true],
  ] as const) {
    const bench = new ConductorBench(t, { receiverGroupConsideration });
    const { endpointId } = subscribe(bench, channel);
    bench.network.emit(setupReceived(endpointId, { flags }));
    bench.run();
    assert.equal(bench.network.last('addImage').image.isGroup, isGroup, channel);
  }
});

test('should give an image of a cubic subscription counters of its window and its round trips', (t) => {
  const bench = new ConductorBench(t, { cubicMeasureRtt: true });
  const channel = 'aeron:udp?endpoint=127.0.0.1:24329|cc=cubic';
  bench.call({ type: 'addSubscription', registrationCorrelationId: -1, streamId: 10, channel });
  bench.network.emit(setupReceived(bench.network.last('addReceiveEndpoint').endpointId));
  bench.run();
  const { congestion, registrationId } = bench.network.last('addImage').image;
  assert.deepEqual(
    [congestion?.measuresRtt, congestion?.initialRttNs, congestion?.isTcpFriendly],
    [true, 100_000, false],
  );
  const window = bench.counter(congestion!.windowCounterId);
  assert.equal(window.label, `rcv-cc-cubic-wnd: ${registrationId} 77 10 ${channel}`);
  assert.deepEqual([window.typeId, window.ownerId], [10, -1]);
  assert.match(bench.counter(congestion!.rttCounterId).label, /^rcv-cc-cubic-rtt: /);
  bench.network.emit({ kind: 'streamReleased', registrationId });
  bench.run();
  assert.ok([...bench.labels().values()].every((label) => !label.includes('cubic-')));
});

test('should know static and cubic congestion control', (t) => {
  const bench = new ConductorBench(t);
  const channel = 'aeron:udp?endpoint=127.0.0.1:24329|cc=reno';
  const { events } = bench.call({
    type: 'addSubscription',
    registrationCorrelationId: -1,
    streamId: 10,
    channel,
  });
  assert.equal(only(events, 'error').message, 'unsupported congestion control : cc=reno');
});
