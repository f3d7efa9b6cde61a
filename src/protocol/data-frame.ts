// hot
import { HEADER_LENGTH, TYPE_DATA, writeFrameHeader } from './frame.ts';

/**
 * Data and padding frames; the same 32 bytes in a term and on the wire, payload after them.
 *
 * ```
 *   0                8             12           16          20        24               32
 *   | common header  | term offset | session id | stream id | term id | reserved value |
 * ```
 */
export const DATA_TERM_OFFSET = 8;
export const DATA_SESSION_ID = 12;
export const DATA_STREAM_ID = 16;
export const DATA_TERM_ID = 20;
/** 64 bits that belong to the application. */
export const DATA_RESERVED_VALUE = 24;

export const FLAG_BEGIN = 0x80;
export const FLAG_END = 0x40;
export const FLAG_UNFRAGMENTED = 0xc0;
/** End of stream; on heartbeats only. */
export const FLAG_EOS = 0x20;
/** The publication was revoked; on heartbeats only. */
export const FLAG_REVOKED = 0x10;

/** Writes a data frame without payload and of frame length 0, which says where the sender is. Returns its length. */
export function writeHeartbeat(
  view: DataView,
  offset: number,
  flags: number,
  termOffset: number,
  sessionId: number,
  streamId: number,
  termId: number,
): number {
  writeFrameHeader(view, offset, 0, flags, TYPE_DATA);
  view.setInt32(offset + DATA_TERM_OFFSET, termOffset, true);
  view.setInt32(offset + DATA_SESSION_ID, sessionId, true);
  view.setInt32(offset + DATA_STREAM_ID, streamId, true);
  view.setInt32(offset + DATA_TERM_ID, termId, true);
  view.setInt32(offset + DATA_RESERVED_VALUE, 0, true);
  view.setInt32(offset + DATA_RESERVED_VALUE + 4, 0, true);
  return HEADER_LENGTH;
}
