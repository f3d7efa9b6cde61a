import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RxInterruptIdleStrategy } from '../../src/driver/rx-interrupt-idle-strategy.ts';

class FakeWaiter {
  readonly sleepsUs: number[] = [];
  comes = false;

  waitForFrame(timeoutUs: number): boolean {
    this.sleepsUs.push(timeoutUs);
    return this.comes;
  }
}

/** Idle cycles until the strategy sleeps. */
function cyclesToSleep(strategy: RxInterruptIdleStrategy, waiter: FakeWaiter): number {
  const before = waiter.sleepsUs.length;
  let cycles = 0;
  while (waiter.sleepsUs.length === before) {
    strategy.idle(0);
    cycles++;
    assert.ok(cycles < 100_000);
  }
  return cycles;
}

test('who idles spins and pauses first, then sleeps until a frame comes or the time is up', () => {
  const waiter = new FakeWaiter();
  const strategy = new RxInterruptIdleStrategy(waiter, 250_000);
  const first = cyclesToSleep(strategy, waiter);
  assert.ok(first > 1000);
  assert.equal(cyclesToSleep(strategy, waiter), 1, 'time was up: it looks around once, and sleeps again');
  waiter.comes = true;
  assert.equal(cyclesToSleep(strategy, waiter), 1);
  assert.equal(cyclesToSleep(strategy, waiter), first, 'a frame came: there may be more');
  strategy.idle(1);
  assert.equal(cyclesToSleep(strategy, waiter), first, 'work ends a rest');
  assert.deepEqual(new Set(waiter.sleepsUs), new Set([250]));
});
