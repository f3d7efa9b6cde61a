import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { BufferClaim } from '../../src/client/buffer-claim.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { Image } from '../../src/client/image.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { AeronError } from '../../src/util/errors.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';

const CHANNEL = 'aeron:ipc?term-length=64k';
const STREAM_ID = 1001;
const DEADLINE_MS = 20_000;

let root: string;
let driver: MediaDriver;
let clients: Aeron[];

const launch = () =>
  MediaDriver.launch({
    dir: join(root, 'aeron'),
    threadingMode: 'INVOKER',
    termBufferSparseFile: true,
    dirDeleteOnShutdown: true,
  });

beforeEach(async () => {
  root = mkdtempSync('/dev/shm/aeron-bypass-test-');
  driver = await launch();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.close();
  await driver.close();
  rmSync(root, { recursive: true, force: true });
});

async function connect(options: ClientOptions = {}): Promise<Aeron> {
  const aeron = await Aeron.connect({ directory: driver.directory, driver, ...options });
  clients.push(aeron);
  return aeron;
}

/** One busy loop for driver and clients, as a program on one thread has it. */
function runUntil(condition: () => boolean, what: string): void {
  const until = performance.now() + DEADLINE_MS;
  while (!condition()) {
    assert.ok(performance.now() < until, `${what} did not come in ${DEADLINE_MS} ms`);
    driver.doWork();
    for (const client of clients) client.doWork();
  }
}

const kinds: [string, (aeron: Aeron) => Promise<Publication>][] = [
  ['a publication', (aeron) => aeron.addPublication(CHANNEL, STREAM_ID)],
  ['an exclusive publication', (aeron) => aeron.addExclusivePublication(CHANNEL, STREAM_ID)],
];

for (const [name, add] of kinds) {
  describe(`IPC with ${name}`, () => {
    test('carries every message of any length through many terms', async () => {
      const aeron = await connect({ useConductorInvoker: true });
      const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
      const publication = await add(aeron);
      runUntil(() => publication.isConnected && subscription.isConnected, 'the connection');

      const count = 5_000;
      const stream = { seed: 4_711, maxLength: publication.maxMessageLength };
      const writer = new CheckedMessageWriter(stream, 0);
      const verifier = new CheckedMessageVerifier(stream, 1, count);
      const assembler = new FragmentAssembler((buffer, offset, length) => {
        verifier.onMessage(new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), offset, length);
      });
      const buffer = Buffer.alloc(stream.maxLength);
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      const claim = new BufferClaim();
      let sent = 0;
      runUntil(() => {
        if (sent < count) {
          const length = writer.write(view, 0, sent);
          const isClaimed = sent % 3 === 0 && length <= publication.maxPayloadLength;
          const result = isClaimed
            ? publication.tryClaim(length, claim)
            : publication.offer(buffer, 0, length);
          if (result > 0) sent++;
          if (result > 0 && isClaimed) {
            buffer.copy(claim.buffer, claim.offset, 0, length);
            claim.commit();
          }
        }
        subscription.poll(assembler.handler, 20);
        return verifier.isComplete;
      }, 'the last message');
      verifier.finish();
      assert.deepEqual(verifier.summary(), {
        received: count,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        corrupted: 0,
      });
      assert.equal(subscription.images[0]!.position, publication.position);
      assert.ok(publication.position > 10 * publication.termLength);
    });

    test('ends the stream for its subscribers when it is closed', async () => {
      const ended: Image[] = [];
      const aeron = await connect();
      const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID, {
        onUnavailableImage: (image) => void ended.push(image),
      });
      const publication = await add(aeron);
      await publication.send('first');
      await publication.send('last');
      publication.close();
      const messages: string[] = [];
      for await (const message of subscription) {
        messages.push(message.toString());
        if (messages.length === 2) break;
      }
      assert.deepEqual(messages, ['first', 'last']);
      runUntil(() => ended.length === 1, 'the end of the stream');
      assert.equal(ended[0]!.isEndOfStream, true);
      assert.equal(subscription.isConnected, false);
    });
  });
}

describe('A client of a real driver', () => {
  test('talks to another one with await and for await only', async () => {
    const server = await connect({ clientName: 'server' });
    const client = await connect({ clientName: 'client' });
    const requests: Subscription = await server.addSubscription(CHANNEL, 1);
    const replies = await server.addPublication(CHANNEL, 2);
    const asking = await client.addPublication(CHANNEL, 1);
    const answers = await client.addSubscription(CHANNEL, 2);
    const serving = (async () => {
      for await (const request of requests) {
        if (request.toString() === 'stop') return;
        await replies.send(request.toString().toUpperCase());
      }
    })();
    const iterator = answers.messages();
    for (let i = 0; i < 100; i++) {
      await asking.send(`request ${i}`);
      const { value } = await iterator.next();
      assert.equal(String(value), `REQUEST ${i}`);
    }
    await asking.send('stop');
    await serving;
  });

  test('is told why a channel is refused', async () => {
    const aeron = await connect();
    await assert.rejects(aeron.addPublication('aeron:pigeon', 1), (error: AeronError) => {
      assert.ok(error instanceof AeronError);
      assert.equal(error.code, 'INVALID_CHANNEL');
      return true;
    });
  });

  test('adds counters that another client sees and reads', async () => {
    const appeared: number[] = [];
    const gone: number[] = [];
    const watcher = await connect({
      onAvailableCounter: (_id, counterId) => void appeared.push(counterId),
      onUnavailableCounter: (_id, counterId) => void gone.push(counterId),
    });
    const aeron = await connect();
    const counter = await aeron.addCounter({
      typeId: 2_000,
      label: 'things done',
      key: Buffer.from([1, 2, 3]),
    });
    counter.add(41);
    counter.increment();
    runUntil(() => appeared.includes(counter.id), 'the counter');
    assert.equal(watcher.countersReader.value(counter.id), 42);
    assert.equal(watcher.countersReader.label(counter.id), 'things done');
    counter.close();
    runUntil(() => gone.includes(counter.id), 'the end of the counter');
  });

  test('rejects an image, and its publisher hears why', async () => {
    const heard: string[] = [];
    const aeron = await connect({ onPublicationError: ({ message }) => void heard.push(message) });
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    await aeron.addPublication(CHANNEL, STREAM_ID);
    runUntil(() => subscription.imageCount === 1, 'the image');
    await subscription.images[0]!.reject('not for me').catch((error: unknown) => heard.push(String(error)));
    runUntil(() => heard.length > 0, 'the reason');
    assert.match(heard[0]!, /not for me|reject/i);
  });

  test('loses its driver with an error, and connects to the next one', async () => {
    const errors: Error[] = [];
    const aeron = await connect({
      keepAliveIntervalMs: 1,
      errorHandler: (error) => void errors.push(error),
    });
    const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
    const reading = (async () => {
      for await (const _ of subscription);
    })();
    await driver.close();
    await assert.rejects(reading, (error: AeronError) => error.code === 'DRIVER_CLOSED');
    assert.equal(errors.length, 1);
    driver = await launch();
    const next = await connect();
    const publication = await next.addPublication(CHANNEL, STREAM_ID);
    assert.equal(publication.isClosed, false);
  });
});
