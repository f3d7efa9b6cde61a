// hot
/** The Internet checksum, RFC 1071: a one's complement sum of 16-bit words. */

/** Adds the words of a byte range to `sum`; an odd last byte counts as its word's high half. Up to 64 KiB per sum. */
export function addBytes(sum: number, view: DataView, offset: number, length: number): number {
  const end = offset + (length & ~1);
  let total = sum;
  for (let i = offset; i < end; i += 2) total += view.getUint16(i);
  return (length & 1) === 0 ? total : total + (view.getUint8(end) << 8);
}

/** Adds both halves of a 32-bit word to `sum`. */
export function addWord(sum: number, word: number): number {
  return sum + (word >>> 16) + (word & 0xffff);
}

/** Brings a sum below 2^32 to 16 bits. A range whose checksum is right sums up to 0xffff. */
export function fold(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  const twice = (once >>> 16) + (once & 0xffff);
  return (twice >>> 16) + (twice & 0xffff);
}
