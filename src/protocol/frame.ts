// hot
/**
 * The 8 bytes every Aeron frame starts with, on the wire and in the log. All fields of all frames are little-endian.
 *
 * ```
 *   0        4         5       6      8
 *   | length | version | flags | type |
 * ```
 * `length` counts the header and not the padding up to the next multiple of 32.
 */
export const FRAME_LENGTH = 0;
export const VERSION = 4;
export const FLAGS = 5;
export const TYPE = 6;

/** Bytes of the header of a data frame, in the log and on the wire. */
export const HEADER_LENGTH = 32;
/** Frames start at multiples of this in a term, and data datagrams are multiples of it long. */
export const FRAME_ALIGNMENT = 32;
/** Bytes of the largest datagram: the largest multiple of 32 a UDP payload over IPv4 can be. */
export const MAX_UDP_PAYLOAD_LENGTH = 65504;

export const TYPE_PAD = 0x00;
export const TYPE_DATA = 0x01;
export const TYPE_NAK = 0x02;
export const TYPE_SM = 0x03;
export const TYPE_ERR = 0x04;
export const TYPE_SETUP = 0x05;
export const TYPE_RTTM = 0x06;
export const TYPE_RES = 0x07;
export const TYPE_RSP_SETUP = 0x0b;

const COMMON_HEADER_LENGTH = 8;
/** What the fixed fields of each type need. */
const NAK_LENGTH_MIN = 28;
const SM_LENGTH_MIN = 36;
const ERR_LENGTH_MIN = 40;
const SETUP_LENGTH_MIN = 40;
const RTTM_LENGTH_MIN = 40;
const RES_LENGTH_MIN = 22;
const RSP_SETUP_LENGTH_MIN = 20;

/** The frame's type, unsigned. */
export function frameType(view: DataView, offset: number): number {
  return view.getUint16(offset + TYPE, true);
}

export function frameLength(view: DataView, offset: number): number {
  return view.getInt32(offset + FRAME_LENGTH, true);
}

export function frameFlags(view: DataView, offset: number): number {
  return view.getUint8(offset + FLAGS);
}

/** Writes the common header, version 0. */
export function writeFrameHeader(
  view: DataView,
  offset: number,
  length: number,
  flags: number,
  type: number,
): void {
  view.setInt32(offset + FRAME_LENGTH, length, true);
  view.setUint8(offset + VERSION, 0);
  view.setUint8(offset + FLAGS, flags);
  view.setUint16(offset + TYPE, type, true);
}

/**
 * Whether a datagram of `length` bytes at `offset` starts with a frame whose fixed fields can all be read. The view must
 * reach `length` bytes; nothing else is taken for granted. What the fields say is checked by `isValidSetup` and its like.
 */
export function isValidFrame(view: DataView, offset: number, length: number): boolean {
  if (length < COMMON_HEADER_LENGTH) return false;
  const claimedLength = frameLength(view, offset);
  if (claimedLength < 0 || view.getUint8(offset + VERSION) !== 0) return false;
  switch (frameType(view, offset)) {
    case TYPE_PAD:
    case TYPE_DATA:
      return length >= HEADER_LENGTH && length % FRAME_ALIGNMENT === 0;
    case TYPE_NAK:
      return length >= NAK_LENGTH_MIN && claimedLength <= length;
    case TYPE_SM:
      return length >= SM_LENGTH_MIN && claimedLength <= length;
    case TYPE_ERR:
      return length >= ERR_LENGTH_MIN && claimedLength <= length;
    case TYPE_SETUP:
      return length >= SETUP_LENGTH_MIN && claimedLength <= length;
    case TYPE_RTTM:
      return length >= RTTM_LENGTH_MIN && claimedLength <= length;
    case TYPE_RSP_SETUP:
      return length >= RSP_SETUP_LENGTH_MIN && claimedLength <= length;
    case TYPE_RES:
      return length >= RES_LENGTH_MIN;
    default:
      return false;
  }
}
