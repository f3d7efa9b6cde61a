/** Decides, for one image, how many bytes its sender may send beyond what was consumed: the receiver window. */
export interface CongestionControl {
  /** Bytes. Changed by {@link onCycle} alone, never more than the receiver window of the image. */
  readonly windowLength: number;
  /**
   * Once in a duty cycle of the image. `hasConsumed` says whether subscribers have moved on since the last status message,
   * `isLossFound` whether a gap was found. Returns whether a status message is to be sent even when nothing else asks for
   * one.
   */
  onCycle(hasConsumed: boolean, isLossFound: boolean): boolean;
  /** Whether it is time to measure the round trip time; then the next time is set. */
  isMeasurementDue(): boolean;
  /** An answer to a measurement came. `rttNs` is not negative. */
  onMeasurement(rttNs: number): void;
}
