// hot
import { addBytes, fold } from '../util/internet-checksum.ts';

/** ICMP echo, RFC 792. Offsets count from the message's start, behind the IPv4 header. */

export const ICMP_CHECKSUM = 2;
export const ICMP_IDENTIFIER_AND_SEQUENCE = 4;
export const ICMP_HEADER_LENGTH = 8;

export const TYPE_AND_CODE_ECHO_REQUEST = 0x0800;

const TYPE_AND_CODE_ECHO_REPLY = 0;

/** Hears what comes back. Cold. */
export interface EchoReplyListener {
  /** `number` is the identifier and the sequence number; `length` is the message's, in bytes. */
  onEchoReply(source: number, number: number, length: number): void;
}

export function isIcmpChecksumRight(view: DataView, offset: number, length: number): boolean {
  return fold(addBytes(0, view, offset, length)) === 0xffff;
}

export function isEchoRequest(view: DataView, offset: number): boolean {
  return view.getUint16(offset) === TYPE_AND_CODE_ECHO_REQUEST;
}

export function isEchoReply(view: DataView, offset: number): boolean {
  return view.getUint16(offset) === TYPE_AND_CODE_ECHO_REPLY;
}

/**
 * Writes the 8 header bytes of the reply to a request; the payload is the request's. The checksum differs from the
 * request's by the type alone (RFC 1624).
 */
export function writeEchoReply(
  view: DataView,
  offset: number,
  request: DataView,
  requestOffset: number,
): void {
  const requestSum = ~request.getUint16(requestOffset + ICMP_CHECKSUM) & 0xffff;
  const sum = fold(requestSum + (~TYPE_AND_CODE_ECHO_REQUEST & 0xffff));
  view.setUint16(offset, 0);
  view.setUint16(offset + ICMP_CHECKSUM, ~sum & 0xffff);
  view.setInt32(
    offset + ICMP_IDENTIFIER_AND_SEQUENCE,
    request.getInt32(requestOffset + ICMP_IDENTIFIER_AND_SEQUENCE),
  );
}
