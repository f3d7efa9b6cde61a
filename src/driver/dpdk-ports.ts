import type { IpAddress } from '../transport/transport.ts';
import { ConfigurationError } from '../util/errors.ts';
import { parseIpv4 } from '../util/ipv4.ts';
import type { DriverOptions } from './driver-options.ts';

/** A port of DPDK and who we are on it. */
export interface DpdkPortAddress {
  readonly portId: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** 0: none. */
  readonly gatewayAddress: IpAddress;
}

const PORT_ID_MAX = 65535;
const PREFIX_LENGTH_MAX = 32;

/**
 * The ports that the settings name, the first one first.
 * @throws ConfigurationError for what is no port, and for ports or addresses that are named twice.
 */
export function dpdkPorts(options: DriverOptions): DpdkPortAddress[] {
  const { dpdkLocalIpv4Address, dpdkGatewayIpv4Address, dpdkPortId, dpdkFurtherPorts } = options;
  if (dpdkLocalIpv4Address === null) return [];
  const { address, prefixLength } = dpdkLocalIpv4Address;
  const first = {
    portId: dpdkPortId,
    address,
    // Without a prefix and a gateway everybody is looked for on the link.
    prefixLength: prefixLength ?? (dpdkGatewayIpv4Address === 0 ? 0 : 24),
    gatewayAddress: dpdkGatewayIpv4Address,
  };
  const ports = [first, ...dpdkFurtherPorts.map(parsePort)];
  for (const [index, port] of ports.entries()) {
    const other = ports.slice(0, index).find((p) => p.portId === port.portId || p.address === port.address);
    if (other === undefined) continue;
    throw new ConfigurationError(
      `aeron.dpdk.further.ports=${dpdkFurtherPorts.join(',')}: port ${port.portId} has the id or the address of another. ` +
        'Each port is named once, the first one in aeron.dpdk.port.id, and has an address of its own.',
    );
  }
  return ports;
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
  return { ...port, address: port.address, gatewayAddress: port.gatewayAddress };
}
