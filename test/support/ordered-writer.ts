/** A thread that counts a datum up and then the word that announces it, until it is told to stop. */
import { workerData } from 'node:worker_threads';
import { storeRelease } from '../../src/memory/ordered.ts';

const { buffer, dataIndex, wordIndex, stopIndex } = workerData as {
  buffer: SharedArrayBuffer;
  dataIndex: number;
  wordIndex: number;
  stopIndex: number;
};
const i32 = new Int32Array(buffer);
for (let n = 1; Atomics.load(i32, stopIndex) === 0; n = (n + 1) | 0) {
  i32[dataIndex] = n;
  storeRelease(i32, wordIndex, n);
}
