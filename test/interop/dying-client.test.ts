/** Our driver when a client, official or ours, is killed in the middle of a stream. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { until } from '../support/until.ts';
import { type DriverProcess, type Party, startDriver } from './drivers.ts';
import { startClient } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
/** Enough that the streams live until their clients are killed. */
const SETTINGS = { stream: 1001, count: 100_000_000, seed: 1, maxLength: 512 };
const PROPERTIES = {
  'aeron.client.liveness.timeout': '2s',
  // A client that dies in the middle of a message blocks its stream for so long.
  'aeron.publication.unblock.timeout': '3s',
  'aeron.image.liveness.timeout': '2s',
  'aeron.publication.linger.timeout': '1s',
};
const LASTING: readonly number[] = [CounterType.SYSTEM];

describe('our driver', { skip }, () => {
  for (const party of ['official', 'ours'] satisfies Party[]) {
    for (const media of ['IPC', 'UDP']) {
      test(`forgets killed clients (${party}) and their streams over ${media}`, async (t) => {
        const driver = await startDriver(t, 'ours', { properties: PROPERTIES });
        const channel = media === 'IPC' ? 'aeron:ipc' : `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
        const reader = countersOf(t, driver);
        const peer = { party, driver, channel };
        const publisher = startClient(t, 'Publisher', peer, { ...SETTINGS, producer: 0, exclusive: false });
        await publisher.waitForLine('READY');
        // It never gets to its last message, whatever the count: a smaller one needs less memory.
        const subscriber = startClient(t, 'Subscriber', peer, {
          ...SETTINGS,
          count: 1_000_000,
          producers: 1,
        });
        await subscriber.waitForLine('READY');
        await until(() => positionOf(reader) > 1_000_000, 'a stream in full flow');

        publisher.kill('SIGKILL');
        await until(() => countOf(reader, CounterType.SUBSCRIBER_POSITION) === 0, 'the stream to be gone');
        subscriber.kill('SIGKILL');
        await until(() => lastingOnly(reader), 'every counter of the clients to be gone');
        await until(() => logsOf(driver).length === 0, 'every log to be deleted');
        assert.equal((await driver.process.stop()).code, 0);
      });
    }
  }
});

function countersOf(t: TestContext, driver: DriverProcess): CountersReader {
  const cnc = CncFile.map(driver.directory);
  t.after(() => cnc.close());
  return new CountersReader(cnc.countersMetadata, cnc.countersValues);
}

function countOf(reader: CountersReader, typeId: number): number {
  let count = 0;
  reader.forEach((counter) => {
    if (counter.typeId === typeId) count++;
  });
  return count;
}

function positionOf(reader: CountersReader): number {
  let position = 0;
  reader.forEach((counter) => {
    if (counter.typeId === CounterType.SUBSCRIBER_POSITION) position = counter.value;
  });
  return position;
}

function lastingOnly(reader: CountersReader): boolean {
  let isClean = true;
  reader.forEach((counter) => {
    if (!LASTING.includes(counter.typeId)) isClean = false;
  });
  return isClean;
}

function logsOf(driver: DriverProcess): string[] {
  return ['publications', 'images'].flatMap((folder) => readdirSync(join(driver.directory, folder)));
}
