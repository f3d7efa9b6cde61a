// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { CubicSpec } from '../messages.ts';
import type { CongestionControl } from './congestion-control.ts';

/** Frames that may be under way at first. */
const INITIAL_WINDOW = 10;
/** A round trip is measured again after so many of them. */
const MEASUREMENT_ROUND_TRIPS = 4;
const NS_PER_SECOND = 1e9;
/** C and β of the paper: how steep the curve is, and what share of the window a loss costs. */
const SCALE = 0.4;
const DECREASE = 0.2;

/**
 * CUBIC (Ha, Rhee, Xu: "CUBIC: A New TCP-Friendly High-Speed TCP Variant", 2008), on the receiver's side. The window is
 * counted in frames of the sender's MTU. A loss cuts it by a fifth; from then on it grows along a cubic curve that is flat
 * where the window was when the loss came.
 *
 * ```
 *   W(t) = C (t - K)³ + Wmax     K = ∛(Wmax β / C)
 * ```
 */
export class CubicCongestionControl implements CongestionControl {
  windowLength: number;
  private readonly clock: Clock;
  private readonly mtu: number;
  private readonly windowMax: number;
  private readonly isTcpFriendly: boolean;
  private readonly measuresRtt: boolean;
  private readonly initialRttNs: number;
  private readonly rttCounter: AtomicCounter;
  private readonly windowCounter: AtomicCounter;
  /** Frames: now, and when the last loss came. */
  private window: number;
  private windowAtLoss: number;
  /** Seconds from a loss until the window is what it was. */
  private k = Number.NaN;
  private rttNs = Number.NaN;
  private timeOfLastLossNs = Number.NaN;
  private timeOfLastUpdateNs = Number.NaN;
  private timeOfLastMeasurementNs = Number.NaN;

  /** `windowLengthMax` is the receiver window of the image in bytes, `mtu` the sender's. */
  constructor(
    clock: Clock,
    spec: CubicSpec,
    mtu: number,
    windowLengthMax: number,
    rttCounter: AtomicCounter,
    windowCounter: AtomicCounter,
  ) {
    this.clock = clock;
    this.mtu = mtu;
    this.isTcpFriendly = spec.isTcpFriendly;
    this.measuresRtt = spec.measuresRtt;
    this.initialRttNs = spec.initialRttNs;
    this.rttCounter = rttCounter;
    this.windowCounter = windowCounter;
    this.windowMax = Math.max(1, Math.floor(windowLengthMax / mtu));
    this.window = Math.min(INITIAL_WINDOW, this.windowMax);
    this.windowAtLoss = this.windowMax;
    this.k = Math.cbrt((this.windowAtLoss * DECREASE) / SCALE);
    this.rttNs = spec.initialRttNs;
    this.timeOfLastLossNs = clock.nanoTime;
    this.timeOfLastUpdateNs = clock.nanoTime;
    this.timeOfLastMeasurementNs = 0;
    this.windowLength = this.window * mtu;
    rttCounter.set(0);
    windowCounter.set(this.windowLength);
  }

  onCycle(hasConsumed: boolean, isLossFound: boolean): boolean {
    if (isLossFound) {
      this.shrink();
      return true;
    }
    if (this.window < this.windowMax && this.clock.nanoTime > this.timeOfLastUpdateNs + this.initialRttNs) {
      this.grow();
      return false;
    }
    // A window of one frame would else wait for a quarter of it to be consumed.
    return this.window === 1 && hasConsumed;
  }

  private shrink(): void {
    this.windowAtLoss = this.window;
    this.k = Math.cbrt((this.windowAtLoss * DECREASE) / SCALE);
    this.timeOfLastLossNs = this.clock.nanoTime;
    this.setWindow(Math.max(1, Math.floor(this.window * (1 - DECREASE))));
  }

  private grow(): void {
    const seconds = (this.clock.nanoTime - this.timeOfLastLossNs) / NS_PER_SECOND;
    const fromK = seconds - this.k;
    const growth = Math.trunc(SCALE * fromK * fromK * fromK);
    let window = Math.min(this.windowMax, this.windowAtLoss + growth);
    if (this.isTcpFriendly && window < this.windowAtLoss) {
      const roundTrips = seconds / (this.rttNs / NS_PER_SECOND);
      const tcpWindow = this.windowAtLoss * (1 - DECREASE) + ((3 * DECREASE) / (2 - DECREASE)) * roundTrips;
      window = Math.max(window, Math.min(this.windowMax, Math.trunc(tcpWindow)));
    }
    this.timeOfLastUpdateNs = this.clock.nanoTime;
    this.setWindow(Math.max(1, window));
  }

  private setWindow(window: number): void {
    if (window === this.window) return;
    this.window = window;
    this.windowLength = window * this.mtu;
    this.windowCounter.set(this.windowLength);
  }

  isMeasurementDue(): boolean {
    if (!this.measuresRtt) return false;
    const intervalNs = MEASUREMENT_ROUND_TRIPS * Math.max(this.rttNs, this.initialRttNs);
    if (this.clock.nanoTime <= this.timeOfLastMeasurementNs + intervalNs) return false;
    this.timeOfLastMeasurementNs = this.clock.nanoTime;
    return true;
  }

  onMeasurement(rttNs: number): void {
    this.timeOfLastMeasurementNs = this.clock.nanoTime;
    // Two frames may come within one reading of the clock; the curve divides by it.
    this.rttNs = Math.max(1, rttNs);
    this.rttCounter.set(rttNs);
  }
}
