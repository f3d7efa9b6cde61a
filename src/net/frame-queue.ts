// hot
import {
  type Device,
  setTxPayload,
  TX_BY_REFERENCE,
  TX_HEADER_LENGTH_SHIFT,
  TX_UDP_CHECKSUM,
  txFrame,
} from '../device/device.ts';
import type { FrameTap, TapPoint } from '../device/frame-tap.ts';
import { writeEthernet } from './ethernet.ts';
import { TX_DATAGRAM_BYTES, TX_DATAGRAMS, TX_FRAMES, TX_NO_ROOM } from './net-statistics.ts';

/** No datagram is so long: a small integer, which V8 compares fastest. */
const LENGTH_NEVER = 1 << 20;

/**
 * Frames written into a device's slots and not yet handed over. To queue one: ask {@link hasRoom}, write its headers at
 * {@link nextFrame}, then add what comes behind them.
 */
export class FrameQueue implements TapPoint {
  readonly device: Device;
  tap: FrameTap | null = null;
  readonly view: DataView;
  private readonly words: Int32Array;
  private readonly statistics: Float64Array;
  private readonly referenceMin: number;
  private queued = 0;
  /** Those of them that are datagrams, and their payloads' bytes: counted when they are handed over. */
  private queuedDatagrams = 0;
  private queuedDatagramBytes = 0;

  constructor(device: Device, statistics: Float64Array) {
    this.device = device;
    this.view = device.memory.view;
    this.words = device.txWords;
    this.referenceMin = Math.min(device.capabilities.txReferenceMin, LENGTH_NEVER);
    this.statistics = statistics;
  }

  get isEmpty(): boolean {
    return this.queued === 0;
  }

  /** True when a slot is free, after pushing out what is queued if that makes one. */
  hasRoom(): boolean {
    const device = this.device;
    if (this.queued < device.txRoom) return true;
    this.transmit();
    if (device.txRoom > 0) return true;
    this.statistics[TX_NO_ROOM]!++;
    return false;
  }

  /** Where the headers of the next frame go, in the device's memory. */
  nextFrame(): number {
    return txFrame(this.words, this.queued);
  }

  /** Queues a frame with a payload of a region; its bytes are copied by {@link transmit}. */
  add(handle: number, offset: number, length: number): void {
    setTxPayload(this.words, this.queued, handle, offset, length, 0);
    this.queued++;
  }

  /** {@link add}, of a frame whose headers are not the 42 bytes that are the rule. */
  addLong(headerLength: number, handle: number, offset: number, length: number): void {
    setTxPayload(this.words, this.queued, handle, offset, length, headerLength << TX_HEADER_LENGTH_SHIFT);
    this.queued++;
  }

  /** Queues a frame with a payload that lies in the device's memory. */
  addOwn(payloadOffset: number, payloadLength: number): void {
    this.add(this.device.memory.handle, payloadOffset, payloadLength);
  }

  /** Queues a datagram whose checksum the device completes; `flags` say more of it. */
  addDatagram(handle: number, offset: number, length: number, flags: number): void {
    const how = length < this.referenceMin ? TX_UDP_CHECKSUM : TX_UDP_CHECKSUM | TX_BY_REFERENCE;
    setTxPayload(this.words, this.queued, handle, offset, length, how | flags);
    this.queued++;
    this.queuedDatagrams++;
    this.queuedDatagramBytes += length;
  }

  /** Writes the Ethernet header of the next frame, which this card sends. */
  writeEthernetTo(high: number, low: number, type: number): void {
    const { macHigh, macLow } = this.device;
    writeEthernet(this.view, this.nextFrame(), high, low, macHigh, macLow, type);
  }

  /** Hands what is queued to the device. */
  transmit(): void {
    const statistics = this.statistics;
    statistics[TX_FRAMES]! += this.queued;
    statistics[TX_DATAGRAMS]! += this.queuedDatagrams;
    statistics[TX_DATAGRAM_BYTES]! += this.queuedDatagramBytes;
    if (this.tap !== null && this.queued > 0) this.tap.onTransmit(this.device, this.queued);
    this.device.transmit(this.queued);
    this.queued = 0;
    this.queuedDatagrams = 0;
    this.queuedDatagramBytes = 0;
  }
}
