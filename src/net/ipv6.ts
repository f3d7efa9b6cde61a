// hot
import { addBytes, fold } from '../util/internet-checksum.ts';
import { ipv6Word } from '../util/ip-address.ts';
import { IPV6_EXTENSIONS, IPV6_MALFORMED } from './net-statistics.ts';

/** IPv6 headers, RFC 8200. Offsets count from the packet's start, behind the Ethernet header. */

export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const IPV6_HOP_LIMIT = 7;
export const IPV6_SOURCE = 8;
export const IPV6_DESTINATION = 24;
export const IPV6_HEADER_LENGTH = 40;
/** What every link carries: RFC 8200, 5. */
export const IPV6_MTU_MIN = 1280;

export const NEXT_HOP_BY_HOP = 0;
export const NEXT_UDP = 17;
const NEXT_ROUTING = 43;
const NEXT_FRAGMENT = 44;
export const NEXT_ICMPV6 = 58;
const NEXT_DESTINATION_OPTIONS = 60;

/** Nobody honest has more extension headers. */
const EXTENSIONS_MAX = 8;
/** What to do with an option that is not known is in its type's first two bits; 0: to skip it. */
const OPTION_ACTION = 0xc0;
const PAD_1 = 0;

/** Hops that packets to anywhere may take. */
export const HOP_LIMIT = 64;
/** What only a neighbour can send: routers lower it. */
export const HOP_LIMIT_NEIGHBOUR = 255;

const VERSION = 0x60000000;

/** Of a fragment header, RFC 8200, 4.5: where the piece belongs, in bytes; whether more come; all of both. */
const FRAGMENT_OFFSET = 0xfff8;
const MORE_FRAGMENTS = 1;
const OFFSET_AND_MORE: number = FRAGMENT_OFFSET | MORE_FRAGMENTS;

/** What a packet holds behind its extension headers. */
export class UpperLayer {
  protocol = 0;
  offset = 0;
  length = 0;
  /** Whether it is a piece of a packet, which names the whole packet's protocol; the rest is of pieces only. */
  isFragment = false;
  isLastFragment = false;
  fragmentOffset = 0;
  identification = 0;

  /**
   * Looks behind the headers of a packet of which `available` bytes are there, up to a fragment's. Returns why it cannot be used,
   * as an index of the statistics, or -1 when it can. Not supported are routes that are not at their end, and options
   * whose type says that who does not know them must not go on.
   */
  find(view: DataView, packet: number, available: number): number {
    this.isFragment = false;
    if (available < IPV6_HEADER_LENGTH || view.getUint8(packet) >> 4 !== 6) return IPV6_MALFORMED;
    const end = packet + IPV6_HEADER_LENGTH + view.getUint16(packet + IPV6_PAYLOAD_LENGTH);
    if (end > packet + available) return IPV6_MALFORMED;
    let next = view.getUint8(packet + IPV6_NEXT_HEADER);
    let offset = packet + IPV6_HEADER_LENGTH;
    for (let i = 0; ; i++) {
      if (next === NEXT_UDP || next === NEXT_ICMPV6) break;
      const isOptions = next === NEXT_DESTINATION_OPTIONS || (next === NEXT_HOP_BY_HOP && i === 0);
      if (!isOptions && next !== NEXT_ROUTING && next !== NEXT_FRAGMENT) break;
      if (i === EXTENSIONS_MAX || end - offset < 8) return IPV6_MALFORMED;
      const length = next === NEXT_FRAGMENT ? 8 : (view.getUint8(offset + 1) + 1) * 8;
      if (length > end - offset) return IPV6_MALFORMED;
      // A fragment that is all of the packet is as good as none: RFC 6946.
      if (next === NEXT_FRAGMENT && (view.getUint16(offset + 2) & OFFSET_AND_MORE) !== 0) {
        this.readFragment(view, offset);
        next = this.protocol;
        offset += length;
        break;
      }
      if (next === NEXT_ROUTING && view.getUint8(offset + 3) !== 0) return IPV6_EXTENSIONS;
      if (isOptions && !areOptionsHarmless(view, offset + 2, offset + length)) return IPV6_EXTENSIONS;
      next = view.getUint8(offset);
      offset += length;
    }
    this.protocol = next;
    this.offset = offset;
    this.length = end - offset;
    return -1;
  }

  private readFragment(view: DataView, header: number): void {
    const offsetAndMore = view.getUint16(header + 2);
    this.isFragment = true;
    this.isLastFragment = (offsetAndMore & MORE_FRAGMENTS) === 0;
    this.fragmentOffset = offsetAndMore & FRAGMENT_OFFSET;
    this.identification = view.getInt32(header + 4);
    this.protocol = view.getUint8(header);
  }
}

/** Whether the options in a range may be skipped, all of them. */
function areOptionsHarmless(view: DataView, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const type = view.getUint8(at);
    if (type === PAD_1) {
      at++;
      continue;
    }
    if (at + 2 > end || (type & OPTION_ACTION) !== 0) return false;
    at += 2 + view.getUint8(at + 1);
  }
  return at === end;
}

/** Writes an address of {@link internIpv6} where its 16 octets go. */
export function writeAddress(view: DataView, offset: number, address: number): void {
  view.setInt32(offset, ipv6Word(address, 0));
  view.setInt32(offset + 4, ipv6Word(address, 1));
  view.setInt32(offset + 8, ipv6Word(address, 2));
  view.setInt32(offset + 12, ipv6Word(address, 3));
}

/** Writes a header. `payloadLength` counts what comes behind it. */
export function writeIpv6(
  view: DataView,
  packet: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  source: number,
  destination: number,
): void {
  view.setInt32(packet, VERSION);
  view.setInt32(packet + IPV6_PAYLOAD_LENGTH, (payloadLength << 16) | (nextHeader << 8) | hopLimit);
  writeAddress(view, packet + IPV6_SOURCE, source);
  writeAddress(view, packet + IPV6_DESTINATION, destination);
}

/** The sum of the pseudo-header of a packet's upper layer, not folded. */
export function ipv6PseudoSum(view: DataView, packet: number, protocol: number, length: number): number {
  return addBytes(protocol + length, view, packet + IPV6_SOURCE, IPV6_HEADER_LENGTH - IPV6_SOURCE);
}

/** Whether the checksum of a packet's upper layer, which covers the pseudo-header too, is right. */
export function isUpperChecksumRight(
  view: DataView,
  packet: number,
  protocol: number,
  offset: number,
  length: number,
): boolean {
  return fold(addBytes(ipv6PseudoSum(view, packet, protocol, length), view, offset, length)) === 0xffff;
}

/** fe80::/10. */
export function isLinkLocal(word0: number): boolean {
  return word0 >>> 22 === 0x3fa;
}
