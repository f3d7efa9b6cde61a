import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';

const MESSAGES = 1000;

/** The CPUs that each thread of this process may run on, by the thread's name. */
function threads(): Map<string, string> {
  return new Map(
    readdirSync('/proc/self/task').map((id) => {
      const status = readFileSync(`/proc/self/task/${id}/status`, 'utf8');
      const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!;
      return [field('Name'), field('Cpus_allowed_list')];
    }),
  );
}

test('should send and receive in threads of their own, on the CPUs they are given', async (t) => {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  const cpu = Number(/\d+/.exec(threads().get('node') ?? [...threads().values()][0]!)![0]);
  const driver = await MediaDriver.launch({
    dir: join(folder, 'aeron'),
    threadingMode: 'DEDICATED',
    transport: 'kernel',
    receiverCpuAffinity: cpu,
  });
  t.after(() => driver.close());
  const found = threads();
  assert.ok(found.has('aeron-sender'));
  assert.equal(found.get('aeron-receiver'), String(cpu));

  const aeron = await Aeron.connect({ directory: driver.directory });
  for (const channel of [`aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`, 'aeron:ipc']) {
    const subscription = await aeron.addSubscription(channel, 1001);
    const publication = await aeron.addPublication(channel, 1001);
    for (let i = 0; i < MESSAGES; i++) await publication.send(`message ${i}`);
    let next = 0;
    for await (const message of subscription) {
      assert.equal(message.toString(), `message ${next}`);
      if (++next === MESSAGES) break;
    }
    await publication.close();
    await subscription.close();
  }
  const value = (label: string): number => {
    let result = -1;
    aeron.countersReader.forEach((counter) => {
      if (counter.label === label) result = counter.value;
    });
    return result;
  };
  const deadlineMs = performance.now() + 5_000;
  while (value('Status Messages received') <= 0 || value('Bytes received') <= 0) {
    assert.ok(performance.now() < deadlineMs, 'what the threads count is added up');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await aeron.close();
});
