import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { ConductorBench, only, types } from '../support/conductor-bench.ts';

const IPC = 'aeron:ipc';
const COUNTER = { type: 'addCounter', typeId: 1001, key: Buffer.from([1, 2, 3]), label: 'mine' } as const;

test('should release everything of a client that fell silent', (t) => {
  const bench = new ConductorBench(t);
  const publication = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  const heartbeatId = only(publication.events, 'counterReady').counterId;
  const counter = bench.call(COUNTER);
  const counterId = only(counter.events, 'counterReady').counterId;
  const subscription = {
    type: 'addSubscription',
    registrationCorrelationId: -1,
    streamId: 10,
    channel: 'aeron:udp?endpoint=127.0.0.1:24325',
  } as const;
  bench.call(subscription);

  assert.deepEqual(bench.advanceMs(30_000), [], 'not while it is alive');
  const events = bench.advanceMs(12_000, false);
  assert.deepEqual(types(events), ['clientTimeout', 'unavailableCounter', 'unavailableCounter']);
  assert.equal(only(events, 'clientTimeout').clientId, bench.clientId);
  const gone = events
    .slice(1)
    .map((event) => event.type === 'unavailableCounter' && [event.registrationId, event.counterId]);
  assert.deepEqual(gone, [
    [bench.clientId, heartbeatId],
    [counter.correlationId, counterId],
  ]);
  assert.equal(bench.network.last('drainPublication').registrationId, publication.correlationId);
  assert.equal(bench.network.all('removeEndpoint').length, 1);
  assert.equal(bench.systemCounter(24), 1);

  bench.network.emit({ kind: 'streamReleased', registrationId: publication.correlationId });
  bench.run();
  assert.equal(bench.labels().size, 0);
});

test('should keep what other clients have of a client that fell silent', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: IPC }, 200);
  const mine = bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  bench.advanceMs(12_000);
  assert.equal(bench.systemCounter(24), 1);
  assert.equal(bench.network.all('drainPublication').length, 0);
  bench.call({ type: 'removePublication', registrationId: mine.correlationId, revoke: false });
  assert.equal(bench.network.all('drainPublication').length, 1);
});

test('should release a client that closed with the next timer, without a time-out', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'addPublication', streamId: 10, channel: IPC });
  assert.deepEqual(bench.call({ type: 'clientClose' }).events, []);
  const events = bench.advanceMs(1000, false);
  assert.deepEqual(types(events), ['unavailableCounter']);
  assert.equal(bench.systemCounter(24), 0);
  assert.equal(bench.network.all('drainPublication').length, 1);
});

test('should not make a client of one that adds nothing', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ type: 'clientKeepalive' });
  bench.call({ type: 'clientClose' });
  bench.call({ type: 'removeCounter', registrationId: 1 });
  bench.call({ type: 'getNextAvailableSessionId', streamId: 1 });
  assert.equal(bench.labels().size, 0);
});

test('should add and remove counters', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId, events } = bench.call(COUNTER);
  assert.deepEqual(types(events), ['counterReady', 'counterReady']);
  const ready = events[1]!;
  assert.ok(ready.type === 'counterReady' && ready.correlationId === correlationId);
  const counter = bench.counter(ready.counterId);
  assert.deepEqual(
    [counter.typeId, counter.label, counter.registrationId, counter.ownerId],
    [1001, 'mine', correlationId, bench.clientId],
  );
  assert.deepEqual([...counter.key.subarray(0, 4)], [1, 2, 3, 0]);

  const removed = bench.call({ type: 'removeCounter', registrationId: correlationId });
  assert.deepEqual(types(removed.events), ['operationSuccess', 'unavailableCounter']);
  const error = only(bench.call({ type: 'removeCounter', registrationId: correlationId }).events, 'error');
  assert.equal(error.errorCode, ErrorCode.UNKNOWN_COUNTER);
});

test('should add a static counter once, and keep it when its client goes', (t) => {
  const bench = new ConductorBench(t);
  const request = { ...COUNTER, type: 'addStaticCounter', registrationId: 42 } as const;
  const first = bench.call(request);
  const { counterId } = only(first.events, 'staticCounter');
  const second = only(bench.call({ ...request, label: 'other' }, 200).events, 'staticCounter');
  assert.equal(second.counterId, counterId);
  assert.equal(bench.counter(counterId).label, 'mine');
  assert.equal(bench.counter(counterId).ownerId, -1);
  bench.advanceMs(12_000, false);
  assert.deepEqual([...bench.labels().values()], ['mine']);
});

test('should refuse a static counter where another one is', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId, events } = bench.call(COUNTER);
  const ready = events[1]!;
  assert.ok(ready.type === 'counterReady');
  const request = { ...COUNTER, type: 'addStaticCounter', registrationId: correlationId } as const;
  assert.equal(
    only(bench.call(request).events, 'error').message,
    `cannot add static counter, because a non-static counter exists (counterId=${ready.counterId}) ` +
      `for typeId=1001 and registrationId=${correlationId}`,
  );
});

test('should answer with an error when the counters are used up, and go on', (t) => {
  const bench = new ConductorBench(t);
  const capacity = bench.counters.maxCounterId + 1;
  let errors = 0;
  for (let i = 0; i < capacity; i++) {
    for (const event of bench.call(COUNTER).events) {
      if (event.type !== 'error') continue;
      errors++;
      assert.match(event.message, /^COUNTERS_EXHAUSTED: /);
    }
  }
  assert.equal(errors, 46 + 1, 'system counters and the heartbeat take room too');
  const { events } = bench.call({
    type: 'addPublication',
    streamId: 10,
    channel: 'aeron:udp?endpoint=127.0.0.1:24325',
  });
  only(events, 'error');
  assert.equal(bench.network.all('removeEndpoint').length, 1);
});

test('should write its heartbeat every second', (t) => {
  const bench = new ConductorBench(t);
  const start = bench.heartbeatMs();
  bench.advanceMs(3000);
  assert.equal(bench.heartbeatMs(), start + 3000);
});

test('should skip the command of a client that died while it wrote', (t) => {
  const bench = new ConductorBench(t);
  bench.claimAndDie(64);
  bench.send({ type: 'addPublication', streamId: 10, channel: IPC });
  assert.deepEqual(bench.run(), []);
  for (let second = 0; second < 10; second++) {
    bench.clock.advanceNs(1e9);
    assert.deepEqual(bench.run(), []);
  }
  bench.clock.advanceNs(2e9);
  only(bench.run(), 'publicationReady');
  assert.equal(bench.systemCounter(20), 1);
});

test('should hand the token of a termination on', (t) => {
  const bench = new ConductorBench(t);
  assert.deepEqual(bench.call({ type: 'terminateDriver', token: Buffer.from('please') }).events, []);
  assert.deepEqual(bench.terminations.map(String), ['please']);
});

test('should count its longest cycle and those above the threshold', (t) => {
  const bench = new ConductorBench(t);
  bench.clock.advanceNs(99e6);
  bench.run();
  assert.equal(bench.systemCounter(27), 0);
  bench.clock.advanceNs(101e6);
  bench.run();
  assert.equal(bench.systemCounter(26), 101e6);
  assert.equal(bench.systemCounter(27), 1);
});
