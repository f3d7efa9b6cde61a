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
