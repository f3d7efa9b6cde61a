// hot
import { addBytes, fold } from '../util/internet-checksum.ts';

/** IGMP messages, RFC 1112 (version 1), 2236 (2) and 3376 (3). Offsets count from the message's start. */

export const IGMP_QUERY = 0x11;
export const IGMP_V1_REPORT = 0x12;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_V2_LEAVE = 0x17;
export const IGMP_V3_REPORT = 0x22;

export const IGMP_RESPONSE_CODE = 1;
/** Of queries, and of reports up to version 2. */
export const IGMP_GROUP = 4;
/** Messages up to version 2 are so long; a report of version 3 up to its records. */
export const IGMP_LENGTH = 8;
const V3_QUERY_LENGTH = 12;

/** A record of a version 3 report without sources: type, auxiliary length, number of sources, group. */
export const GROUP_RECORD_LENGTH = 8;
/** "All sources", as an answer to a query, on joining, and "none" on leaving. */
export const MODE_IS_EXCLUDE = 2;
export const CHANGE_TO_INCLUDE = 3;
export const CHANGE_TO_EXCLUDE = 4;

/** 224.0.0.1, where everybody is and nobody says so; 224.0.0.2, routers; 224.0.0.22, routers of version 3. */
export const ALL_SYSTEMS: number = 0xe0000001 | 0;
export const ALL_ROUTERS: number = 0xe0000002 | 0;
export const ALL_V3_ROUTERS: number = 0xe0000016 | 0;

/** Whether a message is whole: its checksum covers all of it. */
export function isValidIgmp(view: DataView, offset: number, length: number): boolean {
  return length >= IGMP_LENGTH && fold(addBytes(0, view, offset, length)) === 0xffff;
}

/** Of a query: 1, 2 or 3; 0 for a length that no version has. */
export function queryVersion(view: DataView, offset: number, length: number): number {
  if (length >= V3_QUERY_LENGTH) return 3;
  if (length !== IGMP_LENGTH) return 0;
  return view.getUint8(offset + IGMP_RESPONSE_CODE) === 0 ? 1 : 2;
}

/** Tenths of a second within which a query of some version wants its answer. */
export function maxResponseTime(code: number, version: number): number {
  if (version === 1) return 100;
  if (version === 2 || code < 128) return code;
  return ((code & 0x0f) | 0x10) << (((code >> 4) & 7) + 3);
}

/** Writes type, code and checksum, the first four bytes of a message whose other bytes sum up to `sum`. */
export function writeIgmpStart(view: DataView, offset: number, type: number, sum: number): void {
  view.setUint16(offset, type << 8);
  view.setUint16(offset + 2, ~fold(sum + (type << 8)) & 0xffff);
}
