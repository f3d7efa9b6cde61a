// hot
import { addBytes, fold } from '../util/internet-checksum.ts';
import { IPV4_CHECKSUM, IPV4_MALFORMED, IPV4_SOURCE_ROUTED } from './net-statistics.ts';

/** IPv4 headers, RFC 791. Offsets count from the packet's start, behind the Ethernet header. */

export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_PROTOCOL = 9;
export const IPV4_HEADER_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;
/** Without options, which we never send. */
export const IPV4_HEADER_LENGTH = 20;

/** With the one option that we ever send, {@link writeRouterAlertIpv4}. */
export const ROUTER_ALERT_IPV4_HEADER_LENGTH = 24;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_IGMP = 2;
export const PROTOCOL_UDP = 17;

/** Version 4, five words of header, best effort. */
export const VERSION_AND_LENGTH = 0x4500;
/** "Don't fragment", identification 0 (RFC 6864 allows it then), and a time to live of 64. */
export const DONT_FRAGMENT = 0x4000;
export const TIME_TO_LIVE = 64;

/** Bits of the fragment field that a whole packet has not. */
export const MORE_FRAGMENTS_OR_OFFSET = 0x3fff;
export const MORE_FRAGMENTS = 0x2000;
/** Counts in eights of bytes. */
export const FRAGMENT_OFFSET = 0x1fff;

/** Options of one byte, and those of packets that want to choose their way (RFC 791, 3.1). */
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;

export function ipv4HeaderLength(view: DataView, offset: number): number {
  return (view.getUint8(offset) & 0x0f) << 2;
}

/**
 * Why a packet of which `available` bytes are there cannot be used, as an index of the statistics, or -1 when it can:
 * header and total length lie inside, the header's checksum is right. Options are skipped, not obeyed; those that do not
 * add up, and routes that the source chose (a way around filters, which Linux refuses too), make it unusable.
 * The time to live does not matter to the host it arrived at (RFC 1122, 3.2.1.7).
 */
export function findIpv4Defect(
  view: DataView,
  offset: number,
  available: number,
  verifyChecksum: boolean,
): number {
  if (available < IPV4_HEADER_LENGTH || view.getUint8(offset) >> 4 !== 4) return IPV4_MALFORMED;
  const headerLength = ipv4HeaderLength(view, offset);
  const totalLength = view.getUint16(offset + IPV4_TOTAL_LENGTH);
  if (headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength || totalLength > available) {
    return IPV4_MALFORMED;
  }
  if (verifyChecksum && fold(addBytes(0, view, offset, headerLength)) !== 0xffff) return IPV4_CHECKSUM;
  return headerLength === IPV4_HEADER_LENGTH ? -1 : findOptionsDefect(view, offset, headerLength);
}

/** The same, for the options of a header. */
function findOptionsDefect(view: DataView, offset: number, headerLength: number): number {
  const end = offset + headerLength;
  let at = offset + IPV4_HEADER_LENGTH;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === END_OF_OPTIONS) return -1;
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) return IPV4_SOURCE_ROUTED;
    if (kind === NO_OPERATION) {
      at++;
      continue;
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return IPV4_MALFORMED;
    at += length;
  }
  return -1;
}

/** Whether a packet is a part of one. */
export function isFragment(view: DataView, offset: number): boolean {
  return (view.getUint16(offset + IPV4_FRAGMENT) & MORE_FRAGMENTS_OR_OFFSET) !== 0;
}

/** True for an address that one host can have: not 0.x, 127.x, a group's or the broadcast address. */
export function isUnicast(address: number): boolean {
  const firstOctet = address >>> 24;
  return firstOctet !== 0 && firstOctet !== 127 && firstOctet < 224;
}

/** True for 224.0.0.0 to 239.255.255.255. */
export function isGroup(address: number): boolean {
  return address >>> 28 === 0xe;
}

/** RFC 2113: "routers, look at this". */
const ROUTER_ALERT = 0x94040000 | 0;
const VERSION_AND_ROUTER_ALERT_LENGTH = 0x46c0;

/**
 * Writes the header of a packet for the hosts and routers of this network: time to live 1, the option "router alert" and
 * the type of service of control traffic. Checksum included.
 */
export function writeRouterAlertIpv4(
  view: DataView,
  offset: number,
  totalLength: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  view.setInt32(offset, (VERSION_AND_ROUTER_ALERT_LENGTH << 16) | totalLength);
  view.setInt32(offset + 4, DONT_FRAGMENT);
  view.setInt32(offset + 8, ((1 << 8) | protocol) << 16);
  view.setInt32(offset + IPV4_SOURCE, source);
  view.setInt32(offset + IPV4_DESTINATION, destination);
  view.setInt32(offset + IPV4_HEADER_LENGTH, ROUTER_ALERT);
  const sum = fold(addBytes(0, view, offset, ROUTER_ALERT_IPV4_HEADER_LENGTH));
  view.setUint16(offset + IPV4_HEADER_CHECKSUM, ~sum & 0xffff);
}

/** Writes a header without options, checksum included. */
export function writeIpv4(
  view: DataView,
  offset: number,
  totalLength: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  view.setInt32(offset, (VERSION_AND_LENGTH << 16) | totalLength);
  view.setInt32(offset + 4, DONT_FRAGMENT);
  view.setInt32(offset + 8, ((TIME_TO_LIVE << 8) | protocol) << 16);
  view.setInt32(offset + IPV4_SOURCE, source);
  view.setInt32(offset + IPV4_DESTINATION, destination);
  view.setUint16(
    offset + IPV4_HEADER_CHECKSUM,
    ~fold(addBytes(0, view, offset, IPV4_HEADER_LENGTH)) & 0xffff,
  );
}
