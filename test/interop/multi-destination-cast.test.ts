/** One stream for several receivers, official ones and ours, each from a driver of its own. */
import { describe, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 30_000;
const skip = officialAeronMissing();

describe('multi-destination-cast', { skip }, () => {
  for (const from of ['ours', 'official'] satisfies Party[]) {
    test(`a dynamic cast of the ${from} driver reaches receivers of both kinds, at the pace of the slowest`, async (t) => {
      const control = `control=127.0.0.1:${await freeUdpPort()}|control-mode=dynamic`;
      const [near, official, ours] = await Promise.all([
        startDriver(t, from),
        startDriver(t, 'official'),
        startDriver(t, 'ours'),
      ]);
      const receiving = async () => `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}|${control}`;
      await exchange(t, {
        publishers: [{ party: from, driver: near, channel: `aeron:udp?${control}|fc=min,g:/2,t:10s` }],
        subscriber: [
          { party: 'official', driver: official, channel: await receiving() },
          { party: 'ours', driver: ours, channel: await receiving() },
        ],
        count: COUNT,
      });
    });

    test(`a manual cast of the ${from} driver waits for the receivers with its tag, of both kinds`, async (t) => {
      const [near, official, ours] = await Promise.all([
        startDriver(t, from),
        startDriver(t, 'official'),
        startDriver(t, 'ours'),
      ]);
      const endpoints = [await freeUdpPort(), await freeUdpPort()].map(
        (port) => `aeron:udp?endpoint=127.0.0.1:${port}`,
      );
      await exchange(t, {
        publishers: [
          {
            party: from,
            driver: near,
            channel: 'aeron:udp?control-mode=manual|fc=tagged,g:-7000000000/2',
            destinations: endpoints,
          },
        ],
        subscriber: [
          { party: 'official', driver: official, channel: `${endpoints[0]}|gtag=-7000000000` },
          { party: 'ours', driver: ours, channel: `${endpoints[1]}|gtag=-7000000000` },
        ],
        count: COUNT,
      });
    });
  }
});
