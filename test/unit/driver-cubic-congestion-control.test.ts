import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { CubicCongestionControl } from '../../src/driver/congestion/cubic-congestion-control.ts';
import type { CubicSpec } from '../../src/driver/messages.ts';
import { Region } from '../../src/memory/region.ts';
import { Prng } from '../../src/util/prng.ts';

const MTU = 1408;
const MS = 1e6;
const US = 1e3;
const SECOND = 1e9;

class Control {
  readonly clock = new SimulatedClock();
  readonly cubic: CubicCongestionControl;
  private readonly values = Region.allocate(256);
  readonly rtt = new AtomicCounter(this.values, 0, 0);
  readonly window = new AtomicCounter(this.values, 0, 1);

  constructor(windowLength: number, spec: Partial<CubicSpec> = {}) {
    const whole = {
      measuresRtt: false,
      initialRttNs: 100 * US,
      isTcpFriendly: false,
      rttCounterId: 0,
      windowCounterId: 1,
      ...spec,
    };
    this.cubic = new CubicCongestionControl(this.clock, whole, MTU, windowLength, this.rtt, this.window);
  }
}

/** The formula, written down again: window in frames. */
class NaiveCubic {
  window: number;
  private lossWindow: number;
  private lossNs: number;
  private updateNs: number;
  readonly max: number;
  readonly rttNs: number;
  readonly isTcpFriendly: boolean;

  constructor(max: number, nowNs: number, rttNs: number, isTcpFriendly: boolean) {
    this.max = max;
    this.window = Math.min(10, max);
    this.lossWindow = max;
    this.lossNs = nowNs;
    this.updateNs = nowNs;
    this.rttNs = rttNs;
    this.isTcpFriendly = isTcpFriendly;
  }

  cycle(nowNs: number, hasConsumed: boolean, isLoss: boolean): boolean {
    if (isLoss) {
      this.lossWindow = this.window;
      this.window = Math.max(1, Math.floor(0.8 * this.window));
      this.lossNs = nowNs;
      return true;
    }
    if (this.window < this.max && nowNs - this.updateNs > 100 * US) {
      const t = (nowNs - this.lossNs) / SECOND;
      const k = Math.cbrt((this.lossWindow * 0.2) / 0.4);
      this.window = Math.min(this.max, this.lossWindow + Math.trunc(0.4 * (t - k) ** 3));
      if (this.isTcpFriendly && this.window < this.lossWindow) {
        const tcp = this.lossWindow * 0.8 + (0.6 / 1.8) * (t / (this.rttNs / SECOND));
        this.window = Math.min(this.max, Math.max(this.window, Math.trunc(tcp)));
      }
      this.updateNs = nowNs;
      return false;
    }
    return this.window === 1 && hasConsumed;
  }
}

test('should begin with ten frames, or with the window where that is less', () => {
  assert.equal(new Control(128 * 1024).cubic.windowLength, 10 * MTU);
  assert.equal(new Control(4 * MTU).cubic.windowLength, 4 * MTU);
  assert.equal(new Control(MTU).cubic.windowLength, MTU);
  assert.equal(new Control(128 * 1024).window.get(), 10 * MTU);
});

test('should lose a fifth of the window by a loss, and ask for a status message', () => {
  const { cubic, window } = new Control(128 * 1024);
  assert.equal(cubic.onCycle(false, true), true);
  assert.equal(cubic.windowLength, 8 * MTU);
  assert.equal(window.get(), 8 * MTU);
});

test('should not fall below one frame, and force status messages there as bytes are consumed', () => {
  const { cubic } = new Control(128 * 1024);
  for (let i = 0; i < 20; i++) cubic.onCycle(false, true);
  assert.equal(cubic.windowLength, MTU);
  assert.equal(cubic.onCycle(false, false), false);
  assert.equal(cubic.onCycle(true, false), true);
});

test('should be back at the whole window after K seconds, not much sooner', () => {
  const control = new Control(93 * MTU);
  control.clock.advanceNs(20 * SECOND);
  control.cubic.onCycle(false, false);
  assert.equal(control.cubic.windowLength, 93 * MTU);
  control.cubic.onCycle(false, true);
  const kSeconds = Math.cbrt((93 * 0.2) / 0.4);
  control.clock.advanceNs(0.5 * kSeconds * SECOND);
  control.cubic.onCycle(false, false);
  assert.ok(control.cubic.windowLength < 93 * MTU);
  control.clock.advanceNs((0.5 * kSeconds + 0.001) * SECOND);
  control.cubic.onCycle(false, false);
  assert.equal(control.cubic.windowLength, 93 * MTU);
});

for (const isTcpFriendly of [false, true]) {
  test(`should do what the formula says${isTcpFriendly ? ', at least as fast as TCP' : ''}`, () => {
    const seed = (Math.random() * 2 ** 31) | 0;
    const prng = new Prng(seed);
    for (let run = 0; run < 50; run++) {
      const max = 1 + prng.nextBelow(200);
      const rttNs = (10 + prng.nextBelow(100_000)) * US;
      const { cubic, clock } = new Control(max * MTU + prng.nextBelow(MTU), { isTcpFriendly });
      cubic.onMeasurement(rttNs);
      const naive = new NaiveCubic(max, clock.nanoTime, rttNs, isTcpFriendly);
      for (let i = 0; i < 400; i++) {
        clock.advanceNs(prng.nextBelow(50) === 0 ? prng.nextBelow(2000) * MS : prng.nextBelow(300) * US);
        const hasConsumed = prng.nextBelow(2) === 0;
        const isLoss = prng.nextBelow(40) === 0;
        const about = `seed ${seed}, run ${run}, step ${i}`;
        assert.equal(
          cubic.onCycle(hasConsumed, isLoss),
          naive.cycle(clock.nanoTime, hasConsumed, isLoss),
          about,
        );
        assert.equal(cubic.windowLength, naive.window * MTU, about);
      }
    }
  });
}

test('should measure at once, and again after four round trips', () => {
  const { cubic, clock, rtt } = new Control(128 * 1024, { measuresRtt: true });
  assert.equal(cubic.isMeasurementDue(), true);
  assert.equal(cubic.isMeasurementDue(), false);
  clock.advanceNs(2 * MS);
  cubic.onMeasurement(2 * MS);
  assert.equal(rtt.get(), 2 * MS);
  clock.advanceNs(8 * MS);
  assert.equal(cubic.isMeasurementDue(), false);
  clock.advanceNs(1);
  assert.equal(cubic.isMeasurementDue(), true);
});

test('should not measure unless it is told to', () => {
  assert.equal(new Control(128 * 1024).cubic.isMeasurementDue(), false);
});
