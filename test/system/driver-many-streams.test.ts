/** A thousand streams of a hundred clients on one driver: they start, run and stop, and nothing is left. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aeron } from '../../src/client/aeron.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { startDriver } from '../interop/drivers.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';

const CLIENTS = 100;
const STREAMS_PER_CLIENT = 10;
const STREAMS = CLIENTS * STREAMS_PER_CLIENT;
const MESSAGES_PER_STREAM = 20;
const DEADLINE_MS = 150_000;
/** Busy machines let processes wait, and here a hundred clients share one. */
const PATIENCE = {
  'aeron.client.liveness.timeout': '60s',
  'aeron.publication.unblock.timeout': '90s',
  'aeron.image.liveness.timeout': '2s',
  'aeron.publication.linger.timeout': '1s',
  'aeron.counters.buffer.length': '4m',
};

/** A stream, from one client to the next. */
interface Flow {
  readonly publication: Publication;
  readonly subscription: Subscription;
  sent: number;
  received: number;
}

test('a thousand streams of a hundred clients start, run and stop', async (t) => {
  const driver = await startDriver(t, 'ours', { properties: PATIENCE });
  const cnc = CncFile.map(driver.directory);
  t.after(() => cnc.close());
  const counters = new CountersReader(cnc.countersMetadata, cnc.countersValues);
  const bytesMapped = (): number => counters.value(SystemCounter.BYTES_CURRENTLY_MAPPED);
  const bytesWithoutLogs = bytesMapped();
  const problems: unknown[] = [];
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () =>
      Aeron.connect({
        directory: driver.directory,
        driverTimeoutMs: 60_000,
        errorHandler: (error) => void problems.push(error),
      }),
    ),
  );
  t.after(() => Promise.all(clients.map((client) => client.close())));

  const udp = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}|term-length=64k`;
  const flows = await Promise.all(
    Array.from({ length: STREAMS }, async (_, i): Promise<Flow> => {
      const channel = i % 2 === 0 ? udp : 'aeron:ipc?term-length=64k';
      const [from, to] = [clients[i % CLIENTS]!, clients[(i + 1) % CLIENTS]!];
      const subscription = await to.addSubscription(channel, i);
      const publication = await from.addPublication(channel, i);
      return { publication, subscription, sent: 0, received: 0 };
    }),
  );

  const message = Buffer.alloc(64);
  const startMs = performance.now();
  while (flows.some(({ received }) => received < MESSAGES_PER_STREAM)) {
    assert.ok(performance.now() - startMs < DEADLINE_MS, 'every message comes in time');
    for (const [streamId, flow] of flows.entries()) {
      message.writeInt32LE(streamId, 0);
      message.writeInt32LE(flow.sent, 4);
      if (flow.sent < MESSAGES_PER_STREAM && flow.publication.offer(message) >= 0) flow.sent++;
      flow.subscription.poll((buffer, offset) => {
        assert.equal(buffer.readInt32LE(offset), streamId);
        assert.equal(buffer.readInt32LE(offset + 4), flow.received++);
      }, 10);
    }
    await sleep(0);
  }
  t.diagnostic(`${STREAMS * MESSAGES_PER_STREAM} messages in ${Math.round(performance.now() - startMs)} ms`);
  assert.equal(countersOf(counters, CounterType.SUBSCRIBER_POSITION), STREAMS);
  assert.equal(countersOf(counters, CounterType.CLIENT_HEARTBEAT), CLIENTS);

  await Promise.all(clients.map((client) => client.close()));
  const closedMs = performance.now();
  while (bytesMapped() > bytesWithoutLogs) {
    assert.ok(performance.now() - closedMs < DEADLINE_MS, 'every log goes in time');
    await sleep(100);
  }
  const left: string[] = [];
  counters.forEach(({ typeId, label, ownerId }) => {
    if (typeId !== CounterType.SYSTEM && ownerId !== 0) left.push(label);
  });
  assert.deepEqual(left, []);
  assert.deepEqual(problems, []);
  const errors: string[] = [];
  const { region, offset, length } = cnc.errorLog;
  readErrorLog(region, offset, length, ({ text }) => errors.push(text));
  assert.deepEqual(errors, []);
  const { code } = await driver.process.stop();
  assert.equal(code, 0);
});

function countersOf(counters: CountersReader, typeId: number): number {
  let count = 0;
  counters.forEach((counter) => {
    if (counter.typeId === typeId) count++;
  });
  return count;
}
