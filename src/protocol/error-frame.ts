// hot
import { frameFlags, frameLength, TYPE_ERR, writeFrameHeader } from './frame.ts';

/**
 * A receiver rejects a stream.
 *
 * ```
 *   0               8            12          16            24          32           36             40
 *   | common header | session id | stream id | receiver id | group tag | error code | error length | text …
 * ```
 */
export const ERROR_LENGTH = 40;
export const ERROR_SESSION_ID = 8;
export const ERROR_STREAM_ID = 12;
/** 64 bits. */
export const ERROR_RECEIVER_ID = 16;
/** 64 bits; only with {@link ERROR_FLAG_HAS_GROUP_TAG}. */
export const ERROR_GROUP_TAG = 24;
export const ERROR_CODE = 32;
/** Bytes of the text. */
export const ERROR_TEXT_LENGTH = 36;
export const ERROR_TEXT = 40;

export const ERROR_TEXT_LENGTH_MAX = 1023;
export const ERROR_FLAG_HAS_GROUP_TAG = 0x08;

/**
 * 64-bit fields come as their two halves, int32 each. Of `text` the first {@link ERROR_TEXT_LENGTH_MAX} bytes are sent.
 * Returns the frame's length.
 */
export function writeError(
  view: DataView,
  offset: number,
  flags: number,
  sessionId: number,
  streamId: number,
  receiverIdLow: number,
  receiverIdHigh: number,
  groupTagLow: number,
  groupTagHigh: number,
  errorCode: number,
  text: Uint8Array,
): number {
  const textLength = Math.min(text.length, ERROR_TEXT_LENGTH_MAX);
  writeFrameHeader(view, offset, ERROR_LENGTH + textLength, flags, TYPE_ERR);
  view.setInt32(offset + ERROR_SESSION_ID, sessionId, true);
  view.setInt32(offset + ERROR_STREAM_ID, streamId, true);
  view.setInt32(offset + ERROR_RECEIVER_ID, receiverIdLow, true);
  view.setInt32(offset + ERROR_RECEIVER_ID + 4, receiverIdHigh, true);
  view.setInt32(offset + ERROR_GROUP_TAG, groupTagLow, true);
  view.setInt32(offset + ERROR_GROUP_TAG + 4, groupTagHigh, true);
  view.setInt32(offset + ERROR_CODE, errorCode, true);
  view.setInt32(offset + ERROR_TEXT_LENGTH, textLength, true);
  for (let i = 0; i < textLength; i++) view.setUint8(offset + ERROR_TEXT + i, text[i]!);
  return ERROR_LENGTH + textLength;
}

/** Whether the text of an error frame that passed `isValidFrame` lies inside the frame. */
export function isValidError(view: DataView, offset: number): boolean {
  const textLength = view.getInt32(offset + ERROR_TEXT_LENGTH, true);
  return textLength >= 0 && textLength <= frameLength(view, offset) - ERROR_LENGTH;
}

/** The group tag of an error frame, as its two halves, or `null`. Cold. */
export function errorGroupTag(view: DataView, offset: number): { low: number; high: number } | null {
  if ((frameFlags(view, offset) & ERROR_FLAG_HAS_GROUP_TAG) === 0) return null;
  return {
    low: view.getInt32(offset + ERROR_GROUP_TAG, true),
    high: view.getInt32(offset + ERROR_GROUP_TAG + 4, true),
  };
}

/** The text of an error frame that passed {@link isValidError}. */
export function errorText(view: DataView, offset: number): string {
  const length = Math.min(view.getInt32(offset + ERROR_TEXT_LENGTH, true), ERROR_TEXT_LENGTH_MAX);
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint8(offset + ERROR_TEXT + i));
  return text;
}
