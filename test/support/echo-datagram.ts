/** What both sides of an echo test agree on: datagram `sequence` has this length and these bytes. */

const LENGTHS = [4, 5, 17, 18, 19, 64, 333, 1000, 1408, 1471, 1472];

export function lengthOf(sequence: number): number {
  return LENGTHS[sequence % LENGTHS.length]!;
}

/** Writes the datagram to the start of `bytes` and returns its length. */
export function writeDatagram(bytes: Buffer, sequence: number): number {
  const length = lengthOf(sequence);
  bytes.writeUInt32BE(sequence);
  for (let i = 4; i < length; i++) bytes[i] = byteOf(sequence, i);
  return length;
}

export function isDatagram(bytes: Uint8Array, offset: number, length: number): boolean {
  const sequence =
    (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
  if (length !== lengthOf(sequence)) return false;
  for (let i = 4; i < length; i++) {
    if (bytes[offset + i] !== byteOf(sequence, i)) return false;
  }
  return true;
}

function byteOf(sequence: number, i: number): number {
  return (Math.imul(sequence + 1, 0x9e3779b1) >>> (i & 15)) & 0xff;
}
