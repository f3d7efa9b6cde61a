/** Our clients on the official driver. */
import { describe, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 100_000;
const skip = officialAeronMissing();

describe('our client on the official driver', { skip }, () => {
  for (const isExclusive of [false, true]) {
    const kind = isExclusive ? 'an exclusive' : 'a concurrent';

    test(`talks to itself over IPC through ${kind} publication`, async (t) => {
      const driver = await startDriver(t, 'official');
      const peer = { party: 'ours', driver, channel: 'aeron:ipc' } as const;
      await exchange(t, { publishers: [{ ...peer, isExclusive }], subscriber: peer, count: COUNT });
    });

    test(`talks to itself over UDP through ${kind} publication`, async (t) => {
      const driver = await startDriver(t, 'official');
      const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
      const peer = { party: 'ours', driver, channel } as const;
      await exchange(t, { publishers: [{ ...peer, isExclusive }], subscriber: peer, count: COUNT });
    });
  }
});
