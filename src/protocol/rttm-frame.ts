// hot
import { TYPE_RTTM, writeFrameHeader } from './frame.ts';

/**
 * Measures the round trip time: echoed by the other side.
 *
 * ```
 *   0               8            12          16               24                32            40
 *   | common header | session id | stream id | echo timestamp | reception delta | receiver id |
 * ```
 */
export const RTTM_LENGTH = 40;
export const RTTM_SESSION_ID = 8;
export const RTTM_STREAM_ID = 12;
/** 64 bits: nanoseconds of the clock of whoever measures. */
export const RTTM_ECHO_TIMESTAMP = 16;
/** 64 bits: nanoseconds between receiving and answering. */
export const RTTM_RECEPTION_DELTA = 24;
/** 64 bits. */
export const RTTM_RECEIVER_ID = 32;

/** The frame wants to be answered. */
export const RTTM_FLAG_REPLY = 0x80;

/** 64-bit fields come as their two halves, int32 each. Returns the frame's length. */
export function writeRttm(
  view: DataView,
  offset: number,
  flags: number,
  sessionId: number,
  streamId: number,
  echoTimestampLow: number,
  echoTimestampHigh: number,
  receptionDeltaLow: number,
  receptionDeltaHigh: number,
  receiverIdLow: number,
  receiverIdHigh: number,
): number {
  writeFrameHeader(view, offset, RTTM_LENGTH, flags, TYPE_RTTM);
  view.setInt32(offset + RTTM_SESSION_ID, sessionId, true);
  view.setInt32(offset + RTTM_STREAM_ID, streamId, true);
  view.setInt32(offset + RTTM_ECHO_TIMESTAMP, echoTimestampLow, true);
  view.setInt32(offset + RTTM_ECHO_TIMESTAMP + 4, echoTimestampHigh, true);
  view.setInt32(offset + RTTM_RECEPTION_DELTA, receptionDeltaLow, true);
  view.setInt32(offset + RTTM_RECEPTION_DELTA + 4, receptionDeltaHigh, true);
  view.setInt32(offset + RTTM_RECEIVER_ID, receiverIdLow, true);
  view.setInt32(offset + RTTM_RECEIVER_ID + 4, receiverIdHigh, true);
  return RTTM_LENGTH;
}
