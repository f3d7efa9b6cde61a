import type { BypassConfig } from '../transport/bypass/open-bypass-transport.ts';
import type { IpAddress } from '../transport/transport.ts';
import { ConfigurationError } from '../util/errors.ts';
import { parseIpv4 } from '../util/ipv4.ts';
import type { DriverOptions } from './driver-options.ts';

type Ipv4Prefix = NonNullable<BypassConfig['furtherAddresses']>[number];

/** A port of DPDK and who we are on it. */
export interface DpdkPortAddress {
  readonly portId: number;
  /** 0: none. */
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly furtherAddresses: readonly Ipv4Prefix[];
  /** 0: none. */
  readonly gatewayAddress: IpAddress;
}

const PORT_ID_MAX = 65535;
const PREFIX_LENGTH_MAX = 32;
/** More would make a look-up for each packet slow. */
const FURTHER_ADDRESSES_MAX = 7;

/**
 * The ports that the settings name, the first one first.
 * @throws ConfigurationError for what is no port, and for ports or addresses that are named twice.
 */
export function dpdkPorts(options: DriverOptions): DpdkPortAddress[] {
  const { dpdkLocalIpv4Address, dpdkGatewayIpv4Address, dpdkPortId, dpdkFurtherPorts } = options;
  if (dpdkLocalIpv4Address === null) return portWithoutIpv4(options);
  const { address, prefixLength } = dpdkLocalIpv4Address;
  const first = {
    portId: dpdkPortId,
    address,
    furtherAddresses: furtherAddresses(options, address),
    // Without a prefix and a gateway everybody is looked for on the link.
    prefixLength: prefixLength ?? (dpdkGatewayIpv4Address === 0 ? 0 : 24),
    gatewayAddress: dpdkGatewayIpv4Address,
  };
  const ports = [first, ...dpdkFurtherPorts.map(parsePort)];
  for (const [index, port] of ports.entries()) {
    const other = ports
      .slice(0, index)
      .find(
        (p) =>
          p.portId === port.portId ||
          p.address === port.address ||
          p.furtherAddresses.some(({ address: further }) => further === port.address),
      );
    if (other === undefined) continue;
    throw new ConfigurationError(
      `aeron.dpdk.further.ports=${dpdkFurtherPorts.join(',')}: port ${port.portId} has the id or the address of another. ` +
        'Each port is named once, the first one in aeron.dpdk.port.id, and has an address of its own.',
    );
  }
  return ports;
}

/** The port of IPv6 addresses only, if there are such; what belongs to IPv4 has no place then. */
function portWithoutIpv4(options: DriverOptions): DpdkPortAddress[] {
  const { dpdkLocalIpv6Address, dpdkPortId, dpdkFurtherIpv4Addresses, dpdkFurtherPorts } = options;
  if (dpdkLocalIpv6Address.length === 0) return [];
  if (dpdkFurtherIpv4Addresses.length + dpdkFurtherPorts.length > 0) {
    throw new ConfigurationError(
      `aeron.dpdk.further.ipv4.addresses=${dpdkFurtherIpv4Addresses.join(',')} and aeron.dpdk.further.ports=` +
        `${dpdkFurtherPorts.join(',')} need aeron.dpdk.local.ipv4.address, which is not set. Set it to the first address.`,
    );
  }
  return [{ portId: dpdkPortId, address: 0, prefixLength: 0, gatewayAddress: 0, furtherAddresses: [] }];
}

function furtherAddresses(
  { dpdkFurtherIpv4Addresses }: DriverOptions,
  firstAddress: IpAddress,
): readonly Ipv4Prefix[] {
  const prefixes = dpdkFurtherIpv4Addresses.map(parsePrefix);
  const addresses = new Set([firstAddress, ...prefixes.map(({ address }) => address)]);
  if (addresses.size === prefixes.length + 1 && prefixes.length <= FURTHER_ADDRESSES_MAX) return prefixes;
  throw new ConfigurationError(
    `aeron.dpdk.further.ipv4.addresses=${dpdkFurtherIpv4Addresses.join(',')}: expected up to ${FURTHER_ADDRESSES_MAX} ` +
      'addresses, each named once, and not that of aeron.dpdk.local.ipv4.address.',
  );
}

/** Reads `10.1.0.1/24`. */
function parsePrefix(text: string): Ipv4Prefix {
  const [, digits = '', prefix] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const address = parseIpv4(digits);
  const prefixLength = Number(prefix);
  if (address !== null && isHost(address) && prefixLength <= PREFIX_LENGTH_MAX)
    return { address, prefixLength };
  throw new ConfigurationError(
    `aeron.dpdk.further.ipv4.addresses: "${text}" is no address with a prefix, such as 10.1.0.1/24.`,
  );
}

/** Not 0.x, 127.x, a group's or the broadcast address. */
function isHost(address: IpAddress): boolean {
  const firstOctet = address >>> 24;
  return firstOctet !== 0 && firstOctet !== 127 && firstOctet < 224;
}

/** Reads `1=10.1.0.1/24` and `1=10.1.0.1/24@10.1.0.254`. */
function parsePort(text: string): DpdkPortAddress {
  const [, id, address = '', prefix, gateway] =
    /^(\d{1,5})=([\d.]+)\/(\d{1,2})(?:@([\d.]+))?$/.exec(text) ?? [];
  const port = {
    portId: Number(id),
    address: parseIpv4(address),
    prefixLength: Number(prefix),
    gatewayAddress: gateway === undefined ? 0 : parseIpv4(gateway),
  };
  const isInRange = port.portId <= PORT_ID_MAX && port.prefixLength <= PREFIX_LENGTH_MAX;
  if (id === undefined || !isInRange || port.address === null || port.gatewayAddress === null) {
    throw new ConfigurationError(
      `aeron.dpdk.further.ports: "${text}" is no port. Write id=address/prefix, and @gateway where there is one: ` +
        '1=10.1.0.1/24@10.1.0.254.',
    );
  }
  return { ...port, address: port.address, gatewayAddress: port.gatewayAddress, furtherAddresses: [] };
}
