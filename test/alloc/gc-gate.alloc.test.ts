import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOISE_BYTES, runGcGate } from '../support/gc-gate.ts';

const kept: { value: number }[] = [{ value: 0 }];
let count = 0;

test('a step without garbage passes the gate', () => {
  const words = new Int32Array(16);
  const step = () => {
    words[count & 15] = count;
    count = (count + 1) | 0;
  };
  const result = runGcGate({ warmUpMs: 300, measureMs: 500, step });
  assert.equal(result.collections, 0);
  assert.ok(result.bytesAllocated < NOISE_BYTES, `${result.bytesAllocated} bytes`);
  assert.ok(result.steps > 1000);
});

test('a step that allocates is caught by its collections and its bytes', () => {
  const step = () => {
    kept[0] = { value: count++ };
  };
  const result = runGcGate({ warmUpMs: 300, measureMs: 500, step });
  assert.ok(result.collections > 0);
  assert.ok(
    result.bytesAllocated >= result.steps * 12,
    `${result.bytesAllocated} bytes in ${result.steps} steps`,
  );
});

test('a single object in many steps is caught by its bytes, before any collection', () => {
  let left = 1000;
  const step = () => {
    if (--left === 0) {
      left = 1000;
      kept[0] = { value: count++ };
    }
  };
  const result = runGcGate({ warmUpMs: 300, measureMs: 500, step });
  assert.ok(result.bytesAllocated >= Math.floor(result.steps / 1000) * 12, `${result.bytesAllocated} bytes`);
});

test('what makes garbage once, while something is compiled, is measured again', () => {
  let isFirst = false;
  const step = () => {
    count = (count + 1) | 0;
    if (!isFirst) return;
    isFirst = false;
    compileSomething();
    kept[0] = { value: Buffer.alloc(8).length };
  };
  const beforeMeasuring = () => {
    isFirst = true;
  };
  const result = runGcGate({ warmUpMs: 300, measureMs: 500, step, beforeMeasuring });
  assert.equal(isFirst, false);
  assert.equal(result.collections, 0);
  assert.ok(result.bytesAllocated < NOISE_BYTES, `${result.bytesAllocated} bytes`);
});

test('what is compiled again and again is not spared', () => {
  const step = () => {
    compileSomething();
  };
  const result = runGcGate({ warmUpMs: 300, measureMs: 500, step });
  assert.ok(result.bytesAllocated > NOISE_BYTES, `${result.bytesAllocated} bytes in ${result.steps} steps`);
});

/** Makes a function and calls it until it is compiled, and then with what it was not compiled for: doubles, boxed. */
function compileSomething(): void {
  const sum = new Function('a', 'b', 'return a + b;') as (a: number, b: number) => number;
  for (let i = 0; i < 200_000; i++) sum(i, 1);
  for (let i = 0; i < 10_000; i++) kept[0] = { value: sum(i + 0.5, 1) };
}
