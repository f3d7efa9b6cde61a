// hot
import { FRAME_ALIGNMENT, FRAME_LENGTH, TYPE_SM, writeFrameHeader } from './frame.ts';

/**
 * A receiver tells the sender what was consumed and how much more may be sent.
 *
 * ```
 *   0               8            12          16                    20                        24                28            36
 *   | common header | session id | stream id | consumption term id | consumption term offset | receiver window | receiver id |
 * ```
 * 8 more bytes may follow: the receiver's group tag.
 */
export const STATUS_MESSAGE_LENGTH = 36;
export const STATUS_MESSAGE_SESSION_ID = 8;
export const STATUS_MESSAGE_STREAM_ID = 12;
export const STATUS_MESSAGE_CONSUMPTION_TERM_ID = 16;
export const STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET = 20;
/** Bytes beyond the consumption position. */
export const STATUS_MESSAGE_RECEIVER_WINDOW = 24;
/** 64 bits, not aligned. */
export const STATUS_MESSAGE_RECEIVER_ID = 28;
/** Present when the frame is {@link STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH} long. */
export const STATUS_MESSAGE_GROUP_TAG = 36;
export const STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH = 44;

/** The receiver asks for a setup frame; position and window are 0 and mean nothing. */
export const STATUS_MESSAGE_FLAG_SEND_SETUP = 0x80;
/** The receiver is going away. */
export const STATUS_MESSAGE_FLAG_EOS = 0x40;

/** The receiver id comes as its two halves, int32 each. Returns the frame's length. */
export function writeStatusMessage(
  view: DataView,
  offset: number,
  flags: number,
  sessionId: number,
  streamId: number,
  consumptionTermId: number,
  consumptionTermOffset: number,
  receiverWindowLength: number,
  receiverIdLow: number,
  receiverIdHigh: number,
): number {
  writeFrameHeader(view, offset, STATUS_MESSAGE_LENGTH, flags, TYPE_SM);
  view.setInt32(offset + STATUS_MESSAGE_SESSION_ID, sessionId, true);
  view.setInt32(offset + STATUS_MESSAGE_STREAM_ID, streamId, true);
  view.setInt32(offset + STATUS_MESSAGE_CONSUMPTION_TERM_ID, consumptionTermId, true);
  view.setInt32(offset + STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET, consumptionTermOffset, true);
  view.setInt32(offset + STATUS_MESSAGE_RECEIVER_WINDOW, receiverWindowLength, true);
  view.setInt32(offset + STATUS_MESSAGE_RECEIVER_ID, receiverIdLow, true);
  view.setInt32(offset + STATUS_MESSAGE_RECEIVER_ID + 4, receiverIdHigh, true);
  return STATUS_MESSAGE_LENGTH;
}

/** Adds a group tag, as two int32 halves, to a status message at `offset`. Returns the frame's length. */
export function addGroupTag(view: DataView, offset: number, tagLow: number, tagHigh: number): number {
  view.setInt32(offset + FRAME_LENGTH, STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH, true);
  view.setInt32(offset + STATUS_MESSAGE_GROUP_TAG, tagLow, true);
  view.setInt32(offset + STATUS_MESSAGE_GROUP_TAG + 4, tagHigh, true);
  return STATUS_MESSAGE_WITH_GROUP_TAG_LENGTH;
}

/** Whether the fields of a status message that passed `isValidFrame` are in range for a stream's term length. */
export function isValidStatusMessage(view: DataView, offset: number, termLength: number): boolean {
  const termOffset = view.getInt32(offset + STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET, true);
  if (termOffset < 0 || termOffset >= termLength || termOffset % FRAME_ALIGNMENT !== 0) return false;
  const windowLength = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_WINDOW, true);
  return windowLength >= 0 && windowLength <= termLength >> 1;
}
