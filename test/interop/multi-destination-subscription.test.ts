import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { startDriver } from './drivers.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
const DEADLINE_MS = 60_000;
const PORTS = [20531, 20532] as const;
const STREAM_ID = 1001;
/** Two publications with one content. */
const SAME = 'session-id=77|term-length=64k|init-term-id=5|term-id=5|term-offset=0';

for (const [subscribing, publishing] of [
  ['ours', 'official'],
  ['official', 'ours'],
] as const) {
  test(`two ways from the ${publishing} driver are one image at the ${subscribing} driver`, {
    skip,
  }, async (t) => {
    const [near, far] = await Promise.all([startDriver(t, publishing), startDriver(t, subscribing)]);
    const publisher = await Aeron.connect({ directory: near.directory });
    t.after(() => publisher.close());
    const subscriber = await Aeron.connect({ directory: far.directory });
    t.after(() => subscriber.close());
    const subscription = await subscriber.addSubscription('aeron:udp?control-mode=manual', STREAM_ID);
    const endpoints = PORTS.map((port) => `aeron:udp?endpoint=127.0.0.1:${port}`);
    for (const endpoint of endpoints) await subscription.addDestination(endpoint);
    const publications = await Promise.all(
      endpoints.map((endpoint) => publisher.addExclusivePublication(`${endpoint}|${SAME}`, STREAM_ID)),
    );
    const until = performance.now() + DEADLINE_MS;
    const turn = async (): Promise<void> => {
      assert.ok(performance.now() < until, 'in time');
      await new Promise((resolve) => setImmediate(resolve));
    };
    while (!publications.every(({ isConnected }) => isConnected)) await turn();

    const count = 2000;
    const sent = publications.map(() => 0);
    const received: number[] = [];
    let transports = 0;
    const message = Buffer.alloc(200);
    while (received.length < count) {
      for (const [i, publication] of publications.entries()) {
        message.writeInt32LE(sent[i]!, 0);
        if (sent[i]! < count && publication.offer(message) > 0) sent[i]!++;
      }
      subscription.poll((buffer, offset) => void received.push(buffer.readInt32LE(offset)), 50);
      transports = Math.max(transports, subscription.images[0]?.activeTransportCount ?? 0);
      assert.ok(subscription.images.length <= 1);
      await turn();
    }
    assert.deepEqual(
      received,
      Array.from({ length: count }, (_, i) => i),
    );
    assert.equal(transports, 2);
    await subscription.removeDestination(endpoints[0]!);
  });
}
