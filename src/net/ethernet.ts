// hot
/** Ethernet II frames. An address is its first two octets (`high`, 0 to 65535) and its last four (`low`, an int32). */

export const ETHERNET_DESTINATION = 0;
export const ETHERNET_SOURCE = 6;
export const ETHERNET_TYPE = 12;
export const ETHERNET_HEADER_LENGTH = 14;

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_IPV6 = 0x86dd;

export const BROADCAST_HIGH = 0xffff;
export const BROADCAST_LOW = -1;

export function writeEthernet(
  view: DataView,
  offset: number,
  destinationHigh: number,
  destinationLow: number,
  sourceHigh: number,
  sourceLow: number,
  type: number,
): void {
  view.setUint16(offset, destinationHigh);
  view.setInt32(offset + 2, destinationLow);
  view.setUint16(offset + 6, sourceHigh);
  view.setInt32(offset + 8, sourceLow);
  view.setUint16(offset + 12, type);
}

/** RFC 1112, 6.4: 01:00:5e, then the last 23 bits of the group. Others share it: the low half of this and of the group agree. */
export const MULTICAST_HIGH = 0x0100;

/** The last four octets of the address that frames to an IPv4 group have. */
export function multicastLow(group: number): number {
  return 0x5e000000 | (group & 0x7fffff);
}

/** RFC 2464, 7: 33:33, then the last four octets of the group. */
export const IPV6_MULTICAST_HIGH = 0x3333;

/** True for an address that can belong to one station: neither a group's nor zero. */
export function isStation(high: number, low: number): boolean {
  return (high & 0x0100) === 0 && (high !== 0 || low !== 0);
}
