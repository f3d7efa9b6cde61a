import type { BypassConfig } from '../transport/bypass/open-bypass-transport.ts';
import { ANY_IPV6, isIpv6, isMulticast, retainAddress } from '../util/ip-address.ts';
import { parseIpAddress } from '../util/ip-text.ts';

type Ipv6Options = NonNullable<BypassConfig['ipv6']>;

/** Of a network as it is given to hosts: RFC 4291, 2.5.4. */
const PREFIX_LENGTH = 64;
/** More would make a look-up for each packet slow. */
const ADDRESSES_MAX = 7;

/** What the DPDK port's settings say of IPv6; null: there are no addresses. @throws Error */
export function parseDpdkIpv6({
  dpdkLocalIpv6Address,
  dpdkGatewayIpv6Address,
}: {
  readonly dpdkLocalIpv6Address: readonly string[];
  readonly dpdkGatewayIpv6Address: string;
}): Ipv6Options | null {
  if (dpdkLocalIpv6Address.length > ADDRESSES_MAX)
    throw new Error(`expected up to ${ADDRESSES_MAX} addresses`);
  if (dpdkLocalIpv6Address.length === 0) return null;
  return {
    addresses: dpdkLocalIpv6Address.map(parsePrefix),
    gatewayAddress: dpdkGatewayIpv6Address === '' ? 0 : parseUnicast(dpdkGatewayIpv6Address),
  };
}

function parsePrefix(text: string): Ipv6Options['addresses'][number] {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const prefixLength = prefix === undefined ? PREFIX_LENGTH : Number(prefix);
  if (prefixLength > 128) throw new Error(`${text} is not an address such as 2001:db8::1/64`);
  return { address: parseUnicast(address), prefixLength };
}

function parseUnicast(text: string): number {
  const address = parseIpAddress(text);
  if (address === null || !isIpv6(address) || isMulticast(address) || address === ANY_IPV6) {
    throw new Error(`${text} is not an IPv6 address that a host can have, such as 2001:db8::1`);
  }
  return retainAddress(address);
}
