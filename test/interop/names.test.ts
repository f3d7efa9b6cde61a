/** Drivers that tell each other their names: an official one and ours. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type DriverProcess, type Party, startDriver } from './drivers.ts';
import { exchange } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
const NEIGHBOUR_TIMEOUT_MS = 30_000;

function neighbours({ directory }: DriverProcess): number {
  const cnc = CncFile.map(directory);
  const counters = new CountersReader(cnc.countersMetadata, cnc.countersValues);
  let value = 0;
  counters.forEach((counter) => {
    if (counter.typeId === CounterType.NAME_RESOLVER_NEIGHBORS) value = counter.value;
  });
  cnc.close();
  return value;
}

describe('driver names', { skip }, () => {
  test('an official driver and ours find each other by name, and streams flow both ways', async (t) => {
    const [officialPort, ourPort] = [await freeUdpPort(), await freeUdpPort()];
    const resolver = (name: string, port: number, neighbour: string): Record<string, string> => ({
      'aeron.driver.resolver.name': name,
      'aeron.driver.resolver.interface': `127.0.0.1:${port}`,
      ...(neighbour === '' ? {} : { 'aeron.driver.resolver.bootstrap.neighbor': neighbour }),
    });
    // Ours knows where the official one is, which hears of ours only because ours tells it.
    const official = await startDriver(t, 'official', {
      properties: resolver('official-driver', officialPort, ''),
    });
    const ours = await startDriver(t, 'ours', {
      properties: resolver('our-driver', ourPort, `localhost:${officialPort}`),
    });
    const deadlineMs = performance.now() + NEIGHBOUR_TIMEOUT_MS;
    while (neighbours(official) !== 1 || neighbours(ours) !== 1) {
      assert.ok(performance.now() < deadlineMs, 'they hear of each other');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }

    const drivers: Record<Party, DriverProcess> = { official, ours };
    for (const [from, to, name] of [
      ['ours', 'official', 'official-driver'],
      ['official', 'ours', 'our-driver'],
    ] as const) {
      const port = await freeUdpPort();
      await exchange(t, {
        publishers: [{ party: from, driver: drivers[from], channel: `aeron:udp?endpoint=${name}:${port}` }],
        subscriber: { party: to, driver: drivers[to], channel: `aeron:udp?endpoint=${name}:${port}` },
        count: 10_000,
      });
    }
  });
});
