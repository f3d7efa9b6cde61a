/** IPv6 frames as a stranger on the wire would send them, built byte by byte. */
import { ipAddressBytes, parseIpAddress } from '../../src/util/ip-text.ts';
import { hex, internetChecksum, OUR_MAC, PEER_MAC } from './frames.ts';

export const OUR_IPV6 = '2001:db8::1';
export const PEER_IPV6 = '2001:db8::2';
/** Made of {@link OUR_MAC}. */
export const OUR_LINK_LOCAL = 'fe80::ff:fe00:1';
export const PEER_LINK_LOCAL = 'fe80::ff:fe00:2';

export interface Ipv6Fields {
  readonly source: string;
  readonly destination: string;
  readonly hopLimit: number;
  readonly destinationMac: string;
  readonly sourceMac: string;
  /** Extension headers, and the protocol number of the first of them. */
  readonly extensions: string;
  readonly firstHeader: number;
}

/** The 16 octets of an address as digits. */
export function address6(text: string): string {
  return Buffer.from(ipAddressBytes(parseIpAddress(text)!)).toString('hex');
}

function macOf(destination: string): string {
  return destination.startsWith('ff') ? `3333${address6(destination).slice(24)}` : OUR_MAC;
}

export function ipv6Frame(protocol: number, payload: Uint8Array, fields: Partial<Ipv6Fields> = {}): Buffer {
  const { source = PEER_IPV6, destination = OUR_IPV6, hopLimit = 64, sourceMac = PEER_MAC } = fields;
  const { destinationMac = macOf(destination), extensions = '', firstHeader = protocol } = fields;
  const between = hex(extensions);
  const header = hex(`60000000 0000 0000 ${address6(source)} ${address6(destination)}`);
  header.writeUInt16BE(between.length + payload.length, 4);
  header[6] = firstHeader;
  header[7] = hopLimit;
  return Buffer.concat([hex(`${destinationMac}${sourceMac}86dd`), header, between, payload]);
}

/** The checksum of what is behind the headers, the slow way. */
function upperChecksum(protocol: number, payload: Uint8Array, fields: Partial<Ipv6Fields>): number {
  const { source = PEER_IPV6, destination = OUR_IPV6 } = fields;
  const pseudo = hex(`${address6(source)} ${address6(destination)} 00000000 00000000`);
  pseudo.writeUInt32BE(payload.length, 32);
  pseudo.writeUInt32BE(protocol, 36);
  return internetChecksum(Buffer.concat([pseudo, payload]));
}

/** An ICMPv6 message, whose checksum is filled in. */
export function icmpv6Frame(message: string, fields: Partial<Ipv6Fields> = {}): Buffer {
  const bytes = hex(message);
  bytes.writeUInt16BE(upperChecksum(58, bytes, fields), 2);
  return ipv6Frame(58, bytes, fields);
}

export function udp6Frame(
  payload: Uint8Array,
  fields: Partial<Ipv6Fields> & { readonly checksum?: number } = {},
): Buffer {
  const datagram = Buffer.concat([hex('0fa0 1388 0000 0000'), payload]);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.writeUInt16BE(fields.checksum ?? (upperChecksum(17, datagram, fields) || 0xffff), 6);
  return ipv6Frame(17, datagram, fields);
}

/** The packet of a frame without extension headers, in pieces of `pieceLength` bytes, a multiple of 8, as a host makes them. */
export function fragments6(frame: Buffer, pieceLength: number, identification = 1): Buffer[] {
  const payload = frame.subarray(54);
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < payload.length; offset += pieceLength) {
    const data = payload.subarray(offset, offset + pieceLength);
    const isLast = offset + pieceLength >= payload.length;
    pieces.push(fragment6(frame, data, offset, isLast, identification));
  }
  return pieces;
}

/** A piece of the packet of a frame, with any data at any place. */
export function fragment6(
  frame: Buffer,
  data: Uint8Array,
  offset: number,
  isLast: boolean,
  identification = 1,
): Buffer {
  const headers = Buffer.from(frame.subarray(0, 54));
  const header = hex('0000 0000 00000000');
  header[0] = headers[20]!;
  header.writeUInt16BE((offset & 0xfff8) | (isLast ? 0 : 1), 2);
  header.writeUInt32BE(identification, 4);
  headers[20] = 44;
  headers.writeUInt16BE(header.length + data.length, 18);
  return Buffer.concat([headers, header, data]);
}
