import { CounterType } from '../../cnc/counter-types.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import { timeToLiveOf } from '../../transport/bypass/port-report.ts';
import type { MulticastOptions } from '../../transport/transport.ts';

const AFFINITY = { send: 'SENDER', receive: 'RECEIVER' } as const;

/** Counters of type 76, one for each endpoint that a DPDK port carries: its label says where, its value is 1. */
export class DpdkTransports {
  private readonly counters: CountersManager;
  private hasPort = false;

  constructor(counters: CountersManager) {
    this.counters = counters;
  }

  /** The driver has a DPDK port, which carries every endpoint from now on. */
  onPortOpened(): void {
    this.hasPort = true;
  }

  /** An endpoint is bound to `address`. Returns its counter, to be freed when it closes; -1 without a DPDK port. */
  allocate(
    kind: keyof typeof AFFINITY,
    address: string,
    multicast: MulticastOptions | null,
    registrationId: number,
  ): number {
    if (!this.hasPort) return -1;
    const id = this.counters.allocate({
      typeId: CounterType.DPDK_TRANSPORT,
      label: `DPDK transport: ${AFFINITY[kind]} bind ${address} ttl ${timeToLiveOf(multicast)}`,
      registrationId,
    });
    this.counters.setValue(id, 1);
    return id;
  }
}
