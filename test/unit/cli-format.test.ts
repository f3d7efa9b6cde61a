import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatCount, formatNs, formatRate } from '../../src/cli/format.ts';

test('should choose the unit and show three digits', () => {
  const cases: [number, string][] = [
    [0, '0 ns'],
    [0.4, '0 ns'],
    [999, '999 ns'],
    [1000, '1.00 µs'],
    [9_994, '9.99 µs'],
    [9_996, '10.0 µs'],
    [99_960, '100 µs'],
    [999_600, '1000 µs'],
    [1_250_000, '1.25 ms'],
    [61e9, '61.0 s'],
  ];
  for (const [ns, text] of cases) assert.equal(formatNs(ns), text);
});

test('should name bytes, rates and counts', () => {
  assert.equal(formatBytes(200_000_000), '200 MB');
  assert.equal(formatRate(1_250_000), '1.25 M');
  assert.equal(formatRate(12), '12');
  assert.equal(formatCount(1_234_567.4), '1,234,567');
});
