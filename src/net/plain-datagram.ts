// hot
import { RX_IP_BAD, RX_IP_GOOD, RX_UDP_GOOD } from '../device/device.ts';
import { ETHERNET_HEADER_LENGTH, TYPE_IPV4 } from './ethernet.ts';
import {
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_HEADER_LENGTH,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  isUnicast,
  MORE_FRAGMENTS_OR_OFFSET,
  PROTOCOL_UDP,
  VERSION_AND_LENGTH,
} from './ipv4.ts';
import { UDP_CHECKSUM, UDP_HEADER_LENGTH, UDP_LENGTH, UDP_SOURCE_PORT, type UdpListener } from './udp.ts';

/**
 * The frame that is the rule: a UDP datagram without IP options and in one piece. Where its fields lie counts from the
 * frame's start. All of these are constants that no other module sees: V8 compiles them in, but loads and checks imported
 * ones at every use, which took 9 ns a frame.
 */
const MAC_HIGH = 0;
const MAC_LOW = 2;
const TYPE_AND_VERSION = 12;
const PACKET = ETHERNET_HEADER_LENGTH;
const TOTAL_LENGTH = PACKET + IPV4_TOTAL_LENGTH;
const FRAGMENT_AND_PROTOCOL = PACKET + IPV4_FRAGMENT;
const SOURCE = PACKET + IPV4_SOURCE;
const DESTINATION = PACKET + IPV4_DESTINATION;
const PACKET_HEADER_LENGTH = IPV4_HEADER_LENGTH;
const DATAGRAM = PACKET + IPV4_HEADER_LENGTH;
const PORTS = DATAGRAM + UDP_SOURCE_PORT;
const DATAGRAM_LENGTH = DATAGRAM + UDP_LENGTH;
const DATAGRAM_CHECKSUM = DATAGRAM + UDP_CHECKSUM;
const DATAGRAM_HEADER_LENGTH = UDP_HEADER_LENGTH;
const PAYLOAD = DATAGRAM + UDP_HEADER_LENGTH;

/** Ethernet's type, IPv4's version and header length; the type of service behind them does not matter. */
const PLAIN_TYPE = (TYPE_IPV4 << 16) | VERSION_AND_LENGTH;
const PLAIN_TYPE_MASK = ~0xff;
/** IPv4's fragment field and protocol; the time to live between them does not matter. */
const PLAIN_PROTOCOL = PROTOCOL_UDP;
const PLAIN_PROTOCOL_MASK = (MORE_FRAGMENTS_OR_OFFSET << 16) | 0xff;

const IP_KNOWN = RX_IP_GOOD | RX_IP_BAD;
const IP_GOOD = RX_IP_GOOD;
const UDP_GOOD = RX_UDP_GOOD;

/**
 * The length of the payload, or a negative number for a frame that needs a closer look: it is not plain, not to us, or
 * not known to be right. What passes here passes every check of the closer look too.
 */
export function plainPayloadLength(
  view: DataView,
  frame: number,
  length: number,
  flags: number,
  macHigh: number,
  macLow: number,
  address: number,
): number {
  if (length < PAYLOAD || (flags & IP_KNOWN) !== IP_GOOD) return -1;
  const source = view.getInt32(frame + SOURCE);
  const totalLength = view.getUint16(frame + TOTAL_LENGTH);
  const datagramLength = view.getUint16(frame + DATAGRAM_LENGTH);
  const isPlain =
    (view.getInt32(frame + TYPE_AND_VERSION) & PLAIN_TYPE_MASK) === PLAIN_TYPE &&
    view.getInt32(frame + MAC_LOW) === macLow &&
    view.getUint16(frame + MAC_HIGH) === macHigh &&
    (view.getInt32(frame + FRAGMENT_AND_PROTOCOL) & PLAIN_PROTOCOL_MASK) === PLAIN_PROTOCOL &&
    view.getInt32(frame + DESTINATION) === address &&
    totalLength <= length - PACKET &&
    datagramLength <= totalLength - PACKET_HEADER_LENGTH &&
    ((flags & UDP_GOOD) !== 0 || view.getUint16(frame + DATAGRAM_CHECKSUM) === 0) &&
    isUnicast(source) &&
    source !== address;
  return isPlain ? datagramLength - DATAGRAM_HEADER_LENGTH : -1;
}

/** Whom a plain frame is from. */
export function plainSource(view: DataView, frame: number): number {
  return view.getInt32(frame + SOURCE);
}

/** Hands a plain frame's payload over. */
export function deliverPlain(
  view: DataView,
  frame: number,
  payloadLength: number,
  listener: UdpListener,
): void {
  const ports = view.getInt32(frame + PORTS);
  listener.onUdp(frame + PAYLOAD, payloadLength, view.getInt32(frame + SOURCE), ports >>> 16, ports & 0xffff);
}
