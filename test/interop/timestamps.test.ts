/** Times that drivers write into messages: one driver sends, the other receives, our client reads on both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { officialAeronMissing } from './java.ts';

const STREAM_ID = 1001;
const COUNT = 200;

/** What is written where, in bytes of the payload. The official Java driver has no media timestamps. */
const RECEIVES: Readonly<Record<Party, string>> = {
  ours: '|channel-rcv-ts-offset=reserved|media-rcv-ts-offset=16',
  official: '|channel-rcv-ts-offset=reserved',
};

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

for (const [from, to] of [
  ['official', 'ours'],
  ['ours', 'official'],
  ['ours', 'ours'],
] as const) {
  const skip = from === to ? false : officialAeronMissing();
  test(`times of sending by ${from}, of receiving by ${to}`, { skip, timeout: 120_000 }, async (t) => {
    const [near, far] = await Promise.all([startDriver(t, from), startDriver(t, to)]);
    const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
    const sender = await Aeron.connect({ directory: near.directory });
    t.after(() => sender.close());
    const receiver = await Aeron.connect({ directory: far.directory });
    t.after(() => receiver.close());
    const subscription = await receiver.addSubscription(channel + RECEIVES[to], STREAM_ID);
    const publication = await sender.addPublication(`${channel}|channel-snd-ts-offset=8`, STREAM_ID);

    const sendNs = nowNs();
    const sending = (async () => {
      // Long enough for a datagram each: of several in one, only the first says when it was sent.
      for (let i = 0; i < COUNT; i++) await publication.send(message(i, 1300));
    })();
    let received = 0;
    while (received < COUNT) {
      subscription.poll((buffer, offset, length, header) => {
        const bytes = buffer.subarray(offset, offset + length);
        assert.equal(bytes.readInt32LE(0), received);
        assert.equal(bytes.readUInt8(1299), received & 0xff);
        const sentNs = bytes.readBigInt64LE(8);
        const mediaNs = to === 'ours' ? bytes.readBigInt64LE(16) : header.reservedValue;
        const times = [sendNs, sentNs, mediaNs, header.reservedValue, nowNs() + 1_000_000n];
        for (let i = 1; i < times.length; i++) {
          assert.ok(times[i]! >= times[i - 1]!, `message ${received}: ${times.join(', ')} are in order`);
        }
        received++;
      }, 10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sending;
  });
}

function message(index: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, index & 0xff);
  bytes.writeInt32LE(index, 0);
  return bytes;
}
