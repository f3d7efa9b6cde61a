// hot
import { addBytes, fold } from '../util/internet-checksum.ts';
import { ipv6PseudoSum, NEXT_ICMPV6 } from './ipv6.ts';

/** ICMPv6: RFC 4443, neighbour discovery of RFC 4861, MLD of RFC 2710 and 3810. Offsets count from the message's start. */

export const DESTINATION_UNREACHABLE = 1;
export const PORT_UNREACHABLE = 4;
export const PACKET_TOO_BIG = 2;
export const ECHO_REQUEST = 128;
export const ECHO_REPLY = 129;
export const MLD_QUERY = 130;
export const MLD_V1_REPORT = 131;
export const MLD_V1_DONE = 132;
export const NEIGHBOUR_SOLICITATION = 135;
export const NEIGHBOUR_ADVERTISEMENT = 136;
export const MLD_V2_REPORT = 143;

export const ICMPV6_CODE = 1;
export const ICMPV6_CHECKSUM = 2;
export const ICMPV6_HEADER_LENGTH = 8;

/** Of advertisements. */
export const ND_FLAGS = 4;
export const ND_SOLICITED = 0x40000000;
export const ND_OVERRIDE = 0x20000000;
export const ND_TARGET = 8;
/** Up to the options. */
export const ND_LENGTH = 24;
export const OPTION_SOURCE_MAC = 1;
export const OPTION_TARGET_MAC = 2;
/** Of an option with an Ethernet address: type, length in units of 8 bytes, address. */
export const OPTION_LENGTH = 8;
/** Nobody honest has more options. */
const OPTIONS_MAX = 16;

/** Writes the checksum of a message, all of which is written but for that, of a packet whose header is written. */
export function writeIcmpv6Checksum(view: DataView, packet: number, message: number, length: number): void {
  view.setUint16(message + ICMPV6_CHECKSUM, 0);
  const sum = addBytes(ipv6PseudoSum(view, packet, NEXT_ICMPV6, length), view, message, length);
  view.setUint16(message + ICMPV6_CHECKSUM, ~fold(sum) & 0xffff);
}

/** What {@link findMacOption} says of options that are not well-formed, and of such as have none of the type. */
export const MALFORMED_OPTIONS = -2;
export const NO_OPTION = -1;

/** Where, behind a message of {@link ND_LENGTH} bytes, the Ethernet address of the first option of a type is. */
export function findMacOption(view: DataView, message: number, length: number, type: number): number {
  const end = message + length;
  let at = message + ND_LENGTH;
  let found = NO_OPTION;
  for (let i = 0; at < end; i++) {
    if (i === OPTIONS_MAX || end - at < OPTION_LENGTH) return MALFORMED_OPTIONS;
    const optionLength = view.getUint8(at + 1) * 8;
    if (optionLength === 0 || optionLength > end - at) return MALFORMED_OPTIONS;
    if (found === NO_OPTION && view.getUint8(at) === type) found = at + 2;
    at += optionLength;
  }
  return found;
}
