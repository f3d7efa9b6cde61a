// hot
import type { Device } from './device.ts';

/** Sees the frames of a device, burst by burst, on the thread of the device. Must not throw and must not allocate. */
export interface FrameTap {
  /** A burst has come in: the first `count` entries of `rxWords`. */
  onReceive(device: Device, count: number): void;
  /** A burst is about to go out: the first `count` slots of `txWords`. UDP checksums are still the device's to complete. */
  onTransmit(device: Device, count: number): void;
}

/** Where frames can be seen. */
export interface TapPoint {
  /** Null: nobody looks. */
  tap: FrameTap | null;
}
