import { offloadNames } from '../../device/dpdk/port-plan.ts';
import { TIME_TO_LIVE } from '../../net/ipv4.ts';
import type { MulticastOptions } from '../transport.ts';
import { GROUP_TIME_TO_LIVE } from './bypass-endpoint.ts';
import type { BypassConfig, DpdkTransport } from './open-bypass-transport.ts';

/** What there is to say of a network agent's queue pair of a port, to those in other isolates. Plain data. */
export interface PortReport {
  readonly portId: number;
  readonly queue: number;
  readonly queues: number;
  readonly driverName: string;
  readonly mac: string;
  /** The first one of IPv4, or of IPv6 where there is none. */
  readonly localAddress: number;
  readonly mtu: number;
  readonly rxRingLength: number;
  readonly txRingLength: number;
  readonly bufferCount: number;
  readonly offloads: readonly string[];
  /** What is not as it was configured, a sentence each. */
  readonly notes: readonly string[];
  /** As in `BypassStatistics`: what transport, stack and device count, as they count it. */
  readonly transport: SharedArrayBuffer;
  readonly net: SharedArrayBuffer;
  readonly device: SharedArrayBuffer;
}

export function portReport(
  { queue = 0, localAddress, ipv6 = null }: BypassConfig,
  { port, statistics }: DpdkTransport,
): PortReport {
  const { plan, portId, mtu, macHigh, macLow, capabilities } = port;
  const octets = [macHigh >> 8, macHigh, macLow >> 24, macLow >> 16, macLow >> 8, macLow];
  return {
    portId,
    queue,
    queues: plan.queues,
    driverName: capabilities.driverName,
    mac: octets.map((octet) => (octet & 0xff).toString(16)).join(':'),
    localAddress: localAddress === 0 ? (ipv6?.addresses[0]?.address ?? 0) : localAddress,
    mtu,
    rxRingLength: capabilities.rxRingLength,
    txRingLength: capabilities.txRingLength,
    bufferCount: plan.bufferCount,
    offloads: offloadNames(plan.offloads),
    notes:
      plan.hasRxInterrupts && !capabilities.rxInterrupts
        ? [...plan.notes, 'the port has no RX interrupts, so its idle owner does not sleep on them']
        : plan.notes,
    transport: statistics.transport.buffer as SharedArrayBuffer,
    net: statistics.net.buffer as SharedArrayBuffer,
    device: statistics.device.buffer as SharedArrayBuffer,
  };
}

/** Of the datagrams that an endpoint sends. */
export function timeToLiveOf(multicast: MulticastOptions | null): number {
  return multicast === null ? TIME_TO_LIVE : multicast.ttl || GROUP_TIME_TO_LIVE;
}
