/** What monitoring tools see: the counters of our driver against those of the official one, with the same clients. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { type CounterInfo, CountersReader } from '../../src/concurrent/counters.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { type Party, startDriver } from './drivers.ts';
import { startClient } from './exchange.ts';
import { officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
const COUNTERS_DEADLINE_MS = 20_000;
/** Failed offers to the third agent, whose name is another since the release that is tested against. */
const RENAMED_SYSTEM_COUNTER = 45;
/** Enough that the streams live until the counters are read. */
const SETTINGS = { stream: 1001, count: 10_000_000, seed: 1, maxLength: 512 };

describe('the counters of our driver', { skip }, () => {
  test('have the types, keys and labels of the official ones', async (t) => {
    const port = await freeUdpPort();
    const official = await countersWithStreams(t, 'official', port);
    const ours = await countersWithStreams(t, 'ours', port);
    assert.deepEqual(ours, official);
  });
});

/** Every counter in a form that is the same in each run, sorted, with a stream over UDP and one over IPC. */
async function countersWithStreams(t: TestContext, party: Party, port: number): Promise<string[]> {
  const found: string[] = [];
  await t.test(`of the ${party} driver are read`, async (inner) => {
    const driver = await startDriver(inner, party);
    for (const channel of [`aeron:udp?endpoint=127.0.0.1:${port}`, 'aeron:ipc']) {
      const peer = { party: 'official', driver, channel } as const;
      const subscriber = startClient(inner, 'Subscriber', peer, { ...SETTINGS, producers: 1 });
      await subscriber.waitForLine('READY');
      const publisher = startClient(inner, 'Publisher', peer, { ...SETTINGS, producer: 0, exclusive: false });
      await publisher.waitForLine('READY');
    }
    const cnc = CncFile.map(driver.directory);
    inner.after(() => cnc.close());
    const reader = new CountersReader(cnc.countersMetadata, cnc.countersValues);
    const deadlineMs = Date.now() + COUNTERS_DEADLINE_MS;
    while (!hasStreams(reader) && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    reader.forEach((counter) => {
      found.push(describeCounter(counter));
    });
    found.sort();
  });
  return found;
}

/** Both subscribers joined, and all four clients have put their names to their heartbeats. */
function hasStreams(reader: CountersReader): boolean {
  let positions = 0;
  let names = 0;
  reader.forEach((counter) => {
    if (counter.typeId === CounterType.SUBSCRIBER_POSITION) positions++;
    if (counter.typeId === CounterType.CLIENT_HEARTBEAT && counter.label.includes('version=')) names++;
  });
  return positions === 2 && names === 4;
}

function describeCounter({ id, typeId, key, label }: CounterInfo): string {
  if (typeId === CounterType.SYSTEM) {
    const name = id === RENAMED_SYSTEM_COUNTER ? '' : label.replace(/:.*/, '');
    return `system ${id} ${key.readInt32LE(0)} ${name}`;
  }
  // Ids of registrations, sessions and counters, and ports the kernel chose, differ from run to run.
  const text = label.replace(/(?<=[ :=])-?\d+(?= |$)/g, '#');
  return `type ${typeId} ${text} ${describeKey(typeId, key)}`;
}

function describeKey(typeId: number, key: Buffer): string {
  if (typeId === CounterType.CLIENT_HEARTBEAT) return '';
  if (typeId === CounterType.LOCAL_SOCKADDR) {
    return key.toString('latin1', 8, 8 + key.readInt32LE(4)).replace(/:\d+$/, ':#');
  }
  const isChannelStatus =
    typeId === CounterType.SEND_CHANNEL_STATUS || typeId === CounterType.RECEIVE_CHANNEL_STATUS;
  const lengthOffset = isChannelStatus ? 0 : 16;
  const channel = key.toString('latin1', lengthOffset + 4, lengthOffset + 4 + key.readInt32LE(lengthOffset));
  return isChannelStatus ? channel : `stream ${key.readInt32LE(12)} ${channel}`;
}
