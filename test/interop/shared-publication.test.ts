/** One concurrent publication that an official client and ours write into at once. */
import { describe, test } from 'node:test';
import type { Party } from './drivers.ts';
import { startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const COUNT_EACH = 60_000;
/** Terms as small as can be: the producers meet at the end of one hundreds of times. */
const CHANNEL = 'aeron:ipc?term-length=64k';
const skip = officialAeronMissing();

describe('an IPC publication shared by an official client and ours', { skip }, () => {
  const combinations: readonly (readonly [driver: Party, subscriber: Party])[] = [
    ['ours', 'official'],
    ['official', 'ours'],
  ];
  for (const [driverParty, subscriber] of combinations) {
    test(`keeps every message on ${driverParty === 'ours' ? 'our' : 'the official'} driver`, async (t) => {
      const driver = await startDriver(t, driverParty);
      const peer = { driver, channel: CHANNEL } as const;
      await exchange(t, {
        publishers: [
          { ...peer, party: 'official' },
          { ...peer, party: 'ours' },
        ],
        subscriber: { ...peer, party: subscriber },
        count: COUNT_EACH,
      });
    });
  }
});
