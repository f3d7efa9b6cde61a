/** Requests and responses over response channels: the official driver and client on one side, ours on the other. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { TestProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { startDriver } from './drivers.ts';
import { javaArguments, officialAeronMissing } from './java.ts';

const REQUEST_STREAM = 1001;
const RESPONSE_STREAM = 1002;
const COUNT = 500;
const skip = officialAeronMissing();

interface Channels {
  readonly requests: string;
  readonly responses: string;
}

async function channels(): Promise<Channels> {
  return {
    requests: `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`,
    responses: `aeron:udp?control-mode=response|control=127.0.0.1:${await freeUdpPort()}`,
  };
}

/** Starts the official driver and client; resolves when the client has added what comes first. */
async function startOfficial(t: TestContext, role: string, where: Channels): Promise<TestProcess> {
  const { directory } = await startDriver(t, 'official');
  const settings = { role, dir: directory, ...where, count: COUNT };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const args = javaArguments('Responses', {}, words);
  const client = TestProcess.start(t, `official ${role}`, 'java', args, { deadlineMs: 90_000 });
  await client.waitForLine('READY');
  return client;
}

async function connectOurs(t: TestContext): Promise<Aeron> {
  const { directory } = await startDriver(t, 'ours');
  const aeron = await Aeron.connect({ directory });
  t.after(() => aeron.close());
  return aeron;
}

test('the official requester gets the responses of ours', { skip, timeout: 120_000 }, async (t) => {
  const where = await channels();
  const aeron = await connectOurs(t);
  const requests = await aeron.addSubscription(where.requests, REQUEST_STREAM);
  const requester = await startOfficial(t, 'requester', where);
  await until(() => requests.images.length === 1, 'the request stream');
  const channel = `${where.responses}|response-correlation-id=${requests.images[0]!.correlationId}`;
  const responses = await aeron.addExclusivePublication(channel, RESPONSE_STREAM);
  let answered = 0;
  for await (const request of requests) {
    await responses.send(`answer to ${request}`);
    if (++answered === COUNT) break;
  }
  await requester.success();
});

test('our requester gets the responses of the official one', { skip, timeout: 120_000 }, async (t) => {
  const where = await channels();
  const responder = await startOfficial(t, 'responder', where);
  const aeron = await connectOurs(t);
  const responses = await aeron.addSubscription(where.responses, RESPONSE_STREAM);
  const channel = `${where.requests}|response-correlation-id=${responses.registrationId}`;
  const requests = await aeron.addExclusivePublication(channel, REQUEST_STREAM);
  await until(() => responses.images.length === 1, 'the response stream');
  for (let i = 0; i < COUNT; i++) await requests.send(`request ${i}`);
  let answered = 0;
  for await (const answer of responses) {
    assert.equal(answer.toString(), `answer to request ${answered}`);
    if (++answered === COUNT) break;
  }
  requests.close();
  await responder.success();
});
