/** Official drivers and ours as members of one group, on the loopback interface. */
import { describe, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 20_000;
const skip = officialAeronMissing();

const DIRECTIONS: readonly (readonly [from: Party, to: Party])[] = [
  ['official', 'ours'],
  ['ours', 'official'],
];

async function groupChannel(): Promise<string> {
  return `aeron:udp?endpoint=224.20.30.39:${await freeUdpPort()}|interface=localhost`;
}

describe('a stream to a group', { skip }, () => {
  for (const [from, to] of DIRECTIONS) {
    test(`from the ${from} driver to the ${to} driver arrives`, async (t) => {
      const channel = await groupChannel();
      const [near, far] = await Promise.all([startDriver(t, from), startDriver(t, to)]);
      await exchange(t, {
        publishers: [{ party: from, driver: near, channel }],
        subscriber: { party: to, driver: far, channel },
        count: COUNT,
      });
    });

    test(`from the ${from} driver to the ${to} driver arrives though datagrams are lost`, async (t) => {
      const channel = await groupChannel();
      const lossy = { 'aeron.debug.receive.loss.rate': '0.02' };
      const properties = (party: Party): Record<string, string> => (party === 'ours' ? lossy : {});
      const [near, far] = await Promise.all([
        startDriver(t, from, { properties: properties(from) }),
        startDriver(t, to, { properties: properties(to) }),
      ]);
      await exchange(t, {
        publishers: [{ party: from, driver: near, channel }],
        subscriber: { party: to, driver: far, channel },
        count: COUNT / 4,
        maxLength: 2048,
      });
    });
  }

  test('from both drivers at once arrives at ours, an image each', async (t) => {
    const channel = await groupChannel();
    const [official, ours] = await Promise.all([startDriver(t, 'official'), startDriver(t, 'ours')]);
    await exchange(t, {
      publishers: [
        { party: 'official', driver: official, channel },
        { party: 'ours', driver: ours, channel },
      ],
      subscriber: { party: 'ours', driver: ours, channel },
      count: COUNT / 4,
    });
  });
});
