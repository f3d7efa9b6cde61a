// hot
import { shm } from '../native/addons.ts';
import type { Region } from './region.ts';

/** Copies `length` bytes of `view` into the region. Both ranges must exist; the caller checked them. */
export function copyIn(
  region: Region,
  offset: number,
  view: ArrayBufferView,
  viewOffset: number,
  length: number,
): void {
  shm.copyIn(region.handle, offset, view, viewOffset, length);
}

/** Copies `length` bytes of the region into `view`. Both ranges must exist; the caller checked them. */
export function copyOut(
  region: Region,
  offset: number,
  view: ArrayBufferView,
  viewOffset: number,
  length: number,
): void {
  shm.copyOut(region.handle, offset, view, viewOffset, length);
}

/** Zeroes a range of at least 8 bytes, aligned to 8; its first 8 bytes last, with release. */
export function zero(region: Region, offset: number, length: number): void {
  shm.zero(region.handle, offset, length);
}

/** As {@link zero}, for memory that nobody looks at soon: what the caches hold stays there. */
export function zeroPastCaches(region: Region, offset: number, length: number): void {
  shm.zeroPastCaches(region.handle, offset, length);
}

/**
 * Replaces a 64-bit word, given in halves, when it is the expected one. Returns whether it was. `offset` is in bytes, a
 * multiple of 8. Makes no garbage, unlike `Atomics` on 64-bit words.
 */
export function compareAndSetHalves(
  region: Region,
  offset: number,
  expectedLow: number,
  expectedHigh: number,
  low: number,
  high: number,
): boolean {
  return shm.compareAndSet64(region.handle, offset, expectedLow, expectedHigh, low, high);
}
