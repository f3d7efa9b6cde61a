/** Our clients on the official driver, with one another and with official clients. */
import { describe, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 100_000;
const PAIRS: readonly (readonly [from: Party, to: Party])[] = [
  ['ours', 'ours'],
  ['ours', 'official'],
  ['official', 'ours'],
];
const skip = officialAeronMissing();

describe('on the official driver', { skip }, () => {
  for (const [from, to] of PAIRS) {
    for (const isExclusive of [false, true]) {
      const stream = `${isExclusive ? 'an exclusive' : 'a concurrent'} publication of the ${from} client`;

      test(`${stream} reaches the ${to} client over IPC`, async (t) => {
        const driver = await startDriver(t, 'official');
        const channel = 'aeron:ipc';
        await exchange(t, {
          publishers: [{ party: from, driver, channel, isExclusive }],
          subscriber: { party: to, driver, channel },
          count: COUNT,
        });
      });

      test(`${stream} reaches the ${to} client over UDP`, async (t) => {
        const driver = await startDriver(t, 'official');
        const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
        await exchange(t, {
          publishers: [{ party: from, driver, channel, isExclusive }],
          subscriber: { party: to, driver, channel },
          count: COUNT,
        });
      });
    }
  }
});
