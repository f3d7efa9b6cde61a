import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Aeron } from '../../src/client/aeron.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { InvokedStation } from '../support/invoked-station.ts';

const REQUEST_STREAM = 1001;
const RESPONSE_STREAM = 1002;

let station: InvokedStation;
let aeron: Aeron;

beforeEach(async () => {
  station = await InvokedStation.open({
    termBufferLength: 65_536,
    ipcTermBufferLength: 65_536,
    timerIntervalNs: 10e6,
    publicationLingerTimeoutNs: 100e6,
  });
  aeron = station.aeron;
});
afterEach(() => station.close());

function received(subscription: Subscription): string[] {
  const texts: string[] = [];
  subscription.poll(
    (buffer, offset, length) => texts.push(buffer.toString('utf8', offset, offset + length)),
    10,
  );
  return texts;
}

const media = [
  {
    name: 'UDP',
    request: 'aeron:udp?endpoint=localhost:24370',
    responses: 'aeron:udp?control-mode=response|control=localhost:24371',
  },
  { name: 'IPC', request: 'aeron:ipc', responses: 'aeron:ipc?control-mode=response' },
] as const;

for (const { name, request, responses } of media) {
  test(`each requester gets the responses to its own requests, over ${name}`, async () => {
    const requests = await aeron.addSubscription(request, REQUEST_STREAM);
    const clients: { responses: Subscription; requests: Publication }[] = [];
    for (let i = 0; i < 3; i++) {
      const subscription = await aeron.addSubscription(responses, RESPONSE_STREAM);
      const id = subscription.registrationId;
      const separator = request.includes('?') ? '|' : '?';
      const channel = `${request}${separator}response-correlation-id=${id}`;
      const publication = await aeron.addExclusivePublication(channel, REQUEST_STREAM);
      clients.push({ responses: subscription, requests: publication });
    }
    station.runUntil(() => requests.images.length === 3, 'the requesters');
    const answers = new Map<number, Publication>();
    for (const image of requests.images) {
      const channel = `${responses}|response-correlation-id=${image.correlationId}`;
      answers.set(image.sessionId, await aeron.addExclusivePublication(channel, RESPONSE_STREAM));
    }
    station.runUntil(
      () => [...answers.values()].every((answer) => answer.isConnected),
      'the response streams',
    );
    station.runUntil(() => clients.every(({ responses }) => responses.images.length === 1), 'their images');
    for (const [i, client] of clients.entries()) {
      const request = Buffer.from(`request ${i}`);
      station.runUntil(() => client.requests.offer(request) > 0, 'room for a request');
    }
    const asked: [number, string][] = [];
    station.runUntil(() => {
      requests.poll((buffer, offset, length, { sessionId }) => {
        asked.push([sessionId, buffer.toString('utf8', offset, offset + length)]);
      }, 10);
      return asked.length === 3;
    }, 'the requests');
    for (const [sessionId, text] of asked) {
      const answer = Buffer.from(`answer to ${text}`);
      station.runUntil(() => answers.get(sessionId)!.offer(answer) > 0, 'room for an answer');
    }
    for (const [i, client] of clients.entries()) {
      const texts: string[] = [];
      station.runUntil(() => {
        texts.push(...received(client.responses));
        return texts.length > 0;
      }, 'the response');
      assert.deepEqual(texts, [`answer to request ${i}`]);
    }
  });
}

test('what refers to nothing is refused', async () => {
  for (const [channel, message] of [
    [media[0].responses, /control-mode=response was specified, but no response-correlation-id set/],
    [`${media[0].responses}|response-correlation-id=77`, /image\.correlationId=77 not found/],
    [
      `${media[0].request}|response-correlation-id=77`,
      /unable to find response subscription for response-correlation-id=77/,
    ],
    [`${media[0].request}|response-correlation-id=x`, /must be a number greater than or equal to -1/],
  ] as const) {
    await assert.rejects(aeron.addPublication(channel, RESPONSE_STREAM), message);
  }
  const prototype = `${media[0].responses}|response-correlation-id=prototype`;
  const publication = await aeron.addPublication(prototype, RESPONSE_STREAM);
  assert.equal(publication.termLength, 65_536);
});
