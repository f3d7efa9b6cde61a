import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConductorBench, type TestClock } from '../support/conductor-bench.ts';
import { NOISE_BYTES, runGcGate } from '../support/gc-gate.ts';

/** Goes on by itself, and never to an integer: V8 stores those in another way. */
class TickingClock implements TestClock {
  nanoTime = 0.5;
  epochMs = 0.5;

  update(): void {
    this.nanoTime += 1.5;
  }

  readEpochNs(): void {}

  advanceNs(ns: number): void {
    this.nanoTime += ns;
  }
}

test('should make no garbage in a cycle without work', (t) => {
  const bench = new ConductorBench(t, {}, 65_504, new TickingClock());
  bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:ipc' });
  bench.call({ type: 'addPublication', streamId: 10, channel: 'aeron:udp?endpoint=127.0.0.1:24325' });
  bench.network.commands.length = 0;
  const { conductor } = bench;
  const { collections, bytesAllocated, steps } = runGcGate({
    warmUpMs: 300,
    measureMs: 500,
    step: () => {
      conductor.doWork();
    },
  });
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < NOISE_BYTES, `${bytesAllocated} bytes in ${steps} cycles`);
});
