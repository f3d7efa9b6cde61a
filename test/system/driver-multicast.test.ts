/** Streams to a group: whole drivers as senders and receivers, over kernel sockets on loopback and over DPDK. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Aeron } from '../../src/client/aeron.ts';
import { SystemCounter } from '../../src/cnc/counter-types.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { MulticastExchange } from '../support/multicast-group.ts';
import { openNetworkStation, openWireStation } from '../support/network-station.ts';
import { until } from '../support/until.ts';

const STREAM_ID = 1001;
const COUNT = 400;

async function groupChannel(parameters = ''): Promise<string> {
  return `aeron:udp?endpoint=224.20.30.39:${await freeUdpPort()}|interface=127.0.0.1|term-length=1m${parameters}`;
}

function counter({ countersReader }: Aeron, id: number): number {
  return countersReader.value(id);
}

test('a stream to a group reaches every driver that listens, and the one that sends it', async (t) => {
  const [a, b, c] = await Promise.all([openNetworkStation(t), openNetworkStation(t), openNetworkStation(t)]);
  const channel = await groupChannel();
  const exchange = await MulticastExchange.start(
    [{ aeron: a, channel }],
    [a, b, c].map((aeron) => ({ aeron, channel })),
    STREAM_ID,
    COUNT,
  );
  await exchange.run();
  assert.equal(counter(b, SystemCounter.NAK_MESSAGES_SENT), 0);
});

test('several sources on one stream id are an image each', async (t) => {
  const [a, b] = await Promise.all([openNetworkStation(t), openNetworkStation(t)]);
  const channel = await groupChannel('|ttl=2');
  const both = [a, b].map((aeron) => ({ aeron, channel }));
  const exchange = await MulticastExchange.start(both, both, STREAM_ID, COUNT);
  await exchange.run();
  const sessions = new Set(exchange.publications.map(({ sessionId }) => sessionId));
  for (const { images } of exchange.subscriptions) {
    assert.deepEqual(new Set(images.map(({ sessionId }) => sessionId)), sessions);
  }
});

test('what one of two receivers lost is sent again', async (t) => {
  const lossy = { receiveLossRate: 0.05 };
  const [a, b, c] = await Promise.all([
    openNetworkStation(t),
    openNetworkStation(t, lossy),
    openNetworkStation(t, lossy),
  ]);
  const channel = await groupChannel();
  const exchange = await MulticastExchange.start(
    [{ aeron: a, channel }],
    [b, c].map((aeron) => ({ aeron, channel })),
    STREAM_ID,
    COUNT,
  );
  await exchange.run();
  assert.ok(counter(b, SystemCounter.NAK_MESSAGES_SENT) > 0);
  assert.ok(counter(a, SystemCounter.RETRANSMITS_SENT) > 0);
});

test('a sender that reaches further than the receiver answers is counted', async (t) => {
  const [a, b] = await Promise.all([openNetworkStation(t), openNetworkStation(t)]);
  const channel = await groupChannel();
  const exchange = await MulticastExchange.start(
    [{ aeron: a, channel: `${channel}|ttl=8` }],
    [{ aeron: b, channel: `${channel}|ttl=4` }],
    STREAM_ID,
    1,
  );
  await exchange.run();
  assert.equal(counter(b, SystemCounter.POSSIBLE_TTL_ASYMMETRY), 1);
});

test('the stream ends at every receiver when its publication closes', async (t) => {
  const [a, b] = await Promise.all([openNetworkStation(t), openNetworkStation(t)]);
  const channel = await groupChannel('|linger=200ms');
  const exchange = await MulticastExchange.start(
    [{ aeron: a, channel }],
    [a, b].map((aeron) => ({ aeron, channel })),
    STREAM_ID,
    COUNT,
  );
  await exchange.run();
  for (const publication of exchange.publications) publication.close();
  await until(() => exchange.subscriptions.every(({ hasNoImages }) => hasNoImages), 'the end of the images');
});

describe('over a DPDK wire', { skip: SKIP_WITHOUT_DPDK }, () => {
  for (const agents of [1, 2]) {
    test(`two sources reach two members, ${agents === 1 ? 'one agent' : 'two agents'} each`, async (t) => {
      const folder = mkdtempSync('/dev/shm/bypass-wire-');
      t.after(() => rmSync(folder, { recursive: true }));
      const socketPath = join(folder, 'wire.sock');
      const stations = await Promise.all([
        openWireStation(t, 'a', socketPath, agents),
        openWireStation(t, 'b', socketPath, agents),
      ]);
      for (const port of [40456, 40457]) {
        const channel = `aeron:udp?endpoint=224.20.30.39:${port}|interface=10.0.0.0/24|ttl=4|term-length=1m`;
        const both = stations.map((aeron) => ({ aeron, channel }));
        const exchange = await MulticastExchange.start(both, both, STREAM_ID, COUNT / 4);
        await exchange.run();
      }
    });
  }
});
