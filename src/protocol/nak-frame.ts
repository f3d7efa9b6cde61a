// hot
import { FRAME_ALIGNMENT, TYPE_NAK, writeFrameHeader } from './frame.ts';

/**
 * A receiver asks for a gap to be sent again.
 *
 * ```
 *   0               8            12          16        20            24       28
 *   | common header | session id | stream id | term id | term offset | length |
 * ```
 */
export const NAK_LENGTH = 28;
export const NAK_SESSION_ID = 8;
export const NAK_STREAM_ID = 12;
export const NAK_TERM_ID = 16;
/** Where the gap starts. */
export const NAK_TERM_OFFSET = 20;
/** Bytes of the gap. */
export const NAK_GAP_LENGTH = 24;

/** Returns the frame's length. */
export function writeNak(
  view: DataView,
  offset: number,
  flags: number,
  sessionId: number,
  streamId: number,
  termId: number,
  termOffset: number,
  gapLength: number,
): number {
  writeFrameHeader(view, offset, NAK_LENGTH, flags, TYPE_NAK);
  view.setInt32(offset + NAK_SESSION_ID, sessionId, true);
  view.setInt32(offset + NAK_STREAM_ID, streamId, true);
  view.setInt32(offset + NAK_TERM_ID, termId, true);
  view.setInt32(offset + NAK_TERM_OFFSET, termOffset, true);
  view.setInt32(offset + NAK_GAP_LENGTH, gapLength, true);
  return NAK_LENGTH;
}

/** Whether the gap of a NAK that passed `isValidFrame` lies in a term of `termLength`. An empty gap does. */
export function isValidNak(view: DataView, offset: number, termLength: number): boolean {
  const termOffset = view.getInt32(offset + NAK_TERM_OFFSET, true);
  if (termOffset < 0 || termOffset >= termLength || termOffset % FRAME_ALIGNMENT !== 0) return false;
  const gapLength = view.getInt32(offset + NAK_GAP_LENGTH, true);
  return gapLength >= 0 && gapLength <= termLength - termOffset;
}
