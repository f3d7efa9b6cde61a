/** Official clients on our driver. */
import { describe, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 100_000;
const skip = officialAeronMissing();

describe('an official client on our driver', { skip }, () => {
  for (const isExclusive of [false, true]) {
    const kind = isExclusive ? 'an exclusive' : 'a concurrent';

    test(`talks to itself over IPC through ${kind} publication`, async (t) => {
      const driver = await startDriver(t, 'ours');
      const peer = { party: 'official', driver, channel: 'aeron:ipc' } as const;
      await exchange(t, { publishers: [{ ...peer, isExclusive }], subscriber: peer, count: COUNT });
    });

    test(`talks to one on another driver of ours over UDP through ${kind} publication`, async (t) => {
      const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
      const [near, far] = await Promise.all([startDriver(t, 'ours'), startDriver(t, 'ours')]);
      await exchange(t, {
        publishers: [{ party: 'official', driver: near, channel, isExclusive }],
        subscriber: { party: 'official', driver: far, channel },
        count: COUNT,
      });
    });
  }
});
