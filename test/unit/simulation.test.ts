import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from '../sim/plan.ts';
import { SABOTAGES } from '../sim/sabotage.ts';
import { runSeed } from '../sim/simulation.ts';

/** Seeds that a broken driver gets at most until it must have failed. */
const SEEDS_PER_SABOTAGE = 60;

test('should run the same way again for the same seed', async () => {
  for (const seed of [4, 123, 1003]) {
    const first = await runSeed(seed);
    const second = await runSeed(seed);
    assert.equal(first.failure, null);
    assert.ok(first.messagesReceived > 0);
    assert.equal(second.fingerprint, first.fingerprint);
    assert.deepEqual(second.log, first.log);
  }
});

for (const name of Object.keys(SABOTAGES)) {
  test(`should notice a driver with ${name}`, async () => {
    for (let seed = 1; seed <= SEEDS_PER_SABOTAGE; seed++) {
      // Only who dies in the middle of a message has to be unblocked.
      if (name === 'no-unblock' && !planOf(seed).faults.has('client-death')) continue;
      const { failure } = await runSeed(seed, { sabotage: name, progressBoundNs: 3e9 });
      if (failure !== null) return;
    }
    assert.fail(`none of ${SEEDS_PER_SABOTAGE} seeds failed`);
  });
}
