import { FRAGMENTATION_NEEDED, PORT_UNREACHABLE } from '../../net/icmp-errors.ts';
import { formatIpv4 } from '../../util/ipv4.ts';
import { formatMac } from '../../util/mac.ts';

const IPV4_AND_UDP_HEADERS_LENGTH = 28;
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
  const to = formatIpv4(address);
  if (code === PORT_UNREACHABLE) return '';
  if (code !== FRAGMENTATION_NEEDED) {
    return `a router says that ${to} cannot be reached (ICMP type 3, code ${code}). Look at its routes and filters.`;
  }
  const longest = Math.floor((mtu - IPV4_AND_UDP_HEADERS_LENGTH) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
  const remedy = mtu === 0 ? 'less than it is' : `${longest} or less`;
  return (
    `a network on the way to ${to} carries packets of ${mtu === 0 ? 'fewer' : mtu} bytes, and the DPDK port has an MTU of ` +
    `${portMtu}: longer datagrams are lost. Use mtu=${remedy} in channels to it, or aeron.mtu.length.`
  );
}
