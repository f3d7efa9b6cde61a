import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { AppendingWorkerData } from '../support/appending-worker.ts';
import { CheckedMessageVerifier } from '../support/checked-message.ts';
import { TestLog } from '../support/client-logs.ts';

const PRODUCERS = 2;
const COUNT = 50_000;
const DEADLINE_MS = 60_000;

test('threads that append to one log at once lose, repeat and mix up nothing', async () => {
  const log = new TestLog({ termLength: 65_536, initialTermId: 2_147_483_640 });
  const stream = { seed: 20_240_607, maxLength: 4_000 };
  const verifier = new CheckedMessageVerifier(stream, PRODUCERS, COUNT);
  const workers: Worker[] = [];
  try {
    for (let producer = 0; producer < PRODUCERS; producer++) {
      const workerData: AppendingWorkerData = {
        logPath: log.path,
        counters: log.counters.buffer,
        countersHandle: log.counters.handle,
        ...stream,
        producer,
        count: COUNT,
      };
      workers.push(new Worker(new URL('../support/appending-worker.js', import.meta.url), { workerData }));
    }
    const failed = Promise.race(
      workers.map(async (worker) => {
        const [error] = await once(worker, 'error');
        throw error;
      }),
    );
    failed.catch(() => {});
    const exits = Promise.all(workers.map((worker) => once(worker, 'exit')));
    const image = log.image();
    const assembler = new FragmentAssembler((buffer, offset, length) => {
      verifier.onMessage(new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), offset, length);
    });
    const turn = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) {
        image.poll(assembler.handler, 50);
        log.advanceLimit();
      }
      await new Promise((resolve) => setImmediate(resolve));
    };
    const until = performance.now() + DEADLINE_MS;
    while (!verifier.isComplete && performance.now() < until) await Promise.race([turn(), failed]);
    assert.ok(verifier.isComplete, `after ${DEADLINE_MS} ms: ${JSON.stringify(verifier.summary())}`);
    await Promise.race([exits, failed]);
    for (let i = 0; i < 10; i++) await turn();
    verifier.finish();
    const received = PRODUCERS * COUNT;
    assert.deepEqual(verifier.summary(), { received, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 });
    assert.equal(image.position, log.log.producerPosition());
    assert.deepEqual(log.malformed, []);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    log.close();
  }
});
