// hot
import type { Prng } from '../../util/prng.ts';

/**
 * How long to wait with a NAK. The time is left in a field: as a result it would be boxed.
 * Implementations: {@link FixedNakDelay}, {@link MulticastNakDelay}.
 */
export interface NakDelay {
  /** Set by {@link choose}. */
  readonly delayNs: number;
  /** Chooses for the first NAK of a gap, or for one that repeats it. */
  choose(isRetry: boolean): void;
}

/** For a stream with one receiver, which alone can ask. */
export class FixedNakDelay implements NakDelay {
  delayNs: number = Number.NaN;
  private readonly firstDelayNs: number;
  private readonly retryDelayNs: number;

  constructor(firstDelayNs: number, retryDelayNs: number) {
    this.firstDelayNs = firstDelayNs;
    this.retryDelayNs = retryDelayNs;
  }

  choose(isRetry: boolean): void {
    this.delayNs = isRetry ? this.retryDelayNs : this.firstDelayNs;
  }
}

/**
 * For a stream with several receivers, which are likely to miss the same datagrams: exponentially distributed, so that few
 * of them ask early and the retransmission reaches the others before their turn. (Nonnenmacher and Biersack, "Optimal
 * multicast feedback", 1998.)
 */
export class MulticastNakDelay implements NakDelay {
  delayNs: number = Number.NaN;
  private readonly prng: Prng;
  private readonly randomMax: number;
  private readonly baseX: number;
  private readonly constantT: number;
  private readonly factorT: number;

  /** `groupSize`: receivers that there are thought to be, 1 or more; `maxBackoffNs`: the longest delay. */
  constructor(prng: Prng, groupSize: number, maxBackoffNs: number) {
    const lambda = Math.log(groupSize) + 1;
    const growth = Math.exp(lambda) - 1;
    this.prng = prng;
    this.randomMax = lambda / maxBackoffNs;
    this.baseX = lambda / (maxBackoffNs * growth);
    this.constantT = maxBackoffNs / lambda;
    this.factorT = growth * this.constantT;
  }

  choose(_isRetry: boolean): void {
    const x = this.prng.nextFraction() * this.randomMax + this.baseX;
    this.delayNs = Math.floor(this.constantT * Math.log(x * this.factorT));
  }
}
