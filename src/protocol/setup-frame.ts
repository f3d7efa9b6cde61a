// hot
import { FRAME_ALIGNMENT, MAX_UDP_PAYLOAD_LENGTH, TYPE_SETUP, writeFrameHeader } from './frame.ts';

/**
 * A sender introduces its stream to receivers.
 *
 * ```
 *   0               8             12           16          20                24               28            32    36    40
 *   | common header | term offset | session id | stream id | initial term id | active term id | term length | mtu | ttl |
 * ```
 */
export const SETUP_LENGTH = 40;
/** Where the sender is in the active term. */
export const SETUP_TERM_OFFSET = 8;
export const SETUP_SESSION_ID = 12;
export const SETUP_STREAM_ID = 16;
export const SETUP_INITIAL_TERM_ID = 20;
export const SETUP_ACTIVE_TERM_ID = 24;
export const SETUP_TERM_LENGTH = 28;
export const SETUP_MTU = 32;
export const SETUP_TTL = 36;

/** The publication wants the receiver to announce a response stream. */
export const SETUP_FLAG_SEND_RESPONSE_SETUP = 0x80;
/** The sender's channel reaches several receivers. */
export const SETUP_FLAG_GROUP = 0x40;

const TERM_LENGTH_MIN = 65536;
const TERM_LENGTH_MAX = 1073741824;

/** Returns the frame's length. */
export function writeSetup(
  view: DataView,
  offset: number,
  flags: number,
  termOffset: number,
  sessionId: number,
  streamId: number,
  initialTermId: number,
  activeTermId: number,
  termLength: number,
  mtu: number,
  ttl: number,
): number {
  writeFrameHeader(view, offset, SETUP_LENGTH, flags, TYPE_SETUP);
  view.setInt32(offset + SETUP_TERM_OFFSET, termOffset, true);
  view.setInt32(offset + SETUP_SESSION_ID, sessionId, true);
  view.setInt32(offset + SETUP_STREAM_ID, streamId, true);
  view.setInt32(offset + SETUP_INITIAL_TERM_ID, initialTermId, true);
  view.setInt32(offset + SETUP_ACTIVE_TERM_ID, activeTermId, true);
  view.setInt32(offset + SETUP_TERM_LENGTH, termLength, true);
  view.setInt32(offset + SETUP_MTU, mtu, true);
  view.setInt32(offset + SETUP_TTL, ttl, true);
  return SETUP_LENGTH;
}

/** Whether the fields of a setup frame that passed `isValidFrame` are in range. */
export function isValidSetup(view: DataView, offset: number): boolean {
  const termLength = view.getInt32(offset + SETUP_TERM_LENGTH, true);
  if (termLength < TERM_LENGTH_MIN || termLength > TERM_LENGTH_MAX) return false;
  if ((termLength & (termLength - 1)) !== 0) return false;
  const termOffset = view.getInt32(offset + SETUP_TERM_OFFSET, true);
  if (termOffset < 0 || termOffset >= termLength || termOffset % FRAME_ALIGNMENT !== 0) return false;
  const mtu = view.getInt32(offset + SETUP_MTU, true);
  return mtu >= FRAME_ALIGNMENT && mtu <= MAX_UDP_PAYLOAD_LENGTH && mtu % FRAME_ALIGNMENT === 0;
}
