import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed } from '../sim/simulation.ts';

test('should run the same way again for the same seed', async () => {
  for (const seed of [4, 117, 1003]) {
    const first = await runSeed(seed);
    const second = await runSeed(seed);
    assert.equal(first.failure, null);
    assert.ok(first.messagesReceived > 0);
    assert.equal(second.fingerprint, first.fingerprint);
    assert.deepEqual(second.log, first.log);
  }
});
