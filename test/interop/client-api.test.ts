/** Our client is told the same by the official driver and by ours, in what it asks of them besides streams. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { codeOf } from '../../src/util/errors.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { until } from '../support/until.ts';
import { type Party, startDriver } from './drivers.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();

describe('our client', { skip }, () => {
  test('cannot tell the official driver from ours', { timeout: 240_000 }, async (t) => {
    const official = await transcript(t, 'official');
    assert.deepEqual(await transcript(t, 'ours'), official);
    assert.ok(official.length > 12, official.join('\n'));
  });
});

async function transcript(t: TestContext, party: Party): Promise<string[]> {
  const driver = await startDriver(t, party);
  const aeron = await Aeron.connect({ directory: driver.directory });
  const lines: string[] = [];
  const say = (what: string, value: unknown): void => void lines.push(`${what}: ${String(value)}`);
  try {
    await counters(aeron, say);
    await adds(aeron, say);
    await destinations(aeron, say);
  } finally {
    await aeron.close();
  }
  return lines;
}

type Say = (what: string, value: unknown) => void;

async function counters(aeron: Aeron, say: Say): Promise<void> {
  const reader = aeron.countersReader;
  const key = Buffer.from('a key');
  const counter = await aeron.addCounter({ typeId: 1_500, key, label: 'a label' });
  counter.value = 99;
  const info = reader.counter(counter.id);
  say('counter', [info.typeId, info.label, info.value, info.key.toString('latin1', 0, 5)]);
  say('owner', info.ownerId === aeron.clientId);
  say('registration', info.registrationId === counter.registrationId);
  const gone: number[] = [];
  aeron.addUnavailableCounterHandler((registrationId) => void gone.push(registrationId));
  counter.close();
  await until(() => gone.includes(counter.registrationId), 'the end of the counter');
  const options = { typeId: 1_501, key, label: 'static', registrationId: 5 };
  const first = await aeron.addStaticCounter(options);
  const again = await aeron.addStaticCounter(options);
  say('the same static counter', first.id === again.id);
  say('its owner', reader.ownerId(first.id));
  say('its registration', reader.registrationId(first.id));
  const plain = await aeron.addCounter({ typeId: 1_502, label: 'plain' });
  const clash = { typeId: 1_502, label: 'x', registrationId: plain.registrationId };
  say('static over plain', await outcome(aeron.addStaticCounter(clash)));
  const one = await aeron.nextSessionId(1);
  say('next session id is another', one !== (await aeron.nextSessionId(1)));
  const publication = await aeron.addExclusivePublication(`aeron:ipc?session-id=${one}`, 1);
  say('and can be had', publication.sessionId === one);
  publication.close();
}

async function adds(aeron: Aeron, say: Say): Promise<void> {
  const subscriptionId = aeron.asyncAddSubscription('aeron:ipc', 2);
  const publicationId = aeron.asyncAddPublication('aeron:ipc', 2);
  const exclusiveId = aeron.asyncAddExclusivePublication('aeron:ipc', 2);
  const counterId = aeron.asyncAddCounter({ typeId: 1_503, label: 'later' });
  const refusedId = aeron.asyncAddPublication('aeron:udp?endpoint=nowhere', 2);
  await until(() => !aeron.hasActiveCommands, 'the answers');
  const subscription = aeron.getSubscription(subscriptionId)!;
  const publication = aeron.getPublication(publicationId)!;
  const exclusive = aeron.getExclusivePublication(exclusiveId)!;
  say('counter added', aeron.getCounter(counterId)!.isClosed);
  try {
    say('refused', aeron.getPublication(refusedId));
  } catch (error) {
    say('refused', codeOf(error) !== '');
  }
  await until(() => subscription.imageCount === 2, 'the images');
  await publication.send('one');
  const vectors = [Buffer.from('tw'), Buffer.from('o')];
  await until(() => exclusive.offerVectors(vectors, () => 7n) > 0, 'room for vectors');
  const seen: string[] = [];
  const assembler = new FragmentAssembler((buffer, offset, length, header) => {
    seen.push(`${buffer.toString('latin1', offset, offset + length)} ${header.reservedValue}`);
  });
  await until(() => subscription.poll(assembler.handler, 10) >= 0 && seen.length === 2, 'the messages');
  say('received', seen.sort());
  aeron.asyncRemove(publicationId);
  exclusive.revoke();
  await until(() => subscription.hasNoImages, 'the end of the images');
  subscription.close();
}

async function destinations(aeron: Aeron, say: Say): Promise<void> {
  const [first, second] = [await freeUdpPort(), await freeUdpPort()];
  const endpoint = (port: number) => `aeron:udp?endpoint=127.0.0.1:${port}`;
  const publication = await aeron.addPublication('aeron:udp?control-mode=manual', 3);
  const many = await aeron.addSubscription('aeron:udp?control-mode=manual', 3);
  const single = await aeron.addSubscription(endpoint(second), 3);
  await many.addDestination(endpoint(first));
  const id = await publication.addDestination(endpoint(first));
  publication.asyncAddDestination(endpoint(second));
  await until(() => many.isConnected && single.isConnected, 'the destinations');
  say('to both', await received(publication, [many, single]));
  await publication.removeDestination(id);
  await publication.removeDestination(endpoint(second));
  await publication.addDestination(endpoint(second));
  say('to one', await received(publication, [single]));
  say('removed', await outcome(many.removeDestination(endpoint(first))));
  const unknown = aeron.nextCorrelationId();
  say('unknown id', await outcome(publication.removeDestination(unknown)));
  for (const each of [publication, many, single]) each.close();
}

/** Sends a message and waits until each subscription has it. */
async function received(publication: Publication, subscriptions: Subscription[]): Promise<number> {
  await publication.send('x');
  for (const subscription of subscriptions) {
    await until(() => subscription.poll(() => {}, 1) > 0, `a message on ${subscription}`);
  }
  return subscriptions.length;
}

async function outcome(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'done';
  } catch (error) {
    return codeOf(error);
  }
}
