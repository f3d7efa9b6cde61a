import { DATA_SESSION_ID } from '../../protocol/data-frame.ts';
import {
  frameType,
  isValidFrame,
  TYPE_DATA,
  TYPE_ERR,
  TYPE_NAK,
  TYPE_PAD,
  TYPE_RES,
  TYPE_RSP_SETUP,
  TYPE_RTTM,
  TYPE_SETUP,
  TYPE_SM,
} from '../../protocol/frame.ts';
import { STATUS_MESSAGE_SESSION_ID } from '../../protocol/status-message-frame.ts';
import { formatIpv6 } from '../../util/ip-text.ts';
import { formatIpv4 } from '../../util/ipv4.ts';

const ETHERNET_HEADER_LENGTH = 14;
const VLAN_TAG_LENGTH = 4;
const IPV4_HEADER_LENGTH = 20;
const IPV6_HEADER_LENGTH = 40;
const UDP_HEADER_LENGTH = 8;

const ETHERNET_IPV4 = 0x0800;
const ETHERNET_ARP = 0x0806;
const ETHERNET_VLAN = 0x8100;
const ETHERNET_IPV6 = 0x86dd;

const IP_ICMP = 1;
const IP_IGMP = 2;
const IP_UDP = 17;
const IP_ICMPV6 = 58;

/** What `--filter` and the printed lines call the kinds of Aeron frames. */
export const AERON_FRAMES: ReadonlyMap<number, string> = new Map([
  [TYPE_PAD, 'pad'],
  [TYPE_DATA, 'data'],
  [TYPE_NAK, 'nak'],
  [TYPE_SM, 'sm'],
  [TYPE_ERR, 'err'],
  [TYPE_SETUP, 'setup'],
  [TYPE_RTTM, 'rttm'],
  [TYPE_RES, 'res'],
  [TYPE_RSP_SETUP, 'rsp_setup'],
]);

export type NetworkProtocol = 'arp' | 'ip' | 'ip6' | 'other';
export type TransportProtocol = 'udp' | 'icmp' | 'icmp6' | 'igmp' | 'other';

/** The headers of a frame, as far as its captured bytes reach; what is not there is null. */
export interface DecodedFrame {
  readonly network: NetworkProtocol;
  readonly source: string | null;
  readonly destination: string | null;
  readonly transport: TransportProtocol | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Where the UDP payload starts; null for everything else. */
  readonly payloadOffset: number | null;
  /** One of {@link AERON_FRAMES}, where the payload looks like a frame of Aeron. */
  readonly aeron: string | null;
  readonly sessionId: number | null;
  readonly streamId: number | null;
}

type Addresses = Pick<DecodedFrame, 'network' | 'source' | 'destination'>;

const NO_TRANSPORT = {
  transport: null,
  sourcePort: null,
  destinationPort: null,
  payloadOffset: null,
  aeron: null,
  sessionId: null,
  streamId: null,
} as const;
const NO_AERON = { aeron: null, sessionId: null, streamId: null } as const;

/** Reads the headers of an Ethernet frame. Of any bytes. */
export function decodeFrame(bytes: Buffer): DecodedFrame {
  const none = { network: 'other', source: null, destination: null, ...NO_TRANSPORT } as const;
  if (bytes.length < ETHERNET_HEADER_LENGTH) return none;
  const isTagged =
    bytes.readUInt16BE(12) === ETHERNET_VLAN && bytes.length >= ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;
  const start = ETHERNET_HEADER_LENGTH + (isTagged ? VLAN_TAG_LENGTH : 0);
  switch (bytes.readUInt16BE(start - 2)) {
    case ETHERNET_ARP:
      return decodeArp(bytes, start);
    case ETHERNET_IPV4:
      return decodeIpv4(bytes, start);
    case ETHERNET_IPV6:
      return decodeIpv6(bytes, start);
    default:
      return none;
  }
}

function decodeArp(bytes: Buffer, start: number): DecodedFrame {
  const isWhole = bytes.length >= start + 28;
  return {
    network: 'arp',
    source: isWhole ? formatIpv4(bytes.readInt32BE(start + 14)) : null,
    destination: isWhole ? formatIpv4(bytes.readInt32BE(start + 24)) : null,
    ...NO_TRANSPORT,
  };
}

function decodeIpv4(bytes: Buffer, start: number): DecodedFrame {
  if (bytes.length < start + IPV4_HEADER_LENGTH) {
    return { network: 'ip', source: null, destination: null, ...NO_TRANSPORT };
  }
  const addresses: Addresses = {
    network: 'ip',
    source: formatIpv4(bytes.readInt32BE(start + 12)),
    destination: formatIpv4(bytes.readInt32BE(start + 16)),
  };
  const isFirstPiece = (bytes.readUInt16BE(start + 6) & 0x1fff) === 0;
  const headerLength = (bytes[start]! & 0x0f) * 4;
  return decodeTransport(bytes, start + headerLength, bytes[start + 9]!, addresses, isFirstPiece);
}

function decodeIpv6(bytes: Buffer, start: number): DecodedFrame {
  if (bytes.length < start + IPV6_HEADER_LENGTH) {
    return { network: 'ip6', source: null, destination: null, ...NO_TRANSPORT };
  }
  const addresses: Addresses = {
    network: 'ip6',
    source: formatIpv6(bytes.subarray(start + 8, start + 24)),
    destination: formatIpv6(bytes.subarray(start + 24, start + 40)),
  };
  // A hop-by-hop header, which MLD has, is stepped over.
  let protocol = bytes[start + 6]!;
  let at = start + IPV6_HEADER_LENGTH;
  if (protocol === 0 && bytes.length >= at + 8) {
    protocol = bytes[at]!;
    at += 8 + 8 * bytes[at + 1]!;
  }
  return decodeTransport(bytes, at, protocol, addresses, true);
}

function decodeTransport(
  bytes: Buffer,
  start: number,
  protocol: number,
  addresses: Addresses,
  isFirstPiece: boolean,
): DecodedFrame {
  const transport = transportOf(protocol);
  if (transport !== 'udp' || !isFirstPiece || bytes.length < start + UDP_HEADER_LENGTH) {
    return { ...addresses, ...NO_TRANSPORT, transport };
  }
  const payloadOffset = start + UDP_HEADER_LENGTH;
  return {
    ...addresses,
    transport,
    sourcePort: bytes.readUInt16BE(start),
    destinationPort: bytes.readUInt16BE(start + 2),
    payloadOffset,
    ...decodeAeron(bytes, payloadOffset, bytes.readUInt16BE(start + 4) - UDP_HEADER_LENGTH),
  };
}

function transportOf(protocol: number): TransportProtocol {
  switch (protocol) {
    case IP_UDP:
      return 'udp';
    case IP_ICMP:
      return 'icmp';
    case IP_ICMPV6:
      return 'icmp6';
    case IP_IGMP:
      return 'igmp';
    default:
      return 'other';
  }
}

/** `length` is what the UDP header says; the snap length may have cut the bytes off. */
function decodeAeron(
  bytes: Buffer,
  offset: number,
  length: number,
): Pick<DecodedFrame, 'aeron' | 'sessionId' | 'streamId'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const captured = bytes.length - offset;
  if (captured < 20 || length < 20 || !isValidFrame(view, offset, length)) return NO_AERON;
  const type = frameType(view, offset);
  const aeron = AERON_FRAMES.get(type) ?? null;
  if (type === TYPE_RES) return { ...NO_AERON, aeron };
  // Session id and stream id follow each other: behind the term offset in the first three, at once in all others.
  const hasTermOffset = type === TYPE_DATA || type === TYPE_PAD || type === TYPE_SETUP;
  const idsAt = offset + (hasTermOffset ? DATA_SESSION_ID : STATUS_MESSAGE_SESSION_ID);
  return { aeron, sessionId: view.getInt32(idsAt, true), streamId: view.getInt32(idsAt + 4, true) };
}
