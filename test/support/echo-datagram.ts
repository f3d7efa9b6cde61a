/** What both sides of an echo test agree on: datagram `sequence` has this length and these bytes. */

const LENGTHS = [4, 5, 17, 18, 19, 64, 333, 1000, 1408, 1471, 1472];
/** Too long for a frame: a kernel sends them in pieces. */
const LONG_LENGTHS = [1473, 2952, 2953, 4000, 8192, 20_000, 65_507];
/** From this sequence number on datagrams are long. */
export const FIRST_LONG: number = 1 << 24;
export const LENGTH_MAX = 65_507;
/** An answer has no more of a datagram than fits a frame. */
export const ANSWER_LENGTH_MAX = 1472;

export function lengthOf(sequence: number): number {
  const lengths = sequence < FIRST_LONG ? LENGTHS : LONG_LENGTHS;
  return lengths[sequence % lengths.length]!;
}

/** Writes the datagram to the start of `bytes` and returns its length. */
export function writeDatagram(bytes: Buffer, sequence: number): number {
  const length = lengthOf(sequence);
  bytes.writeUInt32BE(sequence);
  for (let i = 4; i < length; i++) bytes[i] = byteOf(sequence, i);
  return length;
}

export function isDatagram(bytes: Uint8Array, offset: number, length: number): boolean {
  return length === lengthOf(sequenceOf(bytes, offset)) && isRight(bytes, offset, length);
}

export function isAnswer(bytes: Uint8Array, offset: number, length: number): boolean {
  const expected = Math.min(lengthOf(sequenceOf(bytes, offset)), ANSWER_LENGTH_MAX);
  return length === expected && isRight(bytes, offset, length);
}

function sequenceOf(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

function isRight(bytes: Uint8Array, offset: number, length: number): boolean {
  const sequence = sequenceOf(bytes, offset);
  for (let i = 4; i < length; i++) {
    if (bytes[offset + i] !== byteOf(sequence, i)) return false;
  }
  return true;
}

function byteOf(sequence: number, i: number): number {
  return (Math.imul(sequence + 1, 0x9e3779b1) >>> (i & 15)) & 0xff;
}
