import { CounterType, SYSTEM_COUNTERS } from '../cnc/counter-types.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import { COUNTER_VALUE_LENGTH } from '../concurrent/counters.ts';
import { Region } from '../memory/region.ts';
import { type HandOverConfig, HandOverRings } from '../transport/bypass/hand-over.ts';
import { CYCLE_TIME_COUNTERS, SHARED_SYSTEM_COUNTERS } from './agent-counters.ts';
import type { DriverFiles } from './driver-files.ts';
import type { AgentPlace } from './messages.ts';
import { TRAFFIC } from './traffic-counters.ts';

const NO_OWNER = -1;

/** What network agents of one driver share, beside files and wire: made before they start, closed after they ended. */
export class AgentSharing {
  readonly count: number;
  private readonly rings: HandOverRings;
  private readonly lossReportTail: SharedArrayBuffer = new SharedArrayBuffer(4);
  /** A counter has one writer, so each agent counts for itself. */
  private readonly systemCounters: readonly Region[];
  private readonly trafficCounterIds: readonly number[][];
  private readonly sums: readonly AtomicCounter[];
  private readonly parts: readonly AtomicCounter[][];

  /** Agents whose traffic is the same as the driver's, one way each, have no counters of their own for it. */
  constructor(count: number, { counters, systemCounter }: DriverFiles, countsTraffic = true) {
    const agents = Array.from({ length: count }, (_, index) => index);
    this.count = count;
    this.rings = new HandOverRings(count);
    this.systemCounters = agents.map(() => Region.allocate(SYSTEM_COUNTERS.length * COUNTER_VALUE_LENGTH));
    this.sums = SHARED_SYSTEM_COUNTERS.map(systemCounter);
    this.parts = SHARED_SYSTEM_COUNTERS.map((id) =>
      this.systemCounters.map((region) => new AtomicCounter(region, 0, id)),
    );
    this.trafficCounterIds = agents.map((index) =>
      (countsTraffic ? TRAFFIC : []).map((what) =>
        counters.allocate({
          typeId: CounterType.NETWORK_AGENT,
          label: `network agent ${index}: ${what}`,
          registrationId: index,
          ownerId: NO_OWNER,
        }),
      ),
    );
  }

  place(index: number): AgentPlace {
    const { buffer, handle } = this.systemCounters[index]!;
    return {
      index,
      count: this.count,
      systemCounters: { buffer, handle },
      lossReportTail: this.lossReportTail,
      trafficCounterIds: this.trafficCounterIds[index]!,
    };
  }

  handOver(index: number): HandOverConfig {
    return this.rings.configOf(index);
  }

  /** Brings the driver's system counters up to date with what the agents counted. */
  sumUp(): void {
    for (let i = 0; i < this.sums.length; i++) {
      const parts = this.parts[i]!;
      const isMaximum = CYCLE_TIME_COUNTERS.includes(SHARED_SYSTEM_COUNTERS[i]!);
      let sum = 0;
      for (let k = 0; k < parts.length; k++) {
        const part = parts[k]!.getVolatile();
        sum = isMaximum ? Math.max(sum, part) : sum + part;
      }
      this.sums[i]!.set(sum);
    }
  }

  close(): void {
    this.sumUp();
    this.rings.close();
    for (const region of this.systemCounters) region.close();
  }
}
