// hot
/** Streams of one kind that a duty cycle visits at most: a thousand idle ones must not hold up the one that is not. */
export const STREAMS_PER_CYCLE = 64;
/** The same, of more than that, beside those that have their turn for what came for them. */
export const STREAMS_PER_CYCLE_BESIDE = 16;

/**
 * Whose turn it is among the streams of one kind. Up to {@link STREAMS_PER_CYCLE} are all visited in every duty cycle, the
 * first one going round; of more, each cycle visits the next ones.
 *
 * ```
 * const visits = turns.begin(streams.length);
 * for (let i = 0; i < visits; i++) workCount += streams[turns.next()]!.doWork();
 * return turns.end(workCount);
 * ```
 */
export class StreamTurns {
  private count = 0;
  private visits = 0;
  private index = 0;
  /** Visits since the last one that found work. */
  private idleVisits = 0;

  /** Begins a duty cycle over `count` streams, of which `most` are visited if there are more. Returns how many to visit. */
  begin(count: number, most: number = STREAMS_PER_CYCLE): number {
    this.count = count;
    this.visits = count <= STREAMS_PER_CYCLE ? count : most;
    if (this.index >= count) this.index = 0;
    return this.visits;
  }

  /** Index of the stream to visit. */
  next(): number {
    const index = this.index;
    this.index = index + 1 === this.count ? 0 : index + 1;
    return index;
  }

  /**
   * Ends the duty cycle. Returns `workCount`, or 1 when nothing was found but some streams were not visited since there
   * was: it is too early to idle.
   */
  end(workCount: number): number {
    if (this.count <= STREAMS_PER_CYCLE) {
      this.index = this.index + 1 >= this.count ? 0 : this.index + 1;
      return workCount;
    }
    this.idleVisits = workCount > 0 ? 0 : Math.min(this.idleVisits + this.visits, this.count);
    return workCount > 0 || this.idleVisits >= this.count ? workCount : 1;
  }
}
