import type { Region } from '../memory/region.ts';

/** Where a position counter's 64-bit word is: `index` counts 32-bit words and is even. */
export interface PositionWord {
  readonly i32: Int32Array;
  readonly b64: BigInt64Array;
  readonly index: number;
}

/** The word at a byte offset of a region, a multiple of 8. */
export function positionWord(region: Region, byteOffset: number): PositionWord {
  return { i32: region.i32, b64: region.b64, index: byteOffset / 4 };
}
