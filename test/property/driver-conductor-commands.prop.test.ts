import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConductorBench, setupReceived } from '../support/conductor-bench.ts';

const CHANNELS = [
  'aeron:ipc',
  'aeron:ipc?session-id=5',
  'aeron:udp?endpoint=127.0.0.1:24325',
  'aeron:udp?endpoint=127.0.0.1:24326|session-id=5',
  'aeron:udp?endpoint=127.0.0.1:24325|reliable=false',
  'aeron:udp?endpoint=127.0.0.1:0',
  'aeron-spy:aeron:ipc',
  'aeron:udp?',
];

test('should outlive any bytes in the command ring', (t) => {
  const bench = new ConductorBench(t);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Lengths and ids that are nearly right reach further.
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 4, 8, 16, 24, 100, 255), { maxLength: 64 })
      .map((list) => Uint8Array.from(list)),
  );
  const message = fc.record({
    typeId: fc.oneof(fc.integer({ min: 1, max: 0x13 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    bytes,
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      for (const one of messages) bench.sendBytes(one.typeId, one.bytes);
      bench.run();
    }),
    { numRuns: 300 },
  );
  const { events } = bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:ipc' });
  assert.equal(events.at(-1)?.type, 'publicationReady');
});

test('should leave nothing behind, whatever clients do, once they are gone', () => {
  const clientId = fc.constantFrom(100, 200, 300);
  const streamId = fc.constantFrom(10, 11);
  const channel = fc.constantFrom(...CHANNELS);
  const nth = fc.nat({ max: 20 });
  const action = fc.oneof(
    fc.record({
      kind: fc.constantFrom('addPublication', 'addExclusivePublication', 'addSubscription'),
      clientId,
      streamId,
      channel,
    }),
    fc.record({
      kind: fc.constantFrom('removePublication', 'removeSubscription', 'rejectImage'),
      clientId,
      nth,
    }),
    fc.record({ kind: fc.constant('addCounter'), clientId }),
    fc.record({ kind: fc.constant('setup'), streamId, nth }),
    fc.record({ kind: fc.constantFrom('answerJoins', 'releaseStreams', 'timer', 'clientClose'), clientId }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const cleanUps: (() => void)[] = [];
      const bench = new ConductorBench({ after: (cleanUp) => cleanUps.push(cleanUp as () => void) });
      try {
        for (const one of actions) act(bench, one as Action);
        for (const id of [100, 200, 300]) bench.send({ type: 'clientClose' }, id);
        bench.advanceMs(2000, false);
        for (let i = 0; i < 3; i++) answer(bench);
        assert.deepEqual([...bench.labels()], []);
        const opened = bench.network.commands.filter(({ kind }) => /^add(Send|Receive)Endpoint$/.test(kind));
        assert.equal(bench.network.all('removeEndpoint').length, opened.length);
      } finally {
        for (const cleanUp of cleanUps) cleanUp();
      }
    }),
    { numRuns: 60 },
  );
});

interface Action {
  readonly kind: string;
  readonly clientId: number;
  readonly streamId: number;
  readonly channel: string;
  readonly nth: number;
}

function act(bench: ConductorBench, { kind, clientId, streamId, channel, nth }: Action): void {
  switch (kind) {
    case 'addPublication':
    case 'addExclusivePublication':
      bench.call({ type: kind, streamId, channel }, clientId);
      break;
    case 'addSubscription':
      bench.call({ type: kind, streamId, channel, registrationCorrelationId: -1 }, clientId);
      break;
    case 'removePublication':
      bench.call({ type: kind, registrationId: nth, revoke: nth % 2 === 0 }, clientId);
      break;
    case 'removeSubscription':
      bench.call({ type: kind, registrationId: nth }, clientId);
      break;
    case 'rejectImage':
      bench.call({ type: kind, imageCorrelationId: nth, position: 0, reason: 'no' }, clientId);
      break;
    case 'addCounter':
      bench.call({ type: kind, typeId: 1000, key: Buffer.alloc(4), label: 'x' }, clientId);
      break;
    case 'setup': {
      const endpoints = bench.network.all('addReceiveEndpoint');
      const endpointId = endpoints[nth % Math.max(1, endpoints.length)]?.endpointId ?? 1;
      bench.network.emit(setupReceived(endpointId, { streamId, sessionId: nth % 3 }));
      bench.run();
      break;
    }
    case 'answerJoins':
      answerJoins(bench);
      break;
    case 'releaseStreams':
      answer(bench);
      break;
    case 'timer':
      bench.advanceMs(1000);
      break;
    case 'clientClose':
      bench.call({ type: 'clientClose' }, clientId);
      break;
  }
}

const answered = new WeakMap<ConductorBench, number>();

/** Lets every subscriber join that the agent was asked for since the last time. */
function answerJoins(bench: ConductorBench): void {
  const joins = bench.network.all('addSubscriber');
  for (const { registrationId, subscriber } of joins.slice(answered.get(bench) ?? 0)) {
    const kind = subscriber.counterId % 3 === 0 ? 'subscriberRefused' : 'subscriberAdded';
    bench.network.emit({ kind, registrationId, counterId: subscriber.counterId, joinPosition: 64 });
  }
  answered.set(bench, joins.length);
  bench.run();
}

/** Does what the network agent owes: publications that drain are released, and images without subscribers. */
function answer(bench: ConductorBench): void {
  answerJoins(bench);
  const gone = new Set(bench.network.all('drainPublication').map(({ registrationId }) => registrationId));
  for (const { image } of bench.network.all('addImage')) gone.add(image.registrationId);
  for (const registrationId of gone) {
    bench.network.emit({ kind: 'streamUnavailable', registrationId });
    bench.network.emit({ kind: 'streamReleased', registrationId });
  }
  bench.run();
}
