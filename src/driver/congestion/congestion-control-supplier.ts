import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { CubicSpec } from '../messages.ts';
import type { CongestionControl } from './congestion-control.ts';
import { CubicCongestionControl } from './cubic-congestion-control.ts';

/** The image that congestion control is made for. */
export interface CongestedStream {
  readonly clock: Clock;
  readonly sessionId: number;
  readonly streamId: number;
  readonly termLength: number;
  readonly mtu: number;
  /** The receiver window in bytes: the most that senders may be told. */
  readonly windowLength: number;
  /** Of `cubic`. */
  readonly congestion?: CubicSpec;
  counter(id: number): AtomicCounter;
}

/** Makes what changes the receiver window of one image; null: nothing does. */
export type CongestionControlSupplier = (stream: CongestedStream) => CongestionControl | null;

/** Those the driver brings along. */
export const CONGESTION_CONTROL: Readonly<Record<string, CongestionControlSupplier>> = {
  static: () => null,
  cubic: ({ clock, congestion, mtu, windowLength, counter }) => {
    const { rttCounterId, windowCounterId } = congestion!;
    return new CubicCongestionControl(
      clock,
      congestion!,
      mtu,
      windowLength,
      counter(rttCounterId),
      counter(windowCounterId),
    );
  },
};
