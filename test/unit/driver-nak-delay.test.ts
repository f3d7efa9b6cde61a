import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FixedNakDelay, MulticastNakDelay } from '../../src/driver/receiver/nak-delay.ts';
import { Prng } from '../../src/util/prng.ts';

const SEED = 7;
const MAX_BACKOFF_NS = 10_000_000;

test('should wait as told for the only receiver', () => {
  const delay = new FixedNakDelay(1000, 100_000);
  delay.choose(false);
  assert.equal(delay.delayNs, 1000);
  delay.choose(true);
  assert.equal(delay.delayNs, 100_000);
});

for (const groupSize of [1, 10, 1000]) {
  test(`should follow the distribution for a group of ${groupSize}`, (t) => {
    t.diagnostic(`seed ${SEED}`);
    const delay = new MulticastNakDelay(new Prng(SEED), groupSize, MAX_BACKOFF_NS);
    const model = new Prng(SEED);
    const lambda = Math.log(groupSize) + 1;
    let early = 0;
    for (let i = 0; i < 10_000; i++) {
      delay.choose(i % 2 === 1);
      // Inverse of the distribution function: F(t) = (e^(lambda t / T) - 1) / (e^lambda - 1).
      const u = model.nextFraction();
      const expected = (MAX_BACKOFF_NS / lambda) * Math.log(1 + u * (Math.exp(lambda) - 1));
      assert.ok(Math.abs(delay.delayNs - expected) <= 2, `u=${u}: ${delay.delayNs} is not ${expected}`);
      assert.ok(delay.delayNs >= -1 && delay.delayNs <= MAX_BACKOFF_NS);
      if (delay.delayNs < MAX_BACKOFF_NS / 2) early++;
    }
    const share = (Math.exp(lambda / 2) - 1) / (Math.exp(lambda) - 1);
    assert.ok(
      Math.abs(early / 10_000 - share) < 0.03,
      `${early} of 10000 came in the first half, not ${share}`,
    );
  });
}
