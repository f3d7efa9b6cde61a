/** The benchmark's arithmetic, against the slow and obvious way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fullSpeedMs, mergeHistograms, percentile, spreadOf } from '../../bench/statistics.ts';

const histogram = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 5 })), { maxLength: 12 })
  .map((pairs) => [...new Map(pairs)].sort(([a], [b]) => a - b));

/** Every single value. */
function unfold(pairs: readonly (readonly [number, number])[]): number[] {
  return pairs.flatMap(([ns, count]) => new Array<number>(count).fill(ns)).sort((a, b) => a - b);
}

test('should find the median, the lowest and the highest in any order', () => {
  assert.equal(spreadOf([]), null);
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (figures) => {
      const { median, min, max } = spreadOf(figures)!;
      assert.deepEqual([min, max], [Math.min(...figures), Math.max(...figures)]);
      const below = figures.filter((figure) => figure < median).length;
      const above = figures.filter((figure) => figure > median).length;
      assert.ok(Math.max(below, above) <= figures.length / 2);
    }),
  );
});

test('should take the smallest value that the asked share does not exceed', () => {
  const pairs: [number, number][] = [
    [10, 900],
    [20, 99],
    [30, 1],
  ];
  assert.deepEqual(
    [50, 90, 90.1, 99.9, 99.91, 100].map((percent) => percentile(pairs, percent)),
    [10, 10, 20, 20, 30, 30],
  );
  assert.ok(Number.isNaN(percentile([], 50)));
  fc.assert(
    fc.property(histogram, fc.integer({ min: 1, max: 1000 }), (counts, permille) => {
      fc.pre(counts.length > 0);
      const values = unfold(counts);
      const rank = Math.ceil((permille * values.length) / 1000);
      assert.equal(percentile(counts, permille / 10), values[rank - 1]);
    }),
  );
});

test('should merge histograms as if all values had been recorded in one', () => {
  fc.assert(
    fc.property(fc.array(histogram, { maxLength: 4 }), (histograms) => {
      const merged = mergeHistograms(histograms);
      assert.deepEqual(
        unfold(merged),
        histograms.flatMap(unfold).sort((a, b) => a - b),
      );
      assert.equal(new Set(merged.map(([ns]) => ns)).size, merged.length);
    }),
  );
});

test('should find full speed at the end of the first sample that has the asked share of it', () => {
  assert.equal(fullSpeedMs([10, 50, 89, 90, 100, 100, 100, 100], 100, 0.9), 400);
  assert.equal(fullSpeedMs([100, 100], 100, 0.9), 100);
  assert.ok(Number.isNaN(fullSpeedMs([], 100, 0.9)));
});
