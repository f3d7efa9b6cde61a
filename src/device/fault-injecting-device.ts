// hot
import type { Region } from '../memory/region.ts';
import { Prng } from '../util/prng.ts';
import {
  BURST_CAPACITY,
  type Device,
  type DeviceCapabilities,
  RX_FLAGS,
  RX_LENGTH,
  RX_OFFSET,
  RX_WORDS,
} from './device.ts';

/** How often a received frame suffers what: probabilities, each drawn by itself. */
export interface FaultInjectingDeviceOptions {
  readonly seed: number;
  readonly drop: number;
  /** The frame comes twice in a row. */
  readonly duplicate: number;
  /** The frame changes places with the one before it in the burst. */
  readonly swap: number;
  /** One bit of the frame flips. */
  readonly corrupt: number;
}

/** A device with a bad cable: what another device receives, less, more, in another order or damaged. */
export class FaultInjectingDevice implements Device {
  readonly macHigh: number;
  readonly macLow: number;
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly memory: Region;
  readonly rxWords: Int32Array = new Int32Array(BURST_CAPACITY * RX_WORDS);
  readonly txWords: Int32Array;
  readonly statistics: Float64Array;
  private readonly inner: Device;
  private readonly options: FaultInjectingDeviceOptions;
  private readonly prng: Prng;

  constructor(inner: Device, options: FaultInjectingDeviceOptions) {
    this.macHigh = inner.macHigh;
    this.macLow = inner.macLow;
    this.mtu = inner.mtu;
    this.capabilities = inner.capabilities;
    this.memory = inner.memory;
    this.txWords = inner.txWords;
    this.statistics = inner.statistics;
    this.inner = inner;
    this.options = options;
    this.prng = new Prng(options.seed);
  }

  get txRoom(): number {
    return this.inner.txRoom;
  }

  receive(): number {
    const { prng, options } = this;
    const received = this.inner.receive();
    let count = 0;
    for (let i = 0; i < received && count < BURST_CAPACITY; i++) {
      if (prng.nextFraction() < options.drop) continue;
      this.copyWords(i, count);
      if (prng.nextFraction() < options.corrupt) this.flipBit(count);
      if (count > 0 && prng.nextFraction() < options.swap) this.swapWithPrevious(count);
      count++;
      if (count < BURST_CAPACITY && prng.nextFraction() < options.duplicate) this.copyWords(i, count++);
    }
    return count;
  }

  transmit(count: number): number {
    return this.inner.transmit(count);
  }

  setGroups(addresses: Int32Array, count: number): void {
    this.inner.setGroups(addresses, count);
  }

  isLinkUp(): boolean {
    return this.inner.isLinkUp();
  }

  waitForFrame(timeoutUs: number): boolean {
    return this.inner.waitForFrame(timeoutUs);
  }

  readStatistics(): void {
    this.inner.readStatistics();
  }

  close(): void {
    this.inner.close();
  }

  /** Without flags: what the inner device knew of the checksums may not hold any more. */
  private copyWords(from: number, to: number): void {
    const words = this.inner.rxWords;
    this.rxWords[to * RX_WORDS + RX_OFFSET] = words[from * RX_WORDS + RX_OFFSET]!;
    this.rxWords[to * RX_WORDS + RX_LENGTH] = words[from * RX_WORDS + RX_LENGTH]!;
    this.rxWords[to * RX_WORDS + RX_FLAGS] = 0;
  }

  private swapWithPrevious(index: number): void {
    const words = this.rxWords;
    for (let i = index * RX_WORDS; i < (index + 1) * RX_WORDS; i++) {
      const word = words[i]!;
      words[i] = words[i - RX_WORDS]!;
      words[i - RX_WORDS] = word;
    }
  }

  private flipBit(index: number): void {
    const length = this.rxWords[index * RX_WORDS + RX_LENGTH]!;
    if (length === 0) return;
    const bit = this.prng.nextBelow(length * 8);
    const offset = this.rxWords[index * RX_WORDS + RX_OFFSET]! + (bit >>> 3);
    const { view } = this.memory;
    view.setUint8(offset, view.getUint8(offset) ^ (1 << (bit & 7)));
  }
}
