// hot

/** Rounds `value` up to a multiple of `alignment`, a power of two. Exact below 2^53. */
export function align(value: number, alignment: number): number {
  const over = value % alignment;
  return over === 0 ? value : value + (alignment - over);
}

/** Rounds a 32-bit length up to a multiple of 32, a frame's alignment in the log. */
export function align32(length: number): number {
  return (length + 31) & ~31;
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && Math.log2(value) % 1 === 0;
}
