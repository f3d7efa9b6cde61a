import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/util/prng.ts';

const SEEDS = [0, 1, -1, 7041, 0x7fffffff, -0x80000000];

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) => {
    const prng = new Prng(seed);
    return Array.from({ length: 100 }, () => prng.next());
  };
  for (const seed of SEEDS) {
    assert.deepEqual(draw(seed), draw(seed));
    assert.notDeepEqual(draw(seed), draw(seed + 1));
  }
});

test('every bit is set half of the time', () => {
  for (const seed of SEEDS) {
    const prng = new Prng(seed);
    const counts = new Array<number>(32).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const bits = prng.next();
      for (let bit = 0; bit < 32; bit++) counts[bit]! += (bits >>> bit) & 1;
    }
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `seed ${seed}: ${count} of 20000`);
  }
});

test('integers below a bound cover it evenly and never reach it', () => {
  for (const seed of SEEDS) {
    const prng = new Prng(seed);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) counts[prng.nextBelow(10)]!++;
    for (const count of counts) assert.ok(Math.abs(count - 2000) < 300, `seed ${seed}: ${count} of 2000`);
    assert.equal(counts.length, 10);
  }
});

test('fractions are at least 0 and below 1', () => {
  const prng = new Prng(5);
  for (let i = 0; i < 10_000; i++) {
    const fraction = prng.nextFraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});
