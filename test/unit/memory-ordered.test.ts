import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadAcquire } from '../../src/memory/ordered.ts';

/** Words on cache lines of their own. */
const DATA_INDEX = 0;
const WORD_INDEX = 64;
const STOP_INDEX = 128;
/** Looks that the test ends after, or when the time is over: two threads on one processor take turns, and look rarely. */
const LOOKS_MAX = 1_000_000;
const TIME_MAX_MS = 2_000;

/** Nothing but the load is in this loop: an engine that moved it out would spin for ever. */
function spinUntilChanged(i32: Int32Array, index: number, from: number): number {
  let word = loadAcquire(i32, index);
  while (word === from) word = loadAcquire(i32, index);
  return word;
}

test('a loop sees the stores of another thread, and with each what was stored before', {
  timeout: 60_000,
}, async () => {
  const buffer = new SharedArrayBuffer(1024);
  const i32 = new Int32Array(buffer);
  const worker = new Worker(new URL('../support/ordered-writer.js', import.meta.url), {
    workerData: { buffer, dataIndex: DATA_INDEX, wordIndex: WORD_INDEX, stopIndex: STOP_INDEX },
  });
  await new Promise((resolve) => worker.once('online', resolve));
  const endMs = performance.now() + TIME_MAX_MS;
  let seen = 0;
  let looks = 0;
  let stale = 0;
  while (looks < LOOKS_MAX && (looks % 64 !== 0 || performance.now() < endMs)) {
    const word = spinUntilChanged(i32, WORD_INDEX, seen);
    const data = loadAcquire(i32, DATA_INDEX);
    if (((data - word) | 0) < 0) stale++;
    seen = word;
    looks++;
  }
  Atomics.store(i32, STOP_INDEX, 1);
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(stale, 0, `${stale} of ${looks} looks found the word before what it announces`);
});
