/** Ethernet frames as a stranger on the wire would send them, built and read byte by byte. */
import { type Device, RX_LENGTH, RX_OFFSET, RX_WORDS } from '../../src/device/device.ts';

export const OUR_MAC = '020000000001';
export const PEER_MAC = '020000000002';
export const BROADCAST_MAC = 'ffffffffffff';
export const OUR_ADDRESS = 0x0a000001;
export const PEER_ADDRESS = 0x0a000002;

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/[\s|]/g, ''), 'hex');
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

function half(value: number): string {
  return (value & 0xffff).toString(16).padStart(4, '0');
}

export function arpFrame(
  operation: number,
  fields: Partial<{
    destination: string;
    senderMac: string;
    sender: number;
    targetMac: string;
    target: number;
  }> = {},
): Buffer {
  const {
    destination = OUR_MAC,
    senderMac = PEER_MAC,
    sender = PEER_ADDRESS,
    targetMac = '000000000000',
    target = OUR_ADDRESS,
  } = fields;
  return hex(
    `${destination}${senderMac}0806 0001 0800 06 04 ${half(operation)} ${senderMac}${word(sender)} ${targetMac}${word(target)}`,
  );
}

/** The checksum of RFC 1071, written the slow way. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

export interface Ipv4Fields {
  readonly source: number;
  readonly destination: number;
  readonly fragment: number;
  readonly options: string;
  readonly destinationMac: string;
  readonly identification: number;
}

/** A whole packet with a right header checksum. */
export function ipv4Frame(protocol: number, payload: Uint8Array, fields: Partial<Ipv4Fields> = {}): Buffer {
  const {
    source = PEER_ADDRESS,
    destination = OUR_ADDRESS,
    fragment = 0,
    options = '',
    destinationMac = OUR_MAC,
    identification = 0x1234,
  } = fields;
  const headerLength = 20 + options.length / 2;
  const header = hex(
    `4${headerLength / 4} 00 ${half(headerLength + payload.length)} ${half(identification)} ${half(fragment)} 40 ${half(protocol).slice(2)} 0000 ${word(source)} ${word(destination)} ${options}`,
  );
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([hex(`${destinationMac}${PEER_MAC}0800`), header, payload]);
}

export interface UdpFields extends Ipv4Fields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly checksum: boolean;
}

export function udpFrame(payload: Uint8Array, fields: Partial<UdpFields> = {}): Buffer {
  const { sourcePort = 4000, destinationPort = 5000, checksum = true } = fields;
  const { source = PEER_ADDRESS, destination = OUR_ADDRESS } = fields;
  const length = 8 + payload.length;
  const datagram = Buffer.concat([
    hex(`${half(sourcePort)}${half(destinationPort)}${half(length)}0000`),
    payload,
  ]);
  if (checksum) {
    const pseudo = hex(`${word(source)}${word(destination)}0011${half(length)}`);
    datagram.writeUInt16BE(internetChecksum(Buffer.concat([pseudo, datagram])) || 0xffff, 6);
  }
  return ipv4Frame(17, datagram, fields);
}

/** The packet of a frame in pieces of `pieceLength` bytes of payload, a multiple of 8, as a router makes them. */
export function fragments(frame: Buffer, pieceLength: number): Buffer[] {
  const payload = frame.subarray(34);
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < payload.length; offset += pieceLength) {
    const piece = payload.subarray(offset, offset + pieceLength);
    const header = Buffer.from(frame.subarray(0, 34));
    header.writeUInt16BE(20 + piece.length, 16);
    header.writeUInt16BE((offset >> 3) | (offset + pieceLength < payload.length ? 0x2000 : 0), 20);
    header.writeUInt16BE(0, 24);
    header.writeUInt16BE(internetChecksum(header.subarray(14)), 24);
    pieces.push(Buffer.concat([header, piece]));
  }
  return pieces;
}

export function echoRequest(payload: Uint8Array, fields: Partial<Ipv4Fields> = {}): Buffer {
  const message = Buffer.concat([hex('0800 0000 beef 0007'), payload]);
  message.writeUInt16BE(internetChecksum(message), 2);
  return ipv4Frame(1, message, fields);
}

/** Copies of the frames that wait at a device. */
export function receivedFrames(device: Device): Buffer[] {
  const frames: Buffer[] = [];
  for (let count = device.receive(); count > 0; count = device.receive()) {
    for (let i = 0; i < count; i++) {
      const offset = device.rxWords[i * RX_WORDS + RX_OFFSET]!;
      const length = device.rxWords[i * RX_WORDS + RX_LENGTH]!;
      frames.push(Buffer.from(device.memory.bytes.subarray(offset, offset + length)));
    }
  }
  return frames;
}
