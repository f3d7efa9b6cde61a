import type { Clock } from '../../concurrent/clock.ts';
import { SummedStatistics } from '../summed-statistics.ts';
import type { Transport } from '../transport.ts';
import type { TransportStatistics } from '../transport-statistics.ts';
import { claimAddress } from './claim-address.ts';
import { type BypassConfig, type DpdkTransport, openBypassTransport } from './open-bypass-transport.ts';
import { type PortReport, portReport } from './port-report.ts';
import { RoutedTransport } from './routed-transport.ts';

/** Waits until a frame has come, but no longer than `timeoutUs`. Returns whether one has. */
export interface FrameWaiter {
  waitForFrame(timeoutUs: number): boolean;
}

/** What {@link openBypassPorts} adds to a transport. */
export interface BypassPorts {
  readonly statistics: TransportStatistics;
  readonly portReports: readonly PortReport[];
  /** Null unless waiting was wanted, and the port can. */
  readonly frameWaiter: FrameWaiter | null;
}

/**
 * Opens the ports that `configs` name, one or more, as one transport.
 * @throws AeronError as {@link openBypassTransport} and {@link claimAddress}; no port is open then.
 */
export async function openBypassPorts(
  configs: readonly BypassConfig[],
  clock: Clock,
): Promise<Transport & BypassPorts> {
  const transports: DpdkTransport[] = [];
  try {
    for (const config of configs) transports.push(openBypassTransport(config, clock));
    for (const transport of transports) await claimAddress(transport, clock);
  } catch (error) {
    // Who found somebody else with its address has closed already.
    for (const transport of transports) if (transport.conflict === '') transport.close();
    throw error;
  }
  const portReports = transports.map((transport, i) => portReport(configs[i]!, transport));
  const first = transports[0]!;
  if (transports.length === 1) {
    const frameWaiter = first.device.capabilities.rxInterrupts ? first.device : null;
    return Object.assign(first, { portReports, frameWaiter });
  }
  const ports = transports.map((transport, i) => ({
    transport,
    address: configs[i]!.localAddress,
    prefixLength: configs[i]!.prefixLength,
    gatewayAddress: configs[i]!.gatewayAddress,
    furtherAddresses: configs[i]!.furtherAddresses ?? [],
    routes: configs[i]!.routes ?? [],
  }));
  const statistics = new SummedStatistics(transports.map((transport) => transport.statistics));
  return Object.assign(new RoutedTransport(ports), { statistics, portReports, frameWaiter: null });
}
