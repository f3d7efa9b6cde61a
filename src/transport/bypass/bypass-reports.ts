import { FRAGMENTATION_NEEDED, ICMPV6_CODES, PORT_UNREACHABLE } from '../../net/icmp-errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import { formatIpv4 } from '../../util/ipv4.ts';
import { formatMac } from '../../util/mac.ts';

const IPV4_AND_UDP_HEADERS_LENGTH = 28;
const IPV6_AND_UDP_HEADERS_LENGTH = 48;
const FRAME_ALIGNMENT = 32;

/** Somebody else has our address: without what to do about it. */
export function addressConflict(address: number, macHigh: number, macLow: number): string {
  return `${formatIpv4(address)} is the address of the DPDK port and of the card ${formatMac(macHigh, macLow)} too`;
}

/**
 * What is to be said of a datagram that did not arrive at `address`; `''` for what is no news: a sender that starts before its
 * receivers hears "port unreachable", as from a kernel socket, and goes on. `mtu` of 0: the router did not say.
 */
export function unreachableReport(code: number, address: number, mtu: number, portMtu: number): string {
  const to = formatIpAddress(address);
  if (code === PORT_UNREACHABLE) return '';
  if (code !== FRAGMENTATION_NEEDED) {
    const message =
      (code & ICMPV6_CODES) === 0
        ? `ICMP type 3, code ${code}`
        : `ICMPv6 type 1, code ${code & ~ICMPV6_CODES}`;
    return `a router says that ${to} cannot be reached (${message}). Look at its routes and filters.`;
  }
  const headersLength = isIpv6(address) ? IPV6_AND_UDP_HEADERS_LENGTH : IPV4_AND_UDP_HEADERS_LENGTH;
  const longest = Math.floor((mtu - headersLength) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
  const remedy = mtu === 0 ? 'less than it is' : `${longest} or less`;
  return (
    `a network on the way to ${to} carries packets of ${mtu === 0 ? 'fewer' : mtu} bytes, and the DPDK port has an MTU of ` +
    `${portMtu}: longer datagrams are lost. Use mtu=${remedy} in channels to it, or aeron.mtu.length.`
  );
}
