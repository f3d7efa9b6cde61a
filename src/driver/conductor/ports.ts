import { CounterType } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import { type DpdkAddon, loadDpdk } from '../../native/dpdk-addon.ts';
import { BypassStatistics } from '../../transport/bypass/bypass-statistics.ts';
import type { PortReport } from '../../transport/bypass/port-report.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import type { ConductorContext } from './conductor-context.ts';

const NO_OWNER = -1;

/** What a port has counters for; its value is the sum of these statistics of all its queue pairs. */
interface PortCounter {
  readonly typeId: number;
  /** As the official DPDK driver calls it, where that is known. */
  readonly label: string;
  readonly statistics: readonly string[];
}

function counter(typeId: number, label: string, ...statistics: string[]): PortCounter {
  return { typeId, label, statistics };
}

// biome-ignore format: a table
const PORT_COUNTERS: readonly PortCounter[] = [
  counter(CounterType.DPDK_NOBUFS, 'DPDK TX no buffers', 'device.txNoBuffers'),
  counter(CounterType.DPDK_NOBUFS, 'DPDK RX no buffers', 'device.rxNoBuffers'),
  counter(CounterType.DPDK_TX_EAGAIN, 'DPDK TX EAGAIN', 'device.txBackPressure'),
  counter(CounterType.DPDK_ERROR, 'DPDK TX ERROR', 'device.txErrors'),
  counter(CounterType.DPDK_ERROR, 'DPDK RX ERROR', 'device.rxErrors'),
  counter(CounterType.DPDK_PKTS, 'DPDK TX packets', 'device.txFrames'),
  counter(CounterType.DPDK_PKTS, 'DPDK RX packets', 'device.rxFrames'),
  counter(CounterType.DPDK_BYTES, 'DPDK TX bytes', 'device.txBytes'),
  counter(CounterType.DPDK_BYTES, 'DPDK RX bytes', 'device.rxBytes'),
  counter(CounterType.DPDK_MISSED_PACKETS, 'DPDK RX missed packets', 'device.rxMissed'),
  counter(CounterType.DPDK_ARP_MISS, 'DPDK ARP miss', 'net.txUnresolved', 'net.txUnreachable'),
  // A sender's endpoint is connected; what else reaches one is for it to take or not.
  counter(CounterType.DPDK_RX_SENDER_DISCARD, 'DPDK RX sender discard', 'transport.notConnected'),
  counter(CounterType.DPDK_RX_RECEIVER_DISCARD, 'DPDK RX receiver discard', 'transport.noEndpoint'),
  counter(CounterType.DPDK_QUEUE_DROP_COUNT, 'DPDK queue drop count', 'transport.handOversDropped'),
  counter(CounterType.DPDK_CHECKSUM_FAILURE, 'DPDK RX checksum failure', 'net.ipv4Checksum', 'net.udpChecksumWrong'),
  counter(CounterType.DPDK_FRAGMENTED_PACKETS, 'DPDK RX fragmented packets', 'net.ipv4Fragments'),
  counter(CounterType.DPDK_MEMPOOL_AVAILABLE, 'DPDK mempool available', 'device.poolAvailable'),
  counter(CounterType.DPDK_RX_UNSUPPORTED_ETHERNET_TYPE, 'DPDK RX unsupported ethernet type',
    'net.ethernetTypeUnsupported'),
  counter(CounterType.DPDK_RX_UNSUPPORTED_PROTOCOL, 'DPDK RX unsupported protocol', 'net.ipv4ProtocolUnsupported'),
  counter(CounterType.DPDK_PORT_STATE, 'DPDK link changes', 'net.linkChanges'),
  counter(CounterType.DPDK_PORT_STATE, 'DPDK resets', 'device.resets'),
  counter(CounterType.DPDK_TX_ZERO_COPY, 'DPDK TX packets from logs', 'device.txByReference'),
  counter(CounterType.DPDK_TAP, 'DPDK TAP to kernel', 'transport.tapToKernel'),
  counter(CounterType.DPDK_TAP, 'DPDK TAP from kernel', 'transport.tapFromKernel'),
  counter(CounterType.DPDK_TAP, 'DPDK TAP dropped', 'transport.tapToKernelDropped', 'transport.tapFromKernelDropped'),
];

/** A port and its counters. */
interface Port {
  readonly report: PortReport;
  readonly queues: BypassStatistics[];
  readonly counterIds: readonly number[];
  readonly linkCounterId: number;
  readonly extended: Float64Array;
  readonly extendedCounterIds: readonly number[];
  isLinkUp: boolean;
  resets: number;
}

/**
 * The DPDK ports of the driver, for operators: counters with the ids of the official DPDK driver, brought up to date with
 * what network agents count in shared memory, and a line in the error log when a link goes or a card had to be reset.
 */
export class Ports {
  private readonly context: Pick<ConductorContext, 'counters' | 'errors' | 'options'>;
  private readonly ports: Port[] = [];
  private dpdk: DpdkAddon | null = null;

  constructor(context: Pick<ConductorContext, 'counters' | 'errors' | 'options'>) {
    this.context = context;
  }

  /** A network agent has a queue pair of a port. */
  onOpened(report: PortReport): void {
    const statistics = new BypassStatistics(
      new Float64Array(report.net),
      new Float64Array(report.device),
      new Float64Array(report.transport),
    );
    const found = this.ports.find(({ report: { portId } }) => portId === report.portId);
    this.poller(report);
    if (found !== undefined) {
      found.queues.push(statistics);
      return;
    }
    for (const note of report.notes) this.record(report, note);
    const extended = this.extendedOf(report.portId);
    this.ports.push({
      report,
      queues: [statistics],
      counterIds: PORT_COUNTERS.map(({ typeId, label }) => this.allocate(report, typeId, label)),
      linkCounterId: this.portInfo(report),
      extended: new Float64Array(extended.values ?? new SharedArrayBuffer(0)),
      extendedCounterIds: extended.names.map((name) =>
        this.allocate(report, CounterType.DPDK_EXTENDED_STATS, `DPDK ${name}`),
      ),
      isLinkUp: true,
      resets: 0,
    });
  }

  /** Cold: once a timer interval. */
  update(): void {
    for (const port of this.ports) this.updatePort(port);
  }

  private updatePort(port: Port): void {
    const { counters } = this.context;
    const { report, queues, counterIds, extended, extendedCounterIds } = port;
    const counts = queues.map((statistics) => statistics.toObject());
    const sum = (name: string): number => counts.reduce((total, count) => total + count[name]!, 0);
    PORT_COUNTERS.forEach(({ statistics }, i) => {
      const value = statistics.reduce((total, name) => total + sum(name), 0);
      counters.setValue(counterIds[i]!, value);
    });
    this.dpdk?.readExtendedStatistics(report.portId);
    extendedCounterIds.forEach((id, i) => {
      counters.setValue(id, extended[i]!);
    });
    this.watchLink(port, counts[0]!);
  }

  private watchLink(port: Port, first: Readonly<Record<string, number>>): void {
    const { report } = port;
    const resets = first['device.resets']!;
    if (resets > port.resets) this.record(report, 'the card asked to be reset, was, and runs again');
    port.resets = resets;
    // Before the first look at the link there is nothing to say.
    const isLinkUp = first['net.linkUp'] === 1 || (port.isLinkUp && first['net.linkChanges'] === 0);
    if (port.isLinkUp && !isLinkUp) {
      this.record(report, 'link is down: no frame comes or goes until it is up again');
    }
    port.isLinkUp = isLinkUp;
    this.context.counters.setValue(port.linkCounterId, isLinkUp ? 1 : 0);
  }

  /** Its value is 1 while the link is up. */
  private portInfo(report: PortReport): number {
    const { localAddress, mac, queues, rxRingLength, txRingLength, bufferCount } = report;
    return this.allocate(
      report,
      CounterType.DPDK_PORT_INFO,
      `DPDK - local: ${formatIpAddress(localAddress)}/${mac} rx: ${queues}/${rxRingLength} tx: ${queues}/${txRingLength} ` +
        `${bufferCount * queues} mtu: ${report.mtu} ${report.driverName} ${report.offloads.join(' ')}`.trimEnd(),
    );
  }

  private poller(report: PortReport): void {
    const id = this.allocate(report, CounterType.DPDK_POLLER, `DPDK poller: queue ${report.queue}`);
    this.context.counters.setValue(id, 1);
  }

  private allocate({ portId }: PortReport, typeId: number, label: string): number {
    const key = Buffer.alloc(4);
    key.writeInt32LE(portId);
    const counters: CountersManager = this.context.counters;
    return counters.allocate({ typeId, label, key, registrationId: portId, ownerId: NO_OWNER });
  }

  private extendedOf(portId: number): ReturnType<DpdkAddon['extendedStatistics']> {
    if (!this.context.options.dpdkExtendedStats) return { names: [] };
    this.dpdk ??= loadDpdk();
    return this.dpdk.extendedStatistics(portId);
  }

  private record({ portId, driverName }: PortReport, what: string): void {
    this.context.errors.record(ErrorCode.GENERIC_ERROR, `DPDK port ${portId} (${driverName}): ${what}`);
  }
}
