import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Aeron } from '../../src/client/aeron.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { InvokedStation } from '../support/invoked-station.ts';

const UDP = 'aeron:udp?endpoint=localhost:24360|term-length=64k';
const STREAM_ID = 1001;
const MESSAGE = Buffer.alloc(992, 0x42);

let station: InvokedStation;
let aeron: Aeron;

beforeEach(async () => {
  station = await InvokedStation.open({
    timerIntervalNs: 10e6,
    untetheredWindowLimitTimeoutNs: 200e6,
    untetheredRestingTimeoutNs: 200e6,
    publicationLingerTimeoutNs: 100e6,
  });
  aeron = station.aeron;
});
afterEach(() => station.close());

/** Publishes so many messages, each with its number, while `subscriptions` read what `publication` may not wait for. */
function exchange(publication: Publication, subscriptions: readonly Subscription[], count: number): void {
  const received = subscriptions.map(() => 0);
  let sent = 0;
  station.runUntil(() => {
    MESSAGE.writeInt32LE(sent);
    if (sent < count && publication.offer(MESSAGE) > 0) sent++;
    subscriptions.forEach((subscription, i) => {
      subscription.poll((buffer, offset) => {
        assert.equal(buffer.readInt32LE(offset), received[i]!);
        received[i]!++;
      }, 16);
    });
    return received.every((one) => one === count);
  }, `${count} messages`);
}

test('a spy and a receiver see every message of a stream, in order', async () => {
  const publication = await aeron.addPublication(UDP, STREAM_ID);
  const subscription = await aeron.addSubscription(UDP, STREAM_ID);
  const spy = await aeron.addSubscription(`aeron-spy:${UDP}`, STREAM_ID);
  station.runUntil(() => publication.isConnected && spy.images.length === 1, 'the connection');
  exchange(publication, [subscription, spy], 1000);
});

test('a publication that spies simulate a connection for needs no receiver', async () => {
  const spy = await aeron.addSubscription(`aeron-spy:${UDP}`, STREAM_ID);
  const publication = await aeron.addExclusivePublication(`${UDP}|ssc=true`, STREAM_ID);
  station.runUntil(() => publication.isConnected && spy.images.length === 1, 'the connection');
  exchange(publication, [spy], 1000);
  const [image] = spy.images;
  await publication.close();
  station.runUntil(() => spy.images.length === 0, 'the end of the image');
  assert.ok(image!.isEndOfStream);
});

test('an untethered spy that does not read is left behind, and comes back', async () => {
  const gone: number[] = [];
  const publication = await aeron.addPublication(UDP, STREAM_ID);
  const subscription = await aeron.addSubscription(UDP, STREAM_ID);
  const spy = await aeron.addSubscription(`aeron-spy:${UDP}|tether=false`, STREAM_ID, {
    onUnavailableImage: ({ sessionId }) => gone.push(sessionId),
  });
  station.runUntil(() => publication.isConnected && spy.images.length === 1, 'the connection');
  exchange(publication, [subscription], 1000);
  assert.deepEqual(gone, [publication.sessionId]);
  station.runUntil(() => spy.images.length === 1, 'the image');
  assert.ok(spy.images[0]!.joinPosition > 0);
  exchange(publication, [subscription], 10);
});
