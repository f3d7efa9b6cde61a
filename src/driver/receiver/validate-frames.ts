// hot
import { DATA_TERM_OFFSET } from '../../protocol/data-frame.ts';
import {
  FRAME_ALIGNMENT,
  FRAME_LENGTH,
  frameType,
  HEADER_LENGTH,
  TYPE_DATA,
  TYPE_PAD,
} from '../../protocol/frame.ts';

/** What {@link validateFrames} returns for a datagram that must not enter a log. */
export const INVALID_FRAMES: number = -1;

/**
 * Walks the frames of a data datagram, which `isValidFrame` has let pass, that claims to start at `termOffset`.
 * Returns the bytes of the term they take up, padding included, 0 for a heartbeat, or {@link INVALID_FRAMES} when they are
 * not contiguous whole frames inside the term.
 */
export function validateFrames(
  view: DataView,
  offset: number,
  length: number,
  termOffset: number,
  termLength: number,
): number {
  if (termOffset < 0 || termOffset >= termLength || termOffset % FRAME_ALIGNMENT !== 0) return INVALID_FRAMES;
  if (length === HEADER_LENGTH && view.getInt32(offset + FRAME_LENGTH, true) === 0) return 0;
  let frameOffset = 0;
  let type = TYPE_DATA;
  while (frameOffset < length) {
    const frame = offset + frameOffset;
    const frameLength = view.getInt32(frame + FRAME_LENGTH, true);
    type = frameType(view, frame);
    const nextTermOffset = termOffset + frameOffset;
    if (frameLength < HEADER_LENGTH || frameLength > termLength - nextTermOffset) return INVALID_FRAMES;
    if (type !== TYPE_DATA && type !== TYPE_PAD) return INVALID_FRAMES;
    if (view.getInt32(frame + DATA_TERM_OFFSET, true) !== nextTermOffset) return INVALID_FRAMES;
    frameOffset += (frameLength + (FRAME_ALIGNMENT - 1)) & -FRAME_ALIGNMENT;
  }
  // Only a padding frame is longer in the log than on the wire.
  return frameOffset === length || type === TYPE_PAD ? frameOffset : INVALID_FRAMES;
}
