// hot
import type { EpochNs } from '../../concurrent/clock.ts';
import { FLAG_BEGIN } from '../../protocol/data-frame.ts';
import { FLAGS, FRAME_LENGTH, frameType, HEADER_LENGTH, TYPE_DATA } from '../../protocol/frame.ts';

/** Of a timestamp, in bytes of the payload: in the reserved value, the last 64 bits of a frame's header. */
export const RESERVED_OFFSET = -8;

const TIMESTAMP_LENGTH = 8;

/**
 * Writes `time` into the frame at `frame`, of which `available` bytes are there, `offset` bytes into its payload or at
 * {@link RESERVED_OFFSET}: if the frame begins a message that is long enough. An offset that is less changes nothing.
 */
export function stampFrame(
  view: DataView,
  frame: number,
  available: number,
  offset: number,
  time: EpochNs,
): void {
  if (offset < RESERVED_OFFSET || (offset < 0 && offset !== RESERVED_OFFSET)) return;
  if (available < HEADER_LENGTH || frameType(view, frame) !== TYPE_DATA) return;
  if ((view.getUint8(frame + FLAGS) & FLAG_BEGIN) === 0) return;
  const frameLength = view.getInt32(frame + FRAME_LENGTH, true);
  const at = HEADER_LENGTH + offset;
  if (frameLength > available || at + TIMESTAMP_LENGTH > frameLength) return;
  view.setInt32(frame + at, time.low, true);
  view.setInt32(frame + at + 4, time.high, true);
}
