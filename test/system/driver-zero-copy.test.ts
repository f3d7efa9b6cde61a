/** Drivers at the two ends of a DPDK wire, one of which sends its messages from where they lie in its logs. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { startDriver } from '../interop/drivers.ts';
import { exchange } from '../interop/exchange.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { until } from '../support/until.ts';

const ADDRESSES = { a: '10.9.0.1', b: '10.9.0.2' };
const COUNT = 100_000;
/** A client's look at a counter that the driver brings up to date once a timer interval. */

async function startSide(
  t: TestContext,
  role: 'a' | 'b',
  socketPath: string,
): ReturnType<typeof startDriver> {
  return startDriver(t, 'ours', {
    properties: {
      'aeron.dpdk.local.ipv4.address': `${ADDRESSES[role]}/24`,
      'aeron.dpdk.tx.zero.copy.threshold': '256',
      'aeron.timer.interval': '20ms',
      'aeron.publication.linger.timeout': '100ms',
    },
    ealArguments: sharedMemoryWire({ role, socketPath, useHugepages: false }).ealArguments,
  });
}

function portCounter(aeron: Aeron, typeId: number): number {
  let value = Number.NaN;
  aeron.countersReader.forEach((counter) => {
    if (counter.typeId === typeId) value = counter.value;
  });
  return value;
}

test('messages are sent from their log where the port can read it, and copied where it cannot', {
  skip: SKIP_WITHOUT_DPDK,
}, async (t) => {
  const folder = mkdtempSync('/dev/shm/bypass-wire-');
  t.after(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'wire.sock');
  const starting = startSide(t, 'a', socketPath);
  await until(() => existsSync(socketPath), 'the wire');
  const [a, b] = await Promise.all([starting, startSide(t, 'b', socketPath)]);

  const streams = [
    { from: b, to: a, endpoint: `${ADDRESSES.a}:24800`, isLent: true },
    // net_virtio_user: its other end reaches no memory but DPDK's own.
    { from: a, to: b, endpoint: `${ADDRESSES.b}:24801`, isLent: false },
  ];
  for (const { from, to, endpoint, isLent } of streams) {
    const aeron = await Aeron.connect({ directory: from.directory });
    const mapped = (): number => aeron.countersReader.value(SystemCounter.BYTES_CURRENTLY_MAPPED);
    const before = mapped();
    const channel = `aeron:udp?endpoint=${endpoint}`;
    await exchange(t, {
      publishers: [{ party: 'ours', driver: from, channel }],
      subscriber: { party: 'ours', driver: to, channel },
      count: COUNT,
    });
    const sent = (): number => portCounter(aeron, CounterType.DPDK_TX_ZERO_COPY);
    if (isLent) await until(() => sent() > COUNT / 10, 'frames from the log');
    else assert.equal(sent(), 0);
    await until(() => mapped() === before, 'the end of the log');
    await aeron.close();
  }
});
