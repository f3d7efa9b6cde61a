/** A thread that counts a datum up and then the word that announces it, until it is told how far to go. */
import { workerData } from 'node:worker_threads';
import { storeRelease } from '../../src/memory/ordered.ts';

const { buffer, count, dataIndex, wordIndex } = workerData as {
  buffer: SharedArrayBuffer;
  count: number;
  dataIndex: number;
  wordIndex: number;
};
const i32 = new Int32Array(buffer);
for (let n = 1; n <= count; n++) {
  i32[dataIndex] = n;
  storeRelease(i32, wordIndex, n);
}
