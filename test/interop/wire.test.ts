/** The official driver and ours on one wire of kernel sockets, good and bad. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { freeUdpPort, LossyProxy } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT = 100_000;
/** Loss costs round trips: shorter messages keep the test short. */
const LOSSY_MAX_LENGTH = 2048;
/** What was sent again and lost again may be asked for sooner than by default. */
const LOSSY_PROPERTIES = { 'aeron.retransmit.unicast.linger': '1ms' };
const skip = officialAeronMissing();

const DIRECTIONS: readonly (readonly [from: Party, to: Party])[] = [
  ['official', 'ours'],
  ['ours', 'official'],
];

describe('a stream over UDP', { skip }, () => {
  for (const [from, to] of DIRECTIONS) {
    test(`from the ${from} driver to the ${to} driver arrives`, async (t) => {
      const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
      const [near, far] = await Promise.all([startDriver(t, from), startDriver(t, to)]);
      await exchange(t, {
        publishers: [{ party: from, driver: near, channel }],
        subscriber: { party: to, driver: far, channel },
        count: COUNT,
      });
    });

    for (const lossProbability of [0.05, 0.2]) {
      const wire = `a wire that loses ${lossProbability * 100} % and reorders`;

      test(`from the ${from} driver to the ${to} driver arrives over ${wire}`, async (t) => {
        const listenPort = await freeUdpPort();
        const targetPort = await freeUdpPort();
        const seed = Math.round(lossProbability * 1000) + (from === 'ours' ? 1 : 0);
        const proxy = await LossyProxy.start({
          listenPort,
          targetPort,
          lossProbability,
          reorderProbability: 0.05,
          seed,
        });
        t.after(() => proxy.close());
        const [near, far] = await Promise.all([
          startDriver(t, from, { properties: LOSSY_PROPERTIES }),
          startDriver(t, to, { properties: LOSSY_PROPERTIES }),
        ]);
        await exchange(t, {
          publishers: [{ party: from, driver: near, channel: `aeron:udp?endpoint=127.0.0.1:${listenPort}` }],
          subscriber: { party: to, driver: far, channel: `aeron:udp?endpoint=127.0.0.1:${targetPort}` },
          count: COUNT,
          maxLength: LOSSY_MAX_LENGTH,
        });
        for (const link of [proxy.forward, proxy.backward]) {
          const { passed, dropped, reordered } = link;
          t.diagnostic(`passed ${passed}, dropped ${dropped}, reordered ${reordered}`);
          assert.ok(dropped > 0 && reordered > 0, 'the wire was not bad at all');
        }
      });
    }
  }
});
