import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { ConductorBench, only, setupReceived, types } from '../support/conductor-bench.ts';

const MDS = 'aeron:udp?control-mode=manual';
const FIRST = 'aeron:udp?endpoint=127.0.0.1:24501';
const SECOND = 'aeron:udp?endpoint=127.0.0.1:24502';
const SUBSCRIBE = { type: 'addSubscription', registrationCorrelationId: -1, streamId: 10 } as const;
const ADD = { type: 'addReceiveDestination' } as const;
const REMOVE = { type: 'removeReceiveDestination' } as const;

function subscribed(t: Pick<TestContext, 'after'>, options: Partial<DriverOptions> = {}) {
  const bench = new ConductorBench(t, options);
  const { correlationId: registrationId, events } = bench.call({ ...SUBSCRIBE, channel: MDS });
  return { bench, registrationId, events };
}

test('should subscribe without an address, and open a port for each destination', (t) => {
  const { bench, registrationId, events } = subscribed(t);
  assert.equal(only(events, 'subscriptionReady').channelStatusCounterId, 46);
  for (const channel of [FIRST, SECOND]) {
    assert.deepEqual(types(bench.call({ ...ADD, registrationId, channel }).events), ['operationSuccess']);
  }
  const { endpointId } = bench.network.last('addMultiDestinationEndpoint');
  assert.deepEqual(
    bench.network.all('addReceiveDestination').map((one) => [one.endpointId, one.options.localPort]),
    [
      [endpointId, 24501],
      [endpointId, 24502],
    ],
  );
  assert.deepEqual(
    [...bench.labels().values()],
    [
      `rcv-channel: ${MDS}`,
      `client-heartbeat: id=${bench.clientId}`,
      'rcv-local-sockaddr: 46 127.0.0.1:24501',
      'rcv-local-sockaddr: 46 127.0.0.1:24502',
    ],
  );
  assert.equal(bench.counter(48).registrationId, registrationId);
});

test('should give each multi-destination subscription an endpoint of its own', (t) => {
  const { bench } = subscribed(t);
  bench.call({ ...SUBSCRIBE, channel: MDS });
  assert.equal(bench.network.all('addMultiDestinationEndpoint').length, 2);
});

test('should make one image of what comes through the destinations', (t) => {
  const { bench, registrationId } = subscribed(t);
  bench.call({ ...ADD, registrationId, channel: FIRST });
  const { endpointId, destinationId } = bench.network.last('addReceiveDestination');
  bench.network.emit(setupReceived(endpointId, { destinationId }));
  const image = only(bench.run(), 'availableImage');
  assert.equal(image.subscriptionRegistrationId, registrationId);
  assert.equal(bench.network.last('addImage').image.destinationId, destinationId);
});

test('should remove a destination by its channel, however it is written', (t) => {
  const { bench, registrationId } = subscribed(t);
  for (const channel of [FIRST, SECOND]) bench.call({ ...ADD, registrationId, channel });
  const removed = bench.call({ ...REMOVE, registrationId, channel: 'aeron:udp?endpoint=localhost:24501' });
  assert.deepEqual(types(removed.events), ['operationSuccess']);
  const [first] = bench.network.all('addReceiveDestination');
  const { destinationId } = bench.network.last('removeReceiveDestination');
  assert.equal(destinationId, first!.destinationId);
  assert.ok(![...bench.labels().values()].includes('rcv-local-sockaddr: 46 127.0.0.1:24501'));
});

test('should take it easy when there is no such destination', (t) => {
  const { bench, registrationId } = subscribed(t);
  const removed = bench.call({ ...REMOVE, registrationId, channel: FIRST });
  assert.deepEqual(types(removed.events), ['operationSuccess']);
  assert.equal(bench.network.all('removeReceiveDestination').length, 0);
});

test('should remove a destination by its registration id', (t) => {
  const { bench, registrationId } = subscribed(t);
  const { correlationId } = bench.call({ ...ADD, registrationId, channel: FIRST });
  const { destinationId } = bench.network.last('addReceiveDestination');
  const removal = { type: 'removeDestinationById', registrationId } as const;
  const error = only(bench.call({ ...removal, destinationRegistrationId: 4 }).events, 'error');
  assert.equal(error.message, `subscription ${registrationId} has no destination with the registration id 4`);
  only(bench.call({ ...removal, destinationRegistrationId: correlationId }).events, 'operationSuccess');
  assert.equal(bench.network.last('removeReceiveDestination').destinationId, destinationId);
});

test('should take ports of the range for wildcard ports, and give them back', (t) => {
  const { bench, registrationId } = subscribed(t, { receiverWildcardPortRange: { low: 6000, high: 6000 } });
  const channel = 'aeron:udp?endpoint=127.0.0.1:0';
  only(bench.call({ ...ADD, registrationId, channel }).events, 'operationSuccess');
  assert.equal(bench.network.last('addReceiveDestination').options.localPort, 6000);
  only(bench.call({ ...ADD, registrationId, channel }).events, 'error');
  only(bench.call({ ...REMOVE, registrationId, channel }).events, 'operationSuccess');
  only(bench.call({ ...ADD, registrationId, channel }).events, 'operationSuccess');
});

test('should pass the control address of a destination on', (t) => {
  const { bench, registrationId } = subscribed(t);
  const channel = `${FIRST}|control=127.0.0.2:24600|control-mode=dynamic`;
  only(bench.call({ ...ADD, registrationId, channel }).events, 'operationSuccess');
  const { control } = bench.network.last('addReceiveDestination');
  assert.deepEqual(control, { address: 0x7f000002, port: 24600 });
  const portless = `${FIRST}|control=127.0.0.2:0`;
  const error = only(bench.call({ ...ADD, registrationId, channel: portless }).events, 'error');
  assert.match(error.message, /^control has port=0 for subscription/);
});

test('should answer when the network agent could not open a destination', (t) => {
  const { bench, registrationId } = subscribed(t);
  bench.network.answers = false;
  bench.send({ ...ADD, registrationId, channel: FIRST });
  assert.deepEqual(bench.run(), []);
  const { destinationId } = bench.network.last('addReceiveDestination');
  bench.network.emit({ kind: 'destinationFailed', destinationId, code: 'EADDRINUSE', message: 'in use' });
  const error = only(bench.run(), 'error');
  assert.equal(error.message, `in use, channel=${FIRST}`);
});

test('should refuse destinations of what has none', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId } = bench.call({ ...SUBSCRIBE, channel: FIRST });
  for (const registrationId of [correlationId, 4711]) {
    for (const type of ['addReceiveDestination', 'removeReceiveDestination'] as const) {
      const error = only(bench.call({ type, registrationId, channel: SECOND }).events, 'error');
      assert.equal(error.errorCode, ErrorCode.UNKNOWN_SUBSCRIPTION);
      assert.equal(error.message, `unknown MDS subscription: ${registrationId}`);
    }
  }
});

test('should refuse what is the business of the subscription', (t) => {
  const { bench, registrationId } = subscribed(t);
  for (const key of ['mtu', 'rcv-wnd', 'so-rcvbuf', 'so-sndbuf']) {
    const channel = `${FIRST}|${key}=64k`;
    const error = only(bench.call({ ...ADD, registrationId, channel }).events, 'error');
    assert.equal(error.errorCode, ErrorCode.INVALID_CHANNEL);
    assert.equal(error.message, `destinations must not contain the key: ${key} channel=${channel}`);
  }
});

test('should have a limit for destinations', (t) => {
  const { bench, registrationId } = subscribed(t);
  for (let i = 0; i < 64; i++) {
    const channel = `aeron:udp?endpoint=127.0.0.1:${25000 + i}`;
    only(bench.call({ ...ADD, registrationId, channel }).events, 'operationSuccess');
  }
  const error = only(bench.call({ ...ADD, registrationId, channel: FIRST }).events, 'error');
  assert.match(error.message, /^the subscription has 64 destinations, which is the limit/);
});

test('should free what destinations had when the subscription goes', (t) => {
  const { bench, registrationId } = subscribed(t);
  bench.call({ ...ADD, registrationId, channel: FIRST });
  bench.call({ ...ADD, registrationId, channel: 'aeron:ipc' });
  only(bench.call({ type: 'removeSubscription', registrationId }).events, 'operationSuccess');
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.deepEqual([...bench.labels().values()], [`client-heartbeat: id=${bench.clientId}`]);
  bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:ipc' });
  assert.deepEqual(bench.network.last('addIpcPublication').publication.subscribers, []);
});

test('should receive what this machine sends through a spy destination', (t) => {
  const { bench, registrationId } = subscribed(t);
  const spy = `aeron-spy:${FIRST}`;
  only(bench.call({ ...ADD, registrationId, channel: spy }).events, 'operationSuccess');
  const { events } = bench.call({ type: 'addPublication', streamId: 10, channel: FIRST });
  assert.equal(only(events, 'availableImage').subscriptionRegistrationId, registrationId);
  const removed = bench.call({ ...REMOVE, registrationId, channel: spy });
  assert.deepEqual(types(removed.events).sort(), ['operationSuccess', 'unavailableImage']);
});

test('should receive streams of this machine through an IPC destination', (t) => {
  const { bench, registrationId } = subscribed(t);
  const publication = bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:ipc' });
  only(bench.call({ ...ADD, registrationId, channel: 'aeron:ipc' }).events, 'operationSuccess');
  const { subscriber, ...join } = bench.network.last('addSubscriber');
  assert.equal(join.registrationId, publication.correlationId);
  bench.network.emit({
    kind: 'subscriberAdded',
    registrationId: publication.correlationId,
    counterId: subscriber.counterId,
    joinPosition: 0,
  });
  const image = only(bench.run(), 'availableImage');
  assert.equal(image.subscriptionRegistrationId, registrationId);
  const later = bench.call({ type: 'addExclusivePublication', streamId: 10, channel: 'aeron:ipc' });
  assert.equal(only(later.events, 'availableImage').subscriptionRegistrationId, registrationId);

  const removed = bench.call({ ...REMOVE, registrationId, channel: 'aeron:ipc' });
  assert.equal(removed.events.filter(({ type }) => type === 'unavailableImage').length, 2);
  assert.equal(bench.network.all('removeSubscriber').length, 2);
  const again = only(bench.call({ ...REMOVE, registrationId, channel: 'aeron:ipc' }).events, 'error');
  assert.equal(again.errorCode, ErrorCode.UNKNOWN_SUBSCRIPTION);
});
