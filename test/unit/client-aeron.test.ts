import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { ClientOptions, PublicationErrorFrame } from '../../src/client/client-options.ts';
import { ExclusiveAppender } from '../../src/client/exclusive-appender.ts';
import type { Image } from '../../src/client/image.ts';
import { CLOSED, NOT_CONNECTED } from '../../src/client/offer-result.ts';
import { PositionWord } from '../../src/client/position-word.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { setPositionRelease } from '../../src/memory/position.ts';
import { Region } from '../../src/memory/region.ts';
import { AeronError, ConfigurationError } from '../../src/util/errors.ts';
import { FAKE_SESSION_ID, FAKE_TERM_LENGTH, FakeDriver } from '../support/fake-driver.ts';

const CHANNEL = 'aeron:ipc';
const STREAM_ID = 1001;

const hasCode = (code: string) => (error: unknown) => {
  assert.ok(error instanceof AeronError, String(error));
  assert.equal(error.code, code, error.message);
  return true;
};

let driver: FakeDriver;
let clients: Aeron[];
let errors: Error[];

beforeEach(() => {
  driver = new FakeDriver();
  clients = [];
  errors = [];
});
afterEach(async () => {
  for (const client of clients) await client.close();
  driver.close();
});

async function connect(options: ClientOptions = {}): Promise<Aeron> {
  const aeron = await Aeron.connect({
    directory: driver.directory,
    driver,
    errorHandler: (error) => void errors.push(error),
    ...options,
  });
  clients.push(aeron);
  return aeron;
}

/** Writes to an image's log as its publisher would. */
function publisherOf(imageId: number): (message: string) => void {
  const word = new PositionWord(Region.allocate(8), 0);
  setPositionRelease(word.i32, word.b64, 0, FAKE_TERM_LENGTH);
  const appender = new ExclusiveAppender(driver.logs.get(imageId)!, word, FAKE_SESSION_ID, STREAM_ID);
  return (message) => assert.ok(appender.append(Buffer.from(message), 0, message.length, null) >= 0);
}

function connectPublication(publication: Publication, isConnected = true): void {
  driver.logs.get(publication.originalRegistrationId)!.setConnected(isConnected);
}

describe('Aeron.connect', () => {
  test('takes a client id, and says nothing to the driver', async () => {
    const aeron = await connect();
    assert.equal(aeron.clientId, 1);
    assert.equal(aeron.nextCorrelationId(), 2);
    assert.deepEqual(driver.commands, []);
  });

  test('waits for a driver that is starting', async () => {
    driver.cnc.toDriver.setConsumerHeartbeatMs(0);
    driver.isAlive = false;
    const connecting = connect();
    setImmediate(() => {
      driver.isAlive = true;
    });
    assert.equal((await connecting).isClosed, false);
  });

  test('rejects when no driver comes in time, with the reason', async () => {
    await assert.rejects(
      Aeron.connect({ directory: '/dev/shm/aeron-bypass-no-such-driver', driverTimeoutMs: 20 }),
      (error: AeronError) => {
        assert.equal(error.code, 'DRIVER_TIMEOUT');
        assert.match(error.message, /aeron-bypass-no-such-driver.*20 ms.*cnc.dat/);
        return true;
      },
    );
    driver.isAlive = false;
    driver.cnc.toDriver.setConsumerHeartbeatMs(-1);
    await assert.rejects(connect({ driverTimeoutMs: 20 }), /DRIVER_TIMEOUT.*it was shut down/);
    driver.cnc.toDriver.setConsumerHeartbeatMs(1_000);
    await assert.rejects(connect({ driverTimeoutMs: 20 }), /DRIVER_TIMEOUT.*last heartbeat is \d+ ms old/);
  });

  test('refuses a driver of another version at once', async () => {
    Atomics.store(driver.cnc.region.i32, 0, 1 << 16);
    await assert.rejects(connect(), hasCode('CNC_VERSION'));
  });

  test('refuses settings that cannot work', async () => {
    await assert.rejects(connect({ driverTimeoutMs: 0 }), ConfigurationError);
    await assert.rejects(connect({ clientName: 'n'.repeat(101) }), ConfigurationError);
    const misspelled: object = { driverTimeoutMS: 5 };
    await assert.rejects(
      connect(misspelled),
      /driverTimeoutMS is not an option of a client; did you mean driverTimeoutMs\?/,
    );
    await assert.rejects(connect({ idleStrategy: 'nap' as 'spin' }), /"nap"/);
  });
});

describe('Aeron', () => {
  test('adds a publication with the ids the driver gave', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    const [command] = driver.received('addPublication');
    assert.deepEqual(command, {
      type: 'addPublication',
      clientId: aeron.clientId,
      correlationId: publication.registrationId,
      streamId: STREAM_ID,
      channel: CHANNEL,
    });
    assert.equal(publication.sessionId, FAKE_SESSION_ID);
    assert.equal(publication.streamId, STREAM_ID);
    assert.equal(publication.isOriginal, true);
    assert.equal(publication.position, 0);
    assert.equal(publication.positionLimit, FAKE_TERM_LENGTH / 2);
    assert.equal(publication.availableWindow, FAKE_TERM_LENGTH / 2);
    assert.equal(publication.maxPayloadLength, 1_376);
    assert.equal(publication.maxMessageLength, FAKE_TERM_LENGTH / 8);
    assert.equal(publication.channelStatus, 1);
    assert.deepEqual(publication.localSocketAddresses, []);
    connectPublication(publication);
    assert.equal(publication.isConnected, true);
    assert.equal(publication.offer(Buffer.from('hello')), 64);
    assert.equal(publication.position, 64);
  });

  test('lets publications of one stream share its log', async () => {
    const aeron = await connect();
    const first = await aeron.addPublication({ channel: CHANNEL, streamId: STREAM_ID });
    const second = await aeron.addPublication(CHANNEL, STREAM_ID);
    assert.equal(second.isOriginal, false);
    assert.equal(second.originalRegistrationId, first.registrationId);
    assert.equal(first.offer(Buffer.from('a')), 64);
    assert.equal(second.offer(Buffer.from('b')), 128);
    first.close();
    assert.equal(first.offer(Buffer.from('a')), CLOSED);
    assert.equal(second.offer(Buffer.from('b')), 192);
    driver.doWork();
    assert.equal(driver.received('removePublication')[0]!.registrationId, first.registrationId);
  });

  test('refuses a channel that is no string and a stream id that is no number, before the driver is asked', async () => {
    const aeron = await connect();
    for (const channel of [undefined, null, 7, {}, { streamId: 1 }] as unknown as string[]) {
      assert.throws(() => aeron.addPublication(channel, 1), {
        name: 'TypeError',
        message: /is not a string such as "aeron:ipc"/,
      });
    }
    for (const streamId of ['1', 2 ** 40, 1.5, undefined] as unknown as number[]) {
      assert.throws(() => aeron.addSubscription(CHANNEL, streamId), {
        name: 'RangeError',
        message: /is not a 32-bit integer/,
      });
    }
  });

  test('rejects with what the driver says', async () => {
    const aeron = await connect();
    driver.onCommand = (command) =>
      driver.fail(command, ErrorCode.INVALID_CHANNEL, 'no such media: carrier pigeon');
    await assert.rejects(aeron.addPublication('aeron:pigeon', 1), (error: AeronError) => {
      assert.equal(error.code, 'INVALID_CHANNEL');
      assert.match(error.message, /addPublication: no such media: carrier pigeon/);
      return true;
    });
    await assert.rejects(aeron.addSubscription('aeron:pigeon', 1), hasCode('INVALID_CHANNEL'));
    assert.throws(() => aeron.addPublication(CHANNEL, 2 ** 31), RangeError);
  });

  test('rejects a call that the driver does not answer', async () => {
    const aeron = await connect({ driverTimeoutMs: 30 });
    driver.onCommand = () => {};
    await assert.rejects(aeron.addPublication(CHANNEL, 1), /DRIVER_TIMEOUT: no answer to addPublication/);
    assert.equal(aeron.isClosed, false);
  });

  test('gives back what a driver makes of a call that timed out', async () => {
    const aeron = await connect({ driverTimeoutMs: 30 });
    const late: Parameters<typeof driver.answer>[0][] = [];
    driver.onCommand = (command) => void late.push(command);
    await assert.rejects(aeron.addSubscription(CHANNEL, 1), hasCode('DRIVER_TIMEOUT'));
    await assert.rejects(aeron.addPublication(CHANNEL, 1), hasCode('DRIVER_TIMEOUT'));
    await assert.rejects(aeron.addExclusivePublication(CHANNEL, 1), hasCode('DRIVER_TIMEOUT'));
    driver.onCommand = (command) => driver.answer(command);
    for (const command of late) driver.answer(command);
    aeron.doWork();
    driver.doWork();
    assert.equal(driver.received('removeSubscription').length, 1);
    assert.deepEqual(
      driver
        .received('removePublication')
        .map((command) => command.type === 'removePublication' && command.revoke),
      [false, true],
      'others may have the shared one',
    );
  });

  test('gives a publication back whose log it cannot use', async () => {
    const aeron = await connect();
    driver.onCommand = (command) => {
      if (command.type !== 'addPublication') return driver.answer(command);
      driver.send({
        type: 'publicationReady',
        correlationId: command.correlationId,
        registrationId: command.correlationId,
        sessionId: 1,
        streamId: 1,
        positionLimitCounterId: 5_000,
        channelStatusCounterId: -1,
        logFileName: '/dev/shm/aeron-bypass-no-such-log',
      });
    };
    await assert.rejects(aeron.addPublication(CHANNEL, 1), hasCode('MALFORMED_EVENT'));
    driver.doWork();
    assert.equal(driver.received('removePublication').length, 1);
  });

  test('adds, changes and frees counters', async () => {
    const aeron = await connect();
    const seen: number[] = [];
    aeron.addAvailableCounterHandler((_registrationId, counterId) => void seen.push(counterId));
    const counter = await aeron.addCounter({ typeId: 1_234, label: 'my counter', key: Buffer.from('key') });
    counter.value = 5;
    counter.increment();
    counter.add(10);
    assert.equal(aeron.countersReader.value(counter.id), 16);
    assert.equal(aeron.countersReader.label(counter.id), 'my counter');
    assert.ok(seen.includes(counter.id));
    counter.close();
    counter.value = 99;
    assert.equal(aeron.countersReader.value(counter.id), 16);
    driver.doWork();
    assert.equal(driver.received('removeCounter')[0]!.registrationId, counter.registrationId);
    const fixed = await aeron.addStaticCounter({ typeId: 1_234, label: 'static', registrationId: 42 });
    assert.equal(fixed.registrationId, 42);
    await assert.rejects(aeron.addCounter({ typeId: 1_234, label: 'x'.repeat(381) }), RangeError);
  });

  test('asks the driver for a session id, or takes a random one from a driver that has none', async () => {
    const aeron = await connect();
    assert.equal(await aeron.nextSessionId(STREAM_ID), 4711);
    driver.counters.setValue(43, 0);
    assert.ok(Number.isInteger(await aeron.nextSessionId(STREAM_ID)));
    assert.equal(driver.received('getNextAvailableSessionId').length, 1);
  });

  test('signs its heartbeat counter and keeps it going', async () => {
    const aeron = await connect({ clientName: 'tester', keepAliveIntervalMs: 1 });
    await aeron.addPublication(CHANNEL, STREAM_ID);
    const id = driver.counters.findByTypeAndRegistration(11, aeron.clientId);
    while (driver.counters.value(id) === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.match(driver.counters.label(id), /^client-heartbeat: id=1 name=tester version=\S+ commit=\S+$/);
    driver.counters.setValue(id, 0);
    while (driver.counters.value(id) === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(Math.abs(driver.counters.value(id) - Date.now()) < 60_000);
  });

  test('adds and removes destinations by channel and by id', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    const id = await publication.addDestination('aeron:udp?endpoint=a:1');
    await publication.removeDestination(id);
    await publication.removeDestination('aeron:udp?endpoint=a:1');
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    await subscription.addDestination('aeron:udp?endpoint=b:1');
    await subscription.removeDestination('aeron:udp?endpoint=b:1');
    assert.equal(driver.received('removeDestinationById')[0]!.destinationRegistrationId, id);
    assert.equal(driver.received('addReceiveDestination')[0]!.registrationId, subscription.registrationId);
    assert.equal(driver.received('removeReceiveDestination').length, 1);
  });

  test('tells what receivers say about a publication', async () => {
    const frames: PublicationErrorFrame[] = [];
    const aeron = await connect({ onPublicationError: (frame) => void frames.push(frame) });
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    driver.send({
      type: 'publicationError',
      registrationId: publication.registrationId,
      destinationRegistrationId: -1,
      sessionId: FAKE_SESSION_ID,
      streamId: STREAM_ID,
      receiverId: 9n,
      groupTag: -1n,
      addressType: 1,
      sourcePort: 40_123,
      sourceAddress: Buffer.from([10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      errorCode: 13,
      message: 'not wanted',
    });
    aeron.doWork();
    assert.equal(frames.length, 1);
    assert.deepEqual(
      [frames[0]!.source, frames[0]!.destinationRegistrationId, frames[0]!.groupTag, frames[0]!.message],
      ['10.0.0.7:40123', null, null, 'not wanted'],
    );
  });

  test('takes leave of the driver when it is closed, once', async () => {
    const reasons: unknown[] = [];
    const aeron = await connect({ onClose: (reason) => void reasons.push(reason) });
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    driver.onCommand = () => {};
    const pending = aeron.addSubscription(CHANNEL, 2);
    await aeron.close();
    await aeron.close();
    await assert.rejects(pending, hasCode('CLIENT_CLOSED'));
    driver.doWork();
    assert.deepEqual(driver.received('clientClose'), [
      { type: 'clientClose', clientId: aeron.clientId, correlationId: -1 },
    ]);
    assert.deepEqual(reasons, [null]);
    assert.equal(publication.offer(Buffer.from('x')), CLOSED);
    assert.equal(publication.position, CLOSED);
    assert.equal(publication.isConnected, false);
    assert.equal(subscription.isClosed, true);
    await assert.rejects(aeron.addPublication(CHANNEL, 1), hasCode('CLIENT_CLOSED'));
    assert.throws(() => aeron.nextCorrelationId(), hasCode('CLIENT_CLOSED'));
  });

  test('can be used with await using', async () => {
    let aeron: Aeron;
    {
      await using scoped = await connect();
      aeron = scoped;
      assert.equal(aeron.isClosed, false);
    }
    assert.equal(aeron.isClosed, true);
  });
});

describe('A subscription', () => {
  async function subscribe(options: ClientOptions = {}) {
    const aeron = await connect(options);
    const available: Image[] = [];
    const unavailable: Image[] = [];
    const subscription: Subscription = await aeron.addSubscription(CHANNEL, STREAM_ID, {
      onAvailableImage: (image) => void available.push(image),
      onUnavailableImage: (image) => void unavailable.push(image),
    });
    const addImage = (sessionId: number = FAKE_SESSION_ID) => {
      const id = driver.addImage(subscription.registrationId, STREAM_ID, sessionId);
      aeron.doWork();
      return id;
    };
    return { aeron, subscription, available, unavailable, addImage };
  }

  test('receives an image until it becomes unavailable', async () => {
    const { aeron, subscription, available, unavailable, addImage } = await subscribe();
    assert.equal(subscription.isConnected, false);
    const id = addImage();
    const image = available[0]!;
    assert.equal(subscription.isConnected, true);
    assert.equal(subscription.imageBySessionId(FAKE_SESSION_ID), image);
    assert.equal(image.sourceIdentity, '127.0.0.1:40123');
    assert.equal(image.correlationId, id);
    publisherOf(id)('hello');
    const received: string[] = [];
    const fragments = subscription.poll((buffer, offset, length, header) => {
      received.push(
        `${header.sessionId} ${header.position} ${buffer.toString('utf8', offset, offset + length)}`,
      );
    }, 10);
    assert.equal(fragments, 1);
    assert.deepEqual(received, [`${FAKE_SESSION_ID} 64 hello`]);
    driver.logs.get(id)!.setEndOfStreamPosition(64);
    assert.equal(image.isEndOfStream, true);

    driver.removeImage(id, subscription.registrationId, STREAM_ID);
    aeron.doWork();
    assert.deepEqual(unavailable, [image]);
    assert.equal(image.isClosed, true);
    assert.equal(image.position, 64);
    assert.equal(image.isEndOfStream, true);
    assert.equal(
      image.poll(() => {}, 10),
      0,
    );
    assert.equal(subscription.hasNoImages, true);
  });

  test('starts each poll with another image', async () => {
    const { subscription, addImage } = await subscribe();
    const publishers = [addImage(1), addImage(2), addImage(3)].map(publisherOf);
    for (const publish of publishers) for (let i = 0; i < 3; i++) publish('m');
    const sessions: number[] = [];
    const images = subscription.images.map((image) => image.sessionId);
    const order = new Map(subscription.images.map((image) => [image, image.sessionId]));
    for (let i = 0; i < 3; i++) {
      subscription.poll(
        (_buffer, _offset, _length, header) => void sessions.push(order.get(header.image)!),
        2,
      );
    }
    assert.deepEqual(images, [1, 2, 3]);
    assert.deepEqual(sessions, [1, 1, 2, 2, 3, 3]);
    assert.equal(
      subscription.poll(() => {}, 10),
      3,
    );
  });

  test('ignores images of other subscriptions and reports those it cannot map', async () => {
    const { aeron, subscription, addImage } = await subscribe();
    driver.addImage(999_999, STREAM_ID);
    aeron.doWork();
    assert.equal(subscription.imageCount, 0);
    const id = addImage();
    driver.send({
      type: 'availableImage',
      correlationId: id + 1_000,
      sessionId: 5,
      streamId: STREAM_ID,
      subscriptionRegistrationId: subscription.registrationId,
      subscriberPositionCounterId: 0,
      logFileName: `${driver.directory}/cnc.dat`,
      sourceIdentity: 'x',
    });
    aeron.doWork();
    assert.equal(subscription.imageCount, 1);
    assert.match(errors[0]!.message, /IMAGE_NOT_MAPPED: session 5 .*MALFORMED_LOG/);
  });

  test('closes its images and tells the driver', async () => {
    const { subscription, available, unavailable, addImage } = await subscribe();
    addImage();
    subscription.close();
    subscription.close();
    assert.deepEqual(unavailable, available);
    assert.equal(
      subscription.poll(() => {}, 10),
      0,
    );
    driver.doWork();
    assert.equal(driver.received('removeSubscription').length, 1);
  });

  test('rejects an image with a reason', async () => {
    const { available, addImage } = await subscribe();
    const id = addImage();
    await available[0]!.reject('too much');
    const [command] = driver.received('rejectImage');
    assert.deepEqual([command!.imageCorrelationId, command!.reason, command!.position], [id, 'too much', 0]);
  });

  test('hands errors of handlers to the error handler and goes on', async () => {
    const aeron = await connect({
      onAvailableImage: () => {
        throw new Error('handler failed');
      },
    });
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    driver.addImage(subscription.registrationId, STREAM_ID);
    aeron.doWork();
    assert.equal(subscription.imageCount, 1);
    assert.equal(errors[0]!.message, 'handler failed');
  });

  test('yields whole messages in Buffers of their own', async () => {
    const { subscription, addImage } = await subscribe();
    const publish = publisherOf(addImage());
    const long = 'abcdefgh'.repeat(700);
    publish('first');
    publish(long);
    setImmediate(() => publish('last'));
    const messages: Buffer[] = [];
    for await (const message of subscription) {
      messages.push(message);
      if (messages.length === 3) break;
    }
    assert.deepEqual(
      messages.map((message) => message.toString()),
      ['first', long, 'last'],
    );
  });

  test('loses nothing when a loop is left', async () => {
    const { subscription, addImage } = await subscribe();
    const publish = publisherOf(addImage());
    publish('one');
    publish('two');
    for await (const message of subscription) {
      assert.equal(message.toString(), 'one');
      break;
    }
    for await (const message of subscription) {
      assert.equal(message.toString(), 'two');
      break;
    }
  });

  test('ends a loop when it is closed, and throws the reason of a signal', async () => {
    const { subscription } = await subscribe();
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const _ of subscription.messages({ signal: controller.signal }));
    })();
    setImmediate(() => controller.abort(new Error('enough')));
    await assert.rejects(aborted, /enough/);
    setImmediate(() => subscription.close());
    for await (const _ of subscription) assert.fail('no message was sent');
  });

  test('leaves the event loop its turns while messages are always there', async () => {
    const { subscription, addImage } = await subscribe();
    const publish = publisherOf(addImage());
    let turns = 0;
    const count = 500;
    for (let i = 0; i < count; i++) publish('x');
    const timer = setInterval(() => turns++, 0);
    const immediate = () => {
      turns++;
      if (received < count) setImmediate(immediate);
    };
    setImmediate(immediate);
    let received = 0;
    for await (const _ of subscription) if (++received === count) break;
    clearInterval(timer);
    assert.ok(turns > 0);
  });
});

describe('Publication.send', () => {
  test('waits for a subscriber and for room, in the order of the calls', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    assert.equal(publication.offer(Buffer.alloc(1)), 64);
    const limitId = driver.counters.findByTypeAndRegistration(1, publication.registrationId);
    driver.counters.setValue(limitId, 0);
    assert.equal(publication.offer(Buffer.alloc(1)), NOT_CONNECTED);
    const order: number[] = [];
    const sends = [1, 2, 3].map((n) =>
      publication.send(`message ${n}`).then((position) => order.push(n, position)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(order, []);
    connectPublication(publication);
    driver.counters.setValue(limitId, FAKE_TERM_LENGTH / 2);
    await Promise.all(sends);
    assert.deepEqual(order, [1, 128, 2, 192, 3, 256]);
  });

  test('gives up when its signal says so, and the others go on', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    const limitId = driver.counters.findByTypeAndRegistration(1, publication.registrationId);
    driver.counters.setValue(limitId, 0);
    const controller = new AbortController();
    const first = publication.send('first', { signal: controller.signal });
    const second = publication.send('second');
    setImmediate(() => controller.abort(new Error('no patience')));
    await assert.rejects(first, /no patience/);
    await assert.rejects(publication.send('x', { signal: AbortSignal.abort(new Error('before')) }), /before/);
    driver.counters.setValue(limitId, 1);
    assert.equal(await second, 64);
  });

  test('is the only one that takes strings: offers take bytes and say so', async () => {
    const publication = await (await connect()).addPublication(CHANNEL, STREAM_ID);
    connectPublication(publication);
    for (const message of [
      'text',
      new ArrayBuffer(4),
      [1, 2],
      new Float64Array(1),
      new DataView(new ArrayBuffer(4)),
    ]) {
      const bytes = message as unknown as Uint8Array;
      assert.throws(() => publication.offer(bytes), {
        name: 'TypeError',
        message: /a message is a Uint8Array/,
      });
      assert.throws(() => publication.offerVectors([Buffer.from('ok'), bytes]), { name: 'TypeError' });
    }
    assert.equal(publication.position, 0);
  });

  test('rejects when the publication is closed meanwhile', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    driver.counters.setValue(driver.counters.findByTypeAndRegistration(1, publication.registrationId), 0);
    const sends = [publication.send('x'), publication.send('y')];
    setImmediate(() => publication.close());
    for (const send of sends) await assert.rejects(send, hasCode('PUBLICATION_CLOSED'));
  });

  test('refuses what can never be sent', async () => {
    const aeron = await connect();
    const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
    await assert.rejects(publication.send(Buffer.alloc(publication.maxMessageLength + 1)), /takes 0 to 8192/);
    assert.throws(() => publication.offer(Buffer.alloc(4), 2, 3), /3 bytes at 2 are not in a buffer of 4/);
    assert.throws(() => publication.offer(Buffer.alloc(4), -1), RangeError);
  });
});

describe('A lost driver', () => {
  const losses: [string, string, (aeron: Aeron) => void][] = [
    ['was shut down', 'DRIVER_CLOSED', () => driver.cnc.toDriver.setConsumerHeartbeatMs(-1)],
    ['shows no life', 'DRIVER_TIMEOUT', () => driver.cnc.toDriver.setConsumerHeartbeatMs(1_000)],
    [
      'gave the client up',
      'CLIENT_TIMEOUT',
      (aeron) => driver.send({ type: 'clientTimeout', clientId: aeron.clientId }),
    ],
    [
      'took the heartbeat counter away',
      'CLIENT_TIMEOUT',
      (aeron) => driver.counters.free(driver.counters.findByTypeAndRegistration(11, aeron.clientId)),
    ],
    [
      'overtook the client with its events',
      'BROADCAST_LAPPED',
      () => {
        for (let i = 0; i < 5_000; i++) driver.send({ type: 'operationSuccess', correlationId: 1e9 });
      },
    ],
  ];
  for (const [what, code, happen] of losses) {
    test(`that ${what} ends everything with ${code}, and a new client can connect`, async () => {
      const reasons: unknown[] = [];
      const aeron = await connect({ keepAliveIntervalMs: 1, onClose: (reason) => void reasons.push(reason) });
      const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
      const unavailable: Image[] = [];
      const subscription = await aeron.addSubscription({
        channel: CHANNEL,
        streamId: STREAM_ID,
        onUnavailableImage: (image) => void unavailable.push(image),
      });
      driver.addImage(subscription.registrationId, STREAM_ID);
      aeron.doWork();
      const image = subscription.images[0]!;
      driver.counters.setValue(driver.counters.findByTypeAndRegistration(1, publication.registrationId), 0);
      while (driver.counters.value(driver.counters.findByTypeAndRegistration(11, aeron.clientId)) === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      driver.onCommand = () => {};
      const calls = [
        aeron.addSubscription(CHANNEL, 2),
        publication.send('x'),
        (async () => {
          for await (const _ of subscription);
        })(),
      ];
      driver.isAlive = false;
      happen(aeron);
      for (const call of calls) await assert.rejects(call, hasCode(code));
      assert.equal(aeron.isClosed, true);
      assert.equal(aeron.lostReason!.code, code);
      assert.deepEqual(reasons, [aeron.lostReason]);
      assert.deepEqual(errors, [aeron.lostReason]);
      assert.equal(publication.offer(Buffer.from('x')), CLOSED);
      assert.equal(image.isClosed, true);
      assert.deepEqual(unavailable, [image]);
      await assert.rejects(aeron.addPublication(CHANNEL, 1), hasCode(code));
      await aeron.close();
      driver.doWork();
      assert.equal(driver.received('clientClose').length, 0);

      driver.isAlive = true;
      driver.onCommand = (command) => driver.answer(command);
      const again = await connect();
      assert.equal((await again.addPublication(CHANNEL, 77)).isClosed, false);
    });
  }

  test('is not blamed when the client itself was not run', async () => {
    driver.close();
    driver = new FakeDriver({ clientLivenessTimeoutNs: 1_000_000 });
    const aeron = await connect({ useConductorInvoker: true });
    aeron.doWork();
    const until = performance.now() + 15;
    while (performance.now() < until);
    aeron.doWork();
    assert.equal(aeron.lostReason!.code, 'CONDUCTOR_SERVICE_TIMEOUT');
  });
});
