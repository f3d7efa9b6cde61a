import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { getPosition, getPositionVolatile, setPositionRelease } from '../../src/memory/position.ts';
import { Region } from '../../src/memory/region.ts';

const region = Region.allocate(256);
const { i32, b64, view } = region;

/** Numbers everywhere, and around the multiples of 2^31 and 2^32 where halves carry. */
const values = fc.oneof(
  fc.maxSafeInteger(),
  fc
    .tuple(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -3, max: 3 }))
    .map(([halves, near]) => halves * 2 ** 31 + near),
);

test('a word reads as the number that was stored, one after another', () => {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 10 }), (list) => {
      for (const value of list) {
        setPositionRelease(i32, b64, 2, value);
        assert.equal(view.getBigInt64(8, true), BigInt(value));
        assert.equal(getPosition(i32, 2), value);
        assert.equal(getPositionVolatile(i32, 2), value);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a counter adds up like a number', () => {
  const counter = new AtomicCounter(region, 0, 1);
  const amounts = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)),
  );
  const starts = values.filter((value) => Math.abs(value) < 2 ** 52);
  fc.assert(
    fc.property(starts, fc.array(amounts, { maxLength: 20 }), (start, list) => {
      let sum = start;
      counter.set(start);
      for (const amount of list) {
        sum += amount;
        counter.add(amount);
        assert.equal(counter.getVolatile(), sum);
      }
      counter.increment();
      assert.equal(counter.get(), sum + 1);
    }),
    { numRuns: 3000 },
  );
});
