import { test } from 'node:test';
import { startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
const MEASURED = { properties: { 'aeron.CubicCongestionControl.measureRtt': 'true' } };

for (const [subscribing, publishing, port] of [
  ['ours', 'official', 20521],
  ['official', 'ours', 20522],
] as const) {
  test(`cc=cubic with round trips measured: ${publishing} publisher, ${subscribing} subscriber`, {
    skip,
  }, async (t) => {
    const [publisherDriver, subscriberDriver] = await Promise.all([
      startDriver(t, publishing),
      startDriver(t, subscribing, MEASURED),
    ]);
    const channel = `aeron:udp?endpoint=127.0.0.1:${port}`;
    await exchange(t, {
      publishers: [{ party: publishing, driver: publisherDriver, channel }],
      subscriber: { party: subscribing, driver: subscriberDriver, channel: `${channel}|cc=cubic` },
      count: 5000,
    });
  });
}
