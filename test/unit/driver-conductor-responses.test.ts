import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConductorBench, only, setupReceived, types } from '../support/conductor-bench.ts';

const REQUEST = 'aeron:udp?endpoint=127.0.0.1:24325';
const RESPONSE = 'aeron:udp?control-mode=response|control=127.0.0.1:24326';
const PUBLISH = { type: 'addPublication', streamId: 10 } as const;
const SUBSCRIBE = { type: 'addSubscription', streamId: 10, registrationCorrelationId: -1 } as const;

test('a response subscription wants nothing until it hears of its session', (t) => {
  const bench = new ConductorBench(t);
  const { correlationId } = bench.call({ ...SUBSCRIBE, streamId: 20, channel: RESPONSE });
  assert.equal(bench.network.all('addInterest').length, 0);
  const { receiver } = bench.network.last('addReceiveEndpoint');
  assert.equal(receiver?.control?.port, 24326);

  const channel = `${REQUEST}|response-correlation-id=${correlationId}`;
  const { correlationId: registrationId } = bench.call({ ...PUBLISH, channel });
  assert.equal(bench.network.last('addNetworkPublication').publication.wantsResponse, true);

  for (const responseSessionId of [55, 66]) {
    bench.network.emit({ kind: 'responseSetup', registrationId, responseSessionId });
    bench.run();
    const { streamId, sessionId } = bench.network.last('requestSetup');
    assert.deepEqual([streamId, sessionId], [20, 55], 'the first session stays');
  }
  const interests = bench.network.all('addInterest').map(({ streamId, sessionId }) => [streamId, sessionId]);
  assert.deepEqual(interests, [[20, 55]]);
});

test('a response publication needs an image that asks for one, and its sender hears of the session', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...SUBSCRIBE, channel: REQUEST });
  const { endpointId } = bench.network.last('addReceiveEndpoint');
  bench.network.emit(setupReceived(endpointId, { sessionId: 1 }));
  const plain = only(bench.run(), 'availableImage').correlationId;
  bench.network.emit(setupReceived(endpointId, { sessionId: 2, flags: 0x80 }));
  const asking = only(bench.run(), 'availableImage').correlationId;

  const answer = (id: number) =>
    bench.call({ ...PUBLISH, streamId: 20, channel: `${RESPONSE}|response-correlation-id=${id}` });
  const { message } = only(answer(plain).events, 'error');
  assert.equal(message, `image.correlationId=${plain} did not request a response channel`);

  const { correlationId: registrationId, events } = answer(asking);
  const { sessionId } = only(events, 'publicationReady');
  const told = { kind: 'setResponseSession', registrationId: asking } as const;
  assert.deepEqual(bench.network.last('setResponseSession'), { ...told, sessionId });
  assert.equal(bench.network.last('addNetworkPublication').publication.isResponse, true);

  bench.network.emit({ kind: 'responseConnected', registrationId });
  bench.run();
  assert.deepEqual(bench.network.last('setResponseSession'), { ...told, sessionId: null });
});

test('answers to several images have a publication each, on one endpoint', (t) => {
  const bench = new ConductorBench(t);
  bench.call({ ...SUBSCRIBE, channel: REQUEST });
  const { endpointId } = bench.network.last('addReceiveEndpoint');
  const sessions = [1, 2].map((sessionId) => {
    bench.network.emit(setupReceived(endpointId, { sessionId, flags: 0x80 }));
    const { correlationId } = only(bench.run(), 'availableImage');
    const channel = `${RESPONSE}|response-correlation-id=${correlationId}`;
    return only(bench.call({ ...PUBLISH, streamId: 20, channel }).events, 'publicationReady').sessionId;
  });
  assert.notEqual(sessions[0], sessions[1]);
  assert.equal(bench.network.all('addSendEndpoint').length, 1);
});

test('over IPC the answer goes to the subscription of its request only', (t) => {
  const bench = new ConductorBench(t);
  const responses = 'aeron:ipc?control-mode=response';
  const [one, two] = [1, 2].map(() => bench.call({ ...SUBSCRIBE, streamId: 20, channel: responses }));
  const channel = `aeron:ipc?response-correlation-id=${two!.correlationId}`;
  const request = bench.call({ ...PUBLISH, channel });
  const { events } = bench.call({
    ...PUBLISH,
    streamId: 20,
    channel: `${responses}|response-correlation-id=${request.correlationId}`,
  });
  assert.deepEqual(types(events), ['publicationReady', 'availableImage']);
  const { subscriptionRegistrationId } = only(events, 'availableImage');
  assert.equal(subscriptionRegistrationId, two!.correlationId);
  assert.notEqual(subscriptionRegistrationId, one!.correlationId);
});
