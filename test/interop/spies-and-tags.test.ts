/** Spies, tags and response channels, with the official library on one side or the other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { until } from '../support/until.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 20_000;
const skip = officialAeronMissing();

/** Whose driver, whose publisher, whose subscriber. */
const CASES: readonly (readonly [driver: Party, from: Party, to: Party])[] = [
  ['ours', 'official', 'official'],
  ['ours', 'ours', 'official'],
  ['official', 'ours', 'ours'],
];

describe('spies', { skip }, () => {
  for (const [whose, from, to] of CASES) {
    test(`on the ${whose} driver, the ${to} client spies on the ${from} one without a receiver`, async (t) => {
      const driver = await startDriver(t, whose);
      const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
      await exchange(t, {
        publishers: [{ party: from, driver, channel: `${channel}|ssc=true`, isExclusive: true }],
        subscriber: { party: to, driver, channel: `aeron-spy:${channel}` },
        count: COUNT,
      });
    });
  }
});

describe('tags', { skip }, () => {
  for (const [whose, from, to] of CASES) {
    test(`on the ${whose} driver, the ${from} client publishes and the ${to} one subscribes by tag`, async (t) => {
      const driver = await startDriver(t, whose);
      const aeron = await Aeron.connect({ directory: driver.directory });
      t.after(() => aeron.close());
      const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}|tags=1001`;
      await aeron.addPublication(channel, 1);
      await aeron.addSubscription(channel, 1);
      await exchange(t, {
        publishers: [{ party: from, driver, channel: 'aeron:udp?tags=1001', isExclusive: true }],
        subscriber: { party: to, driver, channel: 'aeron:udp?tags=1001' },
        count: COUNT,
      });
    });
  }
});

async function send(publication: Publication, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await until(() => publication.offer(bytes) > 0, 'room for a message');
}

async function receive(subscription: Subscription): Promise<string> {
  let text = '';
  await until(() => {
    subscription.poll((buffer, offset, length) => {
      text += buffer.toString('utf8', offset, offset + length);
    }, 1);
    return text !== '';
  }, 'a message');
  return text;
}

describe('response channels', { skip }, () => {
  for (const [asking, answering] of [
    ['ours', 'official'],
    ['official', 'ours'],
    ['ours', 'ours'],
  ] as const) {
    test(`a requester on the ${asking} driver gets its response from the ${answering} one`, async (t) => {
      const connect = async (party: Party): Promise<Aeron> => {
        const driver = await startDriver(t, party);
        const aeron = await Aeron.connect({ directory: driver.directory });
        t.after(() => aeron.close());
        return aeron;
      };
      const [requester, responder] = [await connect(asking), await connect(answering)];
      const request = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
      const response = `aeron:udp?control-mode=response|control=127.0.0.1:${await freeUdpPort()}`;
      const requests = await responder.addSubscription(request, 1);
      const responses = await requester.addSubscription(response, 2);
      const asked = await requester.addPublication(
        `${request}|response-correlation-id=${responses.registrationId}`,
        1,
      );
      await until(() => requests.images.length === 1, 'the request stream');
      const answer = await responder.addPublication(
        `${response}|response-correlation-id=${requests.images[0]!.correlationId}`,
        2,
      );
      await until(() => answer.isConnected && responses.images.length === 1, 'the response stream');
      await send(asked, 'what is it?');
      assert.equal(await receive(requests), 'what is it?');
      await send(answer, 'it is this');
      assert.equal(await receive(responses), 'it is this');
    });
  }
});
