// hot
/** Records of a capture ring; see `capture-file.ts`. Offsets in bytes. */

export const RECORD_LENGTH = 0;
export const RECORD_DIRECTION = 4;
export const RECORD_WIRE_LENGTH = 8;
export const RECORD_CAPTURED_LENGTH = 12;
/** Nanoseconds since 1970, a 64-bit integer. */
export const RECORD_EPOCH_NS = 16;
export const RECORD_HEADER_LENGTH = 24;

/** Nothing but the rest of the ring: the next record starts at its beginning. */
export const DIRECTION_PADDING = 0;
/** As pcapng numbers them. */
export const DIRECTION_IN = 1;
export const DIRECTION_OUT = 2;

/** Bytes that a record with so many bytes of a frame takes. */
export function recordLength(capturedLength: number): number {
  return (RECORD_HEADER_LENGTH + capturedLength + 7) & ~7;
}
