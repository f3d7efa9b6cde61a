import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadAcquire } from '../../src/memory/ordered.ts';

/** Words on cache lines of their own. */
const DATA_INDEX = 0;
const WORD_INDEX = 64;
const COUNT = 20_000_000;

/** Nothing but the load is in this loop: an engine that moved it out would spin for ever. */
function spinUntilChanged(i32: Int32Array, index: number, from: number): number {
  let word = loadAcquire(i32, index);
  while (word === from) word = loadAcquire(i32, index);
  return word;
}

test('a loop sees the stores of another thread, and with each what was stored before it', {
  timeout: 60_000,
}, async () => {
  const buffer = new SharedArrayBuffer(1024);
  const i32 = new Int32Array(buffer);
  const worker = new Worker(new URL('../support/ordered-writer.js', import.meta.url), {
    workerData: { buffer, count: COUNT, dataIndex: DATA_INDEX, wordIndex: WORD_INDEX },
  });
  await new Promise((resolve) => worker.once('online', resolve));
  let seen = 0;
  let looks = 0;
  let stale = 0;
  while (seen < COUNT) {
    const word = spinUntilChanged(i32, WORD_INDEX, seen);
    const data = loadAcquire(i32, DATA_INDEX);
    if (data < word || word < seen) stale++;
    seen = word;
    looks++;
  }
  await worker.terminate();
  assert.equal(stale, 0, `${stale} of ${looks} looks found the word before what it announces`);
  assert.ok(looks > 1000, `the threads ran side by side: ${looks} looks`);
});
