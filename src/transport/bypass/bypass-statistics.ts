import { DEVICE_STATISTICS } from '../../device/device.ts';
import {
  ICMP_PORT_UNREACHABLE,
  ICMP_UNREACHABLE,
  NET_STATISTICS,
  RX_DATAGRAM_BYTES,
  RX_DATAGRAMS,
  TX_DATAGRAM_BYTES,
  TX_DATAGRAMS,
  TX_UNREACHABLE,
} from '../../net/net-statistics.ts';
import type { TransportStatistics } from '../transport-statistics.ts';

/** What the transport itself counts: index in {@link BypassStatistics.transport}. */
export const SHORT_SENDS = 0;
export const SENDS_TOO_LONG = 1;
/** Datagrams for a port without an endpoint, or from another than an endpoint's remote address. */
export const NO_ENDPOINT = 2;
export const NOT_CONNECTED = 3;
export const LOCAL_SENT = 4;
export const LOCAL_SENT_BYTES = 5;
export const LOCAL_RECEIVED = 6;
export const LOCAL_RECEIVED_BYTES = 7;
/** Datagrams that arrived here for an endpoint of another network agent, and went there. */
export const HANDED_OVER = 8;
/** Datagrams that came from other network agents. */
export const TAKEN_OVER = 9;
/** Datagrams and neighbours that another network agent had no room for. */
export const HAND_OVERS_DROPPED = 10;
/** Frames that went past this stack, and for which there was no room: see `TapThroughDevice`. */
export const TAP_TO_KERNEL = 11;
export const TAP_FROM_KERNEL = 12;
export const TAP_TO_KERNEL_DROPPED = 13;
export const TAP_FROM_KERNEL_DROPPED = 14;

const TRANSPORT_STATISTICS: readonly string[] = [
  'shortSends',
  'sendsTooLong',
  'noEndpoint',
  'notConnected',
  'localSent',
  'localSentBytes',
  'localReceived',
  'localReceivedBytes',
  'handedOver',
  'takenOver',
  'handOversDropped',
  'tapToKernel',
  'tapFromKernel',
  'tapToKernelDropped',
  'tapFromKernelDropped',
];

/** Reports that wait to be taken. */
const REPORTS_MAX = 16;

/**
 * Everything that a bypass transport, its stack and its device count, as doubles that only grow, in memory that may be
 * shared with other isolates. The device's part is brought up to date once a second.
 */
export class BypassStatistics implements TransportStatistics {
  readonly transport: Float64Array;
  readonly net: Float64Array;
  readonly device: Float64Array;
  private readonly reports: string[] = [];

  /** `transport` is that of the same statistics, when another isolate reads them. */
  constructor(
    net: Float64Array,
    device: Float64Array,
    transport: Float64Array = new Float64Array(
      new SharedArrayBuffer(TRANSPORT_STATISTICS.length * Float64Array.BYTES_PER_ELEMENT),
    ),
  ) {
    this.transport = transport;
    this.net = net;
    this.device = device;
  }

  get datagramsSent(): number {
    return this.net[TX_DATAGRAMS]! + this.transport[LOCAL_SENT]!;
  }

  get bytesSent(): number {
    return this.net[TX_DATAGRAM_BYTES]! + this.transport[LOCAL_SENT_BYTES]!;
  }

  get datagramsReceived(): number {
    return this.net[RX_DATAGRAMS]! + this.transport[LOCAL_RECEIVED]!;
  }

  get bytesReceived(): number {
    return this.net[RX_DATAGRAM_BYTES]! + this.transport[LOCAL_RECEIVED_BYTES]!;
  }

  get shortSends(): number {
    return this.transport[SHORT_SENDS]!;
  }

  get sendErrors(): number {
    return this.net[TX_UNREACHABLE]! + this.transport[SENDS_TOO_LONG]!;
  }

  get receiveErrors(): number {
    return this.get('device.rxErrors') + this.get('device.rxMissed') + this.get('device.rxNoBuffers');
  }

  get invalidSends(): number {
    return this.get('device.txInvalid');
  }

  get datagramsHandedOver(): number {
    return this.transport[HANDED_OVER]!;
  }

  get handOversDropped(): number {
    return this.transport[HAND_OVERS_DROPPED]!;
  }

  get lastError(): string {
    if (this.transport[SENDS_TOO_LONG]! > 0) return 'EMSGSIZE';
    if (this.net[TX_UNREACHABLE]! + this.net[ICMP_UNREACHABLE]! > 0) return 'EHOSTUNREACH';
    return this.net[ICMP_PORT_UNREACHABLE]! > 0 ? 'ECONNREFUSED' : '';
  }

  /** Keeps what an operator should know of, unless there is too much of it. Cold. */
  report(text: string): void {
    if (this.reports.length < REPORTS_MAX && !this.reports.includes(text)) this.reports.push(text);
  }

  takeReport(): string {
    return this.reports.length === 0 ? '' : this.reports.shift()!;
  }

  /** One value by its name in {@link toObject}; NaN when there is none of that name. */
  get(name: string): number {
    return this.toObject()[name] ?? Number.NaN;
  }

  /** All of it: `transport.shortSends`, `net.arpReplies`, `device.rxMissed` … */
  toObject(): Record<string, number> {
    const all: Record<string, number> = {};
    TRANSPORT_STATISTICS.forEach((name, i) => {
      all[`transport.${name}`] = this.transport[i]!;
    });
    NET_STATISTICS.forEach((name, i) => {
      all[`net.${name}`] = this.net[i]!;
    });
    DEVICE_STATISTICS.forEach((name, i) => {
      all[`device.${name}`] = this.device[i]!;
    });
    return all;
  }
}
