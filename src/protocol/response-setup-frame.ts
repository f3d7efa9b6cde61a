// hot
import { TYPE_RSP_SETUP, writeFrameHeader } from './frame.ts';

/**
 * The receiver of a request stream names the session of its response stream.
 *
 * ```
 *   0               8            12          16                    20
 *   | common header | session id | stream id | response session id |
 * ```
 */
export const RESPONSE_SETUP_LENGTH = 20;
export const RESPONSE_SETUP_SESSION_ID = 8;
export const RESPONSE_SETUP_STREAM_ID = 12;
export const RESPONSE_SETUP_RESPONSE_SESSION_ID = 16;

/** Returns the frame's length. */
export function writeResponseSetup(
  view: DataView,
  offset: number,
  flags: number,
  sessionId: number,
  streamId: number,
  responseSessionId: number,
): number {
  writeFrameHeader(view, offset, RESPONSE_SETUP_LENGTH, flags, TYPE_RSP_SETUP);
  view.setInt32(offset + RESPONSE_SETUP_SESSION_ID, sessionId, true);
  view.setInt32(offset + RESPONSE_SETUP_STREAM_ID, streamId, true);
  view.setInt32(offset + RESPONSE_SETUP_RESPONSE_SESSION_ID, responseSessionId, true);
  return RESPONSE_SETUP_LENGTH;
}
