import type { Clock } from '../../concurrent/clock.ts';
import { DpdkDevice, type DpdkDeviceOptions } from '../../device/dpdk/dpdk-device.ts';
import { withTapArgument } from '../../device/dpdk/tap-port.ts';
import type { StaticNeighbour } from '../../net/ip-stack.ts';
import type { Ipv4Prefix } from '../../net/ipv4-addresses.ts';
import type { Ipv6Options } from '../../net/ipv6-host.ts';
import type { RouteOptions } from '../../net/route.ts';
import type { IpAddress } from '../transport.ts';
import { BypassTransport } from './bypass-transport.ts';
import type { HandOverConfig } from './hand-over.ts';
import { shareWithKernel } from './share-with-kernel.ts';

export type { StaticNeighbour } from '../../net/ip-stack.ts';
export type { RouteOptions } from '../../net/route.ts';

/** A DPDK port and our addresses on it. */
export interface BypassConfig extends DpdkDeviceOptions {
  /** Of IPv4; 0: none. */
  readonly localAddress: IpAddress;
  readonly prefixLength: number;
  /** As in `IpStackOptions`. */
  readonly furtherAddresses?: readonly Ipv4Prefix[];
  /** 0: none, and other networks cannot be reached. */
  readonly gatewayAddress: IpAddress;
  /** As in `IpStackOptions`. */
  readonly routes?: readonly RouteOptions[];
  readonly addressProbes?: number;
  readonly neighbours?: readonly StaticNeighbour[];
  /** Null or left out: no IPv6. */
  readonly ipv6?: Ipv6Options | null;
  /** Among several network agents; `null` or left out: the port has one. */
  readonly handOver?: HandOverConfig | null;
  /** Name of a TAP interface, for what this host has no use for; `''` or left out: none. */
  readonly tapInterface?: string;
}

/** A bypass transport and its DPDK port. */
export type DpdkTransport = BypassTransport & { readonly port: DpdkDevice };

/**
 * Opens the port that `config` names, on the calling thread, which alone may use the transport.
 *
 * DPDK exists once per process: a second transport needs the same EAL arguments and another port.
 *
 * @throws AeronError `NATIVE_NOT_BUILT`, `DPDK_NO_HUGEPAGES`, `DPDK_INIT`, `DPDK_ALREADY_INITIALISED`, `DPDK_NO_PORT`,
 * `DPDK_PORT`, `DPDK_TAP`.
 */
export function openBypassTransport(config: BypassConfig, clock: Clock): DpdkTransport {
  const { tapInterface = '' } = config;
  const hasTap = tapInterface !== '';
  // EAL has one try: it is told of both ports when the first one is opened.
  const ealArguments = hasTap ? withTapArgument(config.ealArguments, tapInterface) : config.ealArguments;
  const port = DpdkDevice.open({ ...config, ealArguments });
  const transport = new BypassTransport(
    hasTap ? shareWithKernel(port, ealArguments, ipv4Addresses(config), clock) : port,
    {
      address: config.localAddress,
      prefixLength: config.prefixLength,
      furtherAddresses: config.furtherAddresses ?? [],
      gatewayAddress: config.gatewayAddress,
      routes: config.routes ?? [],
      addressProbes: config.addressProbes ?? 0,
      neighbours: config.neighbours ?? [],
      ipv6: config.ipv6 ?? null,
    },
    clock,
    config.handOver ?? null,
  );
  return Object.assign(transport, { port });
}

function ipv4Addresses({ localAddress, furtherAddresses = [] }: BypassConfig): readonly IpAddress[] {
  return localAddress === 0 ? [] : [localAddress, ...furtherAddresses.map(({ address }) => address)];
}
