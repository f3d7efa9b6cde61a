import { isIPv6 } from 'node:net';
import { internIpv6, ipv6Word, ipv6Zone, isIpv6 } from './ip-address.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';
import { zoneIndex, zoneName } from './zones.ts';

/**
 * Addresses of IPv4 and IPv6 as numbers, and as people write them: see {@link parseIpv4} and {@link internIpv6}.
 */

/**
 * The number of `127.0.0.1`, `::1` or `fe80::1%eth0`; null when `text` is no address, names an interface that is not
 * there, or when there is no room for more IPv6 addresses. 0.x.y.z other than 0.0.0.0 is none: no host has it.
 */
export function parseIpAddress(text: string): number | null {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== null) return isIpv6(ipv4) ? null : ipv4;
  const [bare = '', zone] = text.split('%', 2);
  const bytes = parseIpv6(bare);
  if (bytes === null) return null;
  const zoneNumber = zone === undefined ? 0 : zoneIndex(zone);
  if (zoneNumber === null) return null;
  return ipv6FromBytes(bytes, zoneNumber);
}

/** The number of an IPv6 address of 16 bytes, network order; null when there is no room for more. */
export function ipv6FromBytes(bytes: Uint8Array, zone = 0): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const address = internIpv6(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12), zone);
  return address === 0 ? null : address;
}

/** The 4 or 16 bytes of an address, network order. */
export function ipAddressBytes(address: number): Uint8Array {
  const bytes = new Uint8Array(isIpv6(address) ? 16 : 4);
  const view = new DataView(bytes.buffer);
  if (bytes.length === 4) view.setInt32(0, address);
  else for (let i = 0; i < 4; i++) view.setInt32(i * 4, ipv6Word(address, i));
  return bytes;
}

/** `127.0.0.1`, `::1`, `fe80::1%eth0`. */
export function formatIpAddress(address: number): string {
  if (!isIpv6(address)) return formatIpv4(address);
  const zone = ipv6Zone(address);
  const text = formatIpv6(ipAddressBytes(address));
  return zone === 0 ? text : `${text}%${zoneName(zone)}`;
}

/** `127.0.0.1:40123`, `[::1]:40123`. */
export function formatSocketAddress(address: number, port: number): string {
  const text = formatIpAddress(address);
  return isIpv6(address) ? `[${text}]:${port}` : `${text}:${port}`;
}

/** The 16 bytes of an IPv6 address without a zone, network order; null when `text` is none. */
function parseIpv6(text: string): Uint8Array | null {
  if (!isIPv6(text)) return null;
  // The last two groups may be written as an IPv4 address.
  const dotted = text.slice(text.lastIndexOf(':') + 1);
  const ipv4 = parseIpv4(dotted);
  const hex =
    ipv4 === null
      ? text
      : `${text.slice(0, -dotted.length)}${(ipv4 >>> 16).toString(16)}:${(ipv4 & 0xffff).toString(16)}`;
  const [before = '', after] = hex.split('::', 2);
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  const bytes = new Uint8Array(16);
  for (const [i, group] of groups.entries())
    new DataView(bytes.buffer).setUint16(i * 2, Number.parseInt(group, 16));
  return bytes;
}

/** As RFC 5952 wants it: the longest run of zeros is `::`, and the end of ::ffff:0:0/96 is written as IPv4. */
export function formatIpv6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${formatIpv4(view.getInt32(12))}`;
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (start < 0) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
