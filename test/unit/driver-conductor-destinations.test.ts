import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { ConductorBench, LOOPBACK, only, setupReceived } from '../support/conductor-bench.ts';

const MANUAL = 'aeron:udp?control-mode=manual';
const DYNAMIC = 'aeron:udp?control-mode=dynamic|control=127.0.0.1:24326';
const DESTINATION = 'aeron:udp?endpoint=127.0.0.1:24325';

function publish(bench: ConductorBench, channel: string): number {
  const { correlationId, events } = bench.call({ type: 'addPublication', streamId: 10, channel });
  only(events, 'publicationReady');
  return correlationId;
}

function counterOf(bench: ConductorBench, typeId: number) {
  let found: { label: string; registrationId: number; ownerId: number } | null = null;
  bench.counters.forEach((counter) => {
    if (counter.typeId === typeId) found = counter;
  });
  return found as { label: string; registrationId: number; ownerId: number } | null;
}

test('a manual cast has an endpoint of its own that nobody else shares', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, MANUAL);
  const { options, destinations } = bench.network.last('addSendEndpoint');
  assert.deepEqual(
    [options.localAddress, options.localPort, options.remoteAddress, options.remotePort],
    [0, 0, 0, 0],
  );
  assert.equal(destinations?.isManual, true);
  const counter = counterOf(bench, CounterType.MDC_DESTINATIONS);
  assert.equal(counter?.label, `mdc-num-dest: ${MANUAL}`);
  assert.equal(counter?.registrationId, registrationId);
  assert.equal(bench.network.last('addNetworkPublication').publication.isGroup, true);
  bench.call({ type: 'addPublication', streamId: 11, channel: MANUAL });
  assert.equal(bench.network.all('addSendEndpoint').length, 2);
});

test('a dynamic cast binds its control address and is shared by it', (t) => {
  const bench = new ConductorBench(t);
  publish(bench, DYNAMIC);
  const { options, destinations } = bench.network.last('addSendEndpoint');
  assert.deepEqual([options.localAddress, options.localPort, options.remotePort], [LOOPBACK, 24326, 0]);
  assert.equal(destinations?.isManual, false);
  only(bench.call({ type: 'addPublication', streamId: 11, channel: DYNAMIC }).events, 'publicationReady');
  assert.equal(bench.network.all('addSendEndpoint').length, 1);
  const { events } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: 'aeron:udp?control-mode=dynamic',
  });
  const error = only(events, 'error');
  assert.equal(error.errorCode, ErrorCode.INVALID_CHANNEL);
  assert.ok(error.message.startsWith('explicit control expected with dynamic control mode'));
});

test('the counter of destinations goes with the endpoint', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, DYNAMIC);
  bench.call({ type: 'removePublication', registrationId, revoke: false });
  bench.network.emit({ kind: 'streamReleased', registrationId });
  bench.run();
  assert.equal(counterOf(bench, CounterType.MDC_DESTINATIONS), null);
});

test('destinations are added and removed, by channel and by id', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, MANUAL);
  const added = bench.call({ type: 'addDestination', registrationId, channel: DESTINATION });
  only(added.events, 'operationSuccess');
  const { endpointId } = bench.network.last('addSendEndpoint');
  assert.deepEqual(bench.network.last('addDestination'), {
    kind: 'addDestination',
    endpointId,
    destinationId: added.correlationId,
    address: LOOPBACK,
    port: 24325,
  });
  const again = bench.call({ type: 'addDestination', registrationId, channel: DESTINATION });
  bench.call({ type: 'removeDestination', registrationId, channel: DESTINATION });
  assert.equal(bench.network.last('removeDestination').destinationId, again.correlationId, 'the newest');
  const { events } = bench.call({
    type: 'removeDestinationById',
    registrationId,
    destinationRegistrationId: added.correlationId,
  });
  only(events, 'operationSuccess');
  assert.equal(bench.network.last('removeDestination').destinationId, added.correlationId);
  const nobody = bench.call({ type: 'removeDestination', registrationId, channel: DESTINATION });
  only(nobody.events, 'operationSuccess');
  assert.equal(bench.network.all('removeDestination').length, 2);
});

test('destinations that make no sense are refused with the official texts', (t) => {
  const bench = new ConductorBench(t);
  const manual = publish(bench, MANUAL);
  const dynamic = publish(bench, DYNAMIC);
  const ipc = publish(bench, 'aeron:ipc');
  const { INVALID_CHANNEL, GENERIC_ERROR, UNKNOWN_PUBLICATION } = ErrorCode;
  for (const [registrationId, channel, errorCode, text] of [
    [999, DESTINATION, UNKNOWN_PUBLICATION, 'unknown publication registration_id=999'],
    [ipc, DESTINATION, UNKNOWN_PUBLICATION, `unknown publication registration_id=${ipc}`],
    [dynamic, DESTINATION, GENERIC_ERROR, 'channel does not allow manual control of destinations: '],
    [manual, `aeron-spy:${DESTINATION}`, INVALID_CHANNEL, 'Aeron spies are invalid as send destinations'],
    [manual, 'aeron:ipc', GENERIC_ERROR, 'incorrect URI format for destination: aeron:ipc'],
    [manual, 'aeron:udp?control=127.0.0.1:1', GENERIC_ERROR, 'incorrect URI format for destination'],
    [manual, 'aeron:udp?endpoint=127.0.0.1:0', GENERIC_ERROR, 'endpoint has port=0 for send destination'],
    [manual, 'aeron:udp?endpoint=127.0.0.1', INVALID_CHANNEL, 'endpoint=127.0.0.1 is not host:port'],
    [manual, `${DESTINATION}|mtu=1408`, INVALID_CHANNEL, 'destinations must not contain the key: mtu'],
    [
      manual,
      `${DESTINATION}|so-sndbuf=1m`,
      INVALID_CHANNEL,
      'destinations must not contain the key: so-sndbuf',
    ],
    [manual, `${DESTINATION}|control-mode=response`, INVALID_CHANNEL, 'destinations may not specify'],
    [manual, 'nonsense', INVALID_CHANNEL, ''],
  ] as const) {
    for (const type of ['addDestination', 'removeDestination'] as const) {
      const error = only(bench.call({ type, registrationId, channel }).events, 'error');
      assert.deepEqual([error.errorCode, error.message.slice(0, text.length)], [errorCode, text]);
    }
  }
  assert.equal(bench.network.all('addDestination').length, 0);
});

test('a name that is not known yet is looked up again when nobody has answered', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, MANUAL);
  const channel = 'aeron:udp?endpoint=far:24325';
  const { correlationId, events } = bench.call({ type: 'addDestination', registrationId, channel });
  assert.deepEqual(events, [], 'the look-up is under way');
  bench.lookups.shift()!.answer('not found', '');
  only(bench.run(), 'operationSuccess');
  assert.equal(bench.network.last('addDestination').address, 0);
  const { endpointId } = bench.network.last('addSendEndpoint');
  bench.network.emit({ kind: 'destinationSilent', endpointId, destinationId: correlationId });
  bench.network.emit({ kind: 'destinationSilent', endpointId, destinationId: correlationId });
  bench.network.emit({ kind: 'destinationSilent', endpointId, destinationId: 12345 });
  bench.run();
  assert.equal(bench.lookups.length, 1);
  bench.lookups.shift()!.answer(null, '10.0.0.9');
  bench.advanceMs(1000);
  assert.deepEqual(bench.network.last('moveDestination'), {
    kind: 'moveDestination',
    endpointId,
    destinationId: correlationId,
    address: 0x0a000009,
  });
  bench.network.emit({ kind: 'destinationSilent', endpointId, destinationId: correlationId });
  bench.run();
  bench.lookups.shift()!.answer(null, '10.0.0.9');
  bench.advanceMs(1000);
  assert.equal(bench.network.all('moveDestination').length, 1, 'it has not moved');
});

test('an endpoint takes a bounded number of destinations', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, MANUAL);
  for (let port = 1; port <= 1024; port++) {
    const channel = `aeron:udp?endpoint=127.0.0.1:${port}`;
    only(bench.call({ type: 'addDestination', registrationId, channel }).events, 'operationSuccess');
  }
  const { events } = bench.call({ type: 'addDestination', registrationId, channel: DESTINATION });
  assert.ok(only(events, 'error').message.startsWith('the publication has 1024 destinations'));
});

test('flow control of a group is what its channel says; a unicast stream has its own', (t) => {
  const bench = new ConductorBench(t);
  const registrationId = publish(bench, `${DYNAMIC}|fc=tagged,g:101/3,t:2s`);
  const { flowControl } = bench.network.last('addNetworkPublication').publication;
  assert.deepEqual(
    { ...flowControl, receiversCounterId: 0 },
    {
      strategy: 'tagged',
      groupTag: { low: 101, high: 0 },
      groupMinSize: 3,
      receiverTimeoutNs: 2e9,
      retransmitWindowMultiple: 4,
      receiversCounterId: 0,
    },
  );
  const counter = bench.counter(flowControl.receiversCounterId);
  assert.equal(counter.typeId, CounterType.FLOW_CONTROL_RECEIVERS);
  assert.ok(counter.label.startsWith(`fc-receivers: ${registrationId} `));
  assert.equal(counter.ownerId, -1);
  publish(bench, 'aeron:udp?endpoint=127.0.0.1:5000');
  const unicast = bench.network.last('addNetworkPublication').publication;
  assert.deepEqual([unicast.isGroup, unicast.flowControl.strategy], [false, 'max']);
  assert.equal(unicast.flowControl.retransmitWindowMultiple, 16);
  const { events } = bench.call({ type: 'addPublication', streamId: 1, channel: `${MANUAL}|fc=fast` });
  assert.match(only(events, 'error').message, /^fc=fast: 'fast' is not a flow control strategy/);
  const channel = 'aeron:udp?endpoint=127.0.0.1:5000|fc=min';
  const answer = bench.call({ type: 'addPublication', streamId: 2, channel });
  assert.match(
    only(answer.events, 'error').message,
    /^fc=min: unsupported unicast flow control strategy 'min'/,
  );
  bench.run();
  assert.equal(bench.network.all('removeEndpoint').length, 1, 'the endpoint that was opened for it');
});

test('a subscription with a control address tells senders there, with its group tag', (t) => {
  const bench = new ConductorBench(t);
  const channel = 'aeron:udp?endpoint=127.0.0.1:24325|control=far:24326|control-mode=dynamic|gtag=-7';
  bench.call({ type: 'addSubscription', streamId: 10, channel, registrationCorrelationId: -1 });
  bench.lookups.shift()!.answer(null, '10.0.0.9');
  only(bench.run(), 'subscriptionReady');
  const { endpointId, options, receiver } = bench.network.last('addReceiveEndpoint');
  assert.deepEqual([options.localAddress, options.localPort, options.remotePort], [LOOPBACK, 24325, 0]);
  assert.deepEqual(receiver, {
    control: { address: 0x0a000009, port: 24326 },
    groupTag: { low: -7, high: -1 },
  });
  bench.advanceMs(7000);
  bench.lookups.shift()!.answer(null, '10.0.0.10');
  bench.advanceMs(1000);
  assert.deepEqual(bench.network.last('reconnectEndpoint'), {
    kind: 'reconnectEndpoint',
    endpointId,
    remoteAddress: 0x0a00000a,
    remotePort: 24326,
  });
  bench.network.emit(setupReceived(endpointId));
  only(bench.run(), 'availableImage');
  bench.lookups.splice(0);
  bench.advanceMs(7000);
  assert.equal(bench.lookups.length, 0, 'somebody sends');
});

test('subscriptions with other control addresses, or with a port of 0 there', (t) => {
  const bench = new ConductorBench(t);
  const subscribe = (channel: string) =>
    bench.call({ type: 'addSubscription', streamId: 10, channel, registrationCorrelationId: -1 }).events;
  only(subscribe('aeron:udp?control=127.0.0.1:24326|control-mode=dynamic'), 'subscriptionReady');
  assert.equal(bench.network.last('addReceiveEndpoint').options.localPort, 0);
  only(subscribe('aeron:udp?control=127.0.0.1:24326|control-mode=dynamic'), 'subscriptionReady');
  assert.equal(bench.network.all('addReceiveEndpoint').length, 1);
  only(subscribe('aeron:udp?control=127.0.0.1:24327|control-mode=dynamic'), 'subscriptionReady');
  assert.equal(bench.network.all('addReceiveEndpoint').length, 2);
  const error = only(subscribe('aeron:udp?endpoint=127.0.0.1:1|control=127.0.0.1:0'), 'error');
  assert.ok(error.message.startsWith('control has port=0 for subscription'));
});
