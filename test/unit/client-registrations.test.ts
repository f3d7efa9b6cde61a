import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { requestDriverTermination } from '../../src/client/driver-termination.ts';
import type { LifecycleEvent } from '../../src/client/lifecycle.ts';
import { ReadableCounter } from '../../src/client/readable-counter.ts';
import { StatusIndicator } from '../../src/client/status-indicator.ts';
import type { Command } from '../../src/cnc/commands.ts';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { AeronError } from '../../src/util/errors.ts';
import { FakeDriver } from '../support/fake-driver.ts';

const CHANNEL = 'aeron:ipc';
const STREAM_ID = 1001;

const hasCode = (code: string) => (error: unknown) => error instanceof AeronError && error.code === code;

let driver: FakeDriver;
let aeron: Aeron;
let errors: Error[];

async function connect(options: ClientOptions = {}): Promise<void> {
  aeron = await Aeron.connect({
    directory: driver.directory,
    driver,
    useConductorInvoker: true,
    errorHandler: (error) => void errors.push(error),
    ...options,
  });
}

beforeEach(async () => {
  driver = new FakeDriver();
  errors = [];
  await connect();
});
afterEach(async () => {
  await aeron.close();
  driver.close();
});

function run(): void {
  driver.doWork();
  while (aeron.doWork() > 0);
}

/** What the driver was told, without the ids of client and command. */
function told(): Omit<Command, 'clientId' | 'correlationId'>[] {
  return driver.commands.map(({ clientId: _c, correlationId: _i, ...rest }) => rest);
}

describe('adding without waiting', () => {
  test('gives an id at once, and what it names once the driver has answered', () => {
    const publicationId = aeron.asyncAddPublication(CHANNEL, STREAM_ID);
    const exclusiveId = aeron.asyncAddExclusivePublication({ channel: CHANNEL, streamId: STREAM_ID });
    const subscriptionId = aeron.asyncAddSubscription(CHANNEL, STREAM_ID);
    const counterId = aeron.asyncAddCounter({ typeId: 1_500, label: 'mine' });
    const staticId = aeron.asyncAddStaticCounter({ typeId: 1_501, label: 'static', registrationId: 5 });
    assert.equal(aeron.getPublication(publicationId), null);
    assert.equal(aeron.getSubscription(subscriptionId), null);
    assert.equal(aeron.hasActiveCommands, true);
    assert.equal(aeron.isCommandActive(counterId), true);
    run();
    assert.equal(aeron.hasActiveCommands, false);
    assert.equal(aeron.isCommandActive(counterId), false);
    const publication = aeron.getPublication(publicationId)!;
    assert.equal(publication.registrationId, publicationId);
    assert.equal(aeron.getPublication(publicationId), publication);
    assert.equal(aeron.getExclusivePublication(exclusiveId)!.registrationId, exclusiveId);
    assert.throws(() => aeron.getExclusivePublication(publicationId), /not exclusive/);
    assert.equal(aeron.getSubscription(subscriptionId)!.registrationId, subscriptionId);
    assert.equal(aeron.getCounter(counterId)!.registrationId, counterId);
    assert.equal(aeron.getCounter(staticId)!.registrationId, 5);
    publication.close();
    assert.throws(() => aeron.getPublication(publicationId), RangeError);
    assert.throws(() => aeron.getSubscription(counterId), RangeError);
  });

  test('throws what the driver refused with, once', () => {
    driver.onCommand = (command) => driver.fail(command, ErrorCode.INVALID_CHANNEL, 'no such thing');
    const id = aeron.asyncAddSubscription('aeron:ipc?x=1', STREAM_ID);
    run();
    assert.throws(() => aeron.getSubscription(id), hasCode('INVALID_CHANNEL'));
    assert.throws(() => aeron.getSubscription(id), RangeError);
    assert.deepEqual(errors, []);
  });

  test('throws when no answer comes in time, and gives back what comes too late', async () => {
    await aeron.close();
    await connect({ driverTimeoutMs: 500 });
    driver.onCommand = () => {};
    const id = aeron.asyncAddPublication(CHANNEL, STREAM_ID);
    const until = performance.now() + 600;
    while (performance.now() < until) run();
    assert.throws(() => aeron.getPublication(id), hasCode('DRIVER_TIMEOUT'));
    driver.onCommand = (command) => driver.answer(command);
    driver.answer(driver.received('addPublication')[0]!);
    run();
    run();
    assert.deepEqual(
      driver.received('removePublication').map(({ registrationId }) => registrationId),
      [id],
    );
  });

  test('can be taken back, before and after the answer', () => {
    const early = aeron.asyncAddSubscription(CHANNEL, 1);
    aeron.asyncRemove(early);
    assert.throws(() => aeron.getSubscription(early), RangeError);
    run();
    const late = aeron.asyncAddPublication(CHANNEL, 2);
    run();
    const publication = aeron.getPublication(late)!;
    aeron.asyncRemove(late);
    assert.equal(publication.isClosed, true);
    run();
    assert.deepEqual(
      [...driver.received('removeSubscription'), ...driver.received('removePublication')].map(
        ({ registrationId }) => registrationId,
      ),
      [early, late],
    );
  });

  test('throws once the client is closed', async () => {
    const id = aeron.asyncAddPublication(CHANNEL, STREAM_ID);
    await aeron.close();
    assert.throws(() => aeron.getPublication(id), hasCode('CLIENT_CLOSED'));
    assert.throws(() => aeron.asyncAddPublication(CHANNEL, STREAM_ID), hasCode('CLIENT_CLOSED'));
  });
});

describe('destinations', () => {
  const DESTINATION = 'aeron:udp?endpoint=localhost:20121';

  test('of a publication go by its original registration id, with and without waiting', async () => {
    const first = await aeron.addPublication(CHANNEL, STREAM_ID);
    const second = await aeron.addPublication(CHANNEL, STREAM_ID);
    driver.commands.length = 0;
    const { registrationId } = first;
    const id = await second.addDestination(DESTINATION);
    assert.equal(id, driver.commands[0]!.correlationId);
    await second.removeDestination(id);
    await second.removeDestination(DESTINATION);
    const asyncId = second.asyncAddDestination(DESTINATION);
    assert.equal(aeron.isCommandActive(asyncId), true);
    run();
    assert.equal(aeron.isCommandActive(asyncId), false);
    second.asyncRemoveDestination(asyncId);
    second.asyncRemoveDestination(DESTINATION);
    run();
    const add = { type: 'addDestination', registrationId, channel: DESTINATION };
    const remove = { type: 'removeDestination', registrationId, channel: DESTINATION };
    const removeById = { type: 'removeDestinationById', registrationId };
    assert.deepEqual(told(), [
      add,
      { ...removeById, destinationRegistrationId: id },
      remove,
      add,
      { ...removeById, destinationRegistrationId: asyncId },
      remove,
    ]);
  });

  test('of a subscription go by its registration id, with and without waiting', async () => {
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    driver.commands.length = 0;
    const { registrationId } = subscription;
    await subscription.addDestination(DESTINATION);
    await subscription.removeDestination(DESTINATION);
    subscription.asyncAddDestination(DESTINATION);
    subscription.asyncRemoveDestination(DESTINATION);
    run();
    const add = { type: 'addReceiveDestination', registrationId, channel: DESTINATION };
    const remove = { type: 'removeReceiveDestination', registrationId, channel: DESTINATION };
    assert.deepEqual(told(), [add, remove, add, remove]);
  });

  test('that the driver refuses are told to whoever waits, or to the error handler', async () => {
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    driver.onCommand = (command) => driver.fail(command, ErrorCode.UNKNOWN_PUBLICATION, 'no');
    await assert.rejects(publication.addDestination(DESTINATION), hasCode('UNKNOWN_PUBLICATION'));
    assert.deepEqual(errors, []);
    const id = publication.asyncAddDestination(DESTINATION);
    run();
    assert.equal(aeron.isCommandActive(id), false);
    assert.deepEqual(
      errors.map((error) => (error as AeronError).code),
      ['UNKNOWN_PUBLICATION'],
    );
  });
});

describe('ReadableCounter', () => {
  test('follows a counter until it is freed', async () => {
    const counter = await aeron.addCounter({ typeId: 1_500, label: 'mine' });
    const readable = new ReadableCounter(aeron.countersReader, counter.id);
    counter.value = 99;
    assert.deepEqual(
      [readable.label, readable.registrationId, readable.value],
      ['mine', counter.registrationId, 99],
    );
    driver.counters.free(counter.id);
    assert.equal(readable.isClosed, true);
    assert.equal(readable.value, Number.NaN);
    assert.throws(() => new ReadableCounter(aeron.countersReader, counter.id), RangeError);
    assert.throws(() => new ReadableCounter(aeron.countersReader, -1), RangeError);
  });
});

describe('StatusIndicator', () => {
  test('writes a counter of the driver until it is freed', () => {
    const id = driver.counters.allocate({ typeId: 1_501, label: 'idle strategy status' });
    const indicator = new StatusIndicator(aeron.countersReader, id);
    assert.equal(indicator.set(2 ** 40 + 1), true);
    assert.equal(aeron.countersReader.value(id), 2 ** 40 + 1);
    assert.equal(indicator.value, 2 ** 40 + 1);
    driver.counters.free(id);
    assert.equal(indicator.set(7), false);
    assert.equal(aeron.countersReader.value(id), 2 ** 40 + 1);
    assert.throws(() => new StatusIndicator(aeron.countersReader, id), RangeError);
  });
});

describe('requestDriverTermination', () => {
  test('asks with a token, without connecting', () => {
    assert.equal(requestDriverTermination(driver.directory, Buffer.from('please')), true);
    driver.doWork();
    assert.equal(driver.received('terminateDriver')[0]!.token.toString(), 'please');
  });

  test('says when there is no driver, and refuses one too old to be asked', () => {
    assert.equal(requestDriverTermination('/dev/shm/aeron-bypass-no-such-driver'), false);
    assert.throws(() => requestDriverTermination(driver.directory, Buffer.alloc(5_000)), RangeError);
    Atomics.store(driver.cnc.region.i32, 0, 1 << 8);
    assert.throws(() => requestDriverTermination(driver.directory), hasCode('CNC_VERSION'));
  });
});

describe('lifecycle', () => {
  const types = (events: LifecycleEvent[]) => events.map(({ type }) => type);

  test('says connected and closed', async () => {
    const events: LifecycleEvent[] = [];
    await aeron.close();
    await connect({ onLifecycle: (event) => void events.push(event) });
    const later: LifecycleEvent[] = [];
    aeron.addLifecycleHandler((event) => void later.push(event));
    await aeron.whenConnected();
    await aeron.close();
    assert.deepEqual(events, [
      { type: 'connected', clientId: aeron.clientId, isReconnect: false },
      { type: 'closed', reason: null },
    ]);
    assert.deepEqual(types(later), ['closed']);
    await assert.rejects(aeron.whenConnected(), hasCode('CLIENT_CLOSED'));
  });

  test('a loss is the end unless the client is to reconnect', async () => {
    const events: LifecycleEvent[] = [];
    await aeron.close();
    await connect({ keepAliveIntervalMs: 1, onLifecycle: (event) => void events.push(event) });
    driver.send({ type: 'clientTimeout', clientId: aeron.clientId });
    run();
    assert.deepEqual(types(events), ['connected', 'lost', 'closed']);
    assert.equal(aeron.isClosed, true);
    await assert.rejects(aeron.whenConnected(), hasCode('CLIENT_TIMEOUT'));
  });

  test('reconnects when the driver gave it up: everything is closed, handlers stay', async () => {
    const events: LifecycleEvent[] = [];
    const reasons: unknown[] = [];
    await aeron.close();
    await connect({
      reconnect: true,
      onLifecycle: (event) => void events.push(event),
      onClose: (reason) => void reasons.push(reason),
    });
    const counters: number[] = [];
    aeron.addAvailableCounterHandler((registrationId) => void counters.push(registrationId));
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    const firstClientId = aeron.clientId;
    driver.send({ type: 'clientTimeout', clientId: firstClientId });
    aeron.doWork();
    assert.equal(publication.isClosed, true);
    assert.equal(aeron.isReconnecting, true);
    assert.equal(aeron.isClosed, false);
    assert.equal(aeron.lostReason!.code, 'CLIENT_TIMEOUT');
    await assert.rejects(aeron.addPublication(CHANNEL, STREAM_ID), hasCode('CLIENT_TIMEOUT'));
    await aeron.whenConnected();
    assert.deepEqual(types(events), ['connected', 'lost', 'connected']);
    assert.notEqual(aeron.clientId, firstClientId);
    assert.equal(aeron.lostReason, null);
    assert.equal((await aeron.addPublication(CHANNEL, STREAM_ID)).isClosed, false);
    assert.ok(counters.includes(aeron.clientId));
    assert.deepEqual(reasons, []);
    await aeron.close();
    assert.deepEqual(reasons, [null]);
  });

  test('can be closed while it looks for a driver', async () => {
    const events: LifecycleEvent[] = [];
    await aeron.close();
    await connect({ reconnect: true, onLifecycle: (event) => void events.push(event) });
    driver.isAlive = false;
    driver.cnc.toDriver.setConsumerHeartbeatMs(-1);
    const until = performance.now() + 600;
    while (!aeron.isReconnecting && performance.now() < until) aeron.doWork();
    const waiting = aeron.whenConnected();
    await aeron.close();
    await assert.rejects(waiting);
    await assert.rejects(aeron.whenConnected({ signal: AbortSignal.abort() }));
    assert.deepEqual(types(events), ['connected', 'lost', 'closed']);
  });
});
