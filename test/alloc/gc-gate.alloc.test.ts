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
