// hot
import type { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';

/** What is counted of each network agent, where there are several: the names in counters' labels, by index. */
export const TRAFFIC: readonly string[] = [
  'datagrams sent',
  'datagrams received',
  'datagrams handed over to other agents',
  'hand-overs dropped',
];

/** Shows what went over one network agent's queues, for operators to see whether the load is shared out well. */
export class TrafficCounters {
  private readonly statistics: TransportStatistics;
  private readonly counters: readonly AtomicCounter[];

  /** `counters` are in the order of {@link TRAFFIC}. */
  constructor(statistics: TransportStatistics, counters: readonly AtomicCounter[]) {
    this.statistics = statistics;
    this.counters = counters;
  }

  /** Cold: once a timer interval. */
  update(): void {
    const { statistics, counters } = this;
    counters[0]!.set(statistics.datagramsSent);
    counters[1]!.set(statistics.datagramsReceived);
    counters[2]!.set(statistics.datagramsHandedOver);
    counters[3]!.set(statistics.handOversDropped);
  }
}
