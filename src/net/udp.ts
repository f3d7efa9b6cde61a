// hot
import type { Region } from '../memory/region.ts';
import { addBytes, addWord, fold } from '../util/internet-checksum.ts';
import { PROTOCOL_UDP } from './ipv4.ts';

/** UDP headers, RFC 768. Offsets count from the datagram's start, behind the IPv4 header. */

export const UDP_SOURCE_PORT = 0;
export const UDP_DESTINATION_PORT = 2;
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER_LENGTH = 8;

/** Receives UDP payloads for our first address, of any port, valid until the next receive. */
export interface UdpListener {
  onUdp(
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationPort: number,
  ): void;
}

/** Receives UDP payloads for groups and for our further addresses, of any port, valid until the next receive. */
export interface GroupListener {
  onGroupUdp(
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destination: number,
    destinationPort: number,
  ): void;
}

/** Receives UDP payloads that came in pieces, for our addresses and for groups. They lie in `region` until the next receive. */
export interface ReassembledListener {
  onReassembledUdp(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationAddress: number,
    destinationPort: number,
  ): void;
}

/** The sum of the pseudo-header, not folded. */
export function pseudoHeaderSum(source: number, destination: number, udpLength: number): number {
  return addWord(addWord(PROTOCOL_UDP + udpLength, source), destination);
}

/** True when the datagram's checksum is right. `length` counts header and payload. */
export function isUdpChecksumRight(
  view: DataView,
  offset: number,
  length: number,
  source: number,
  destination: number,
): boolean {
  return fold(addBytes(pseudoHeaderSum(source, destination, length), view, offset, length)) === 0xffff;
}
