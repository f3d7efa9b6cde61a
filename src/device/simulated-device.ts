// hot
import { CopyBurst } from '../memory/copy-burst.ts';
import { Region } from '../memory/region.ts';
import { align } from '../util/bits.ts';
import { addBytes, fold } from '../util/internet-checksum.ts';
import {
  BURST_CAPACITY,
  DEVICE_STATISTICS,
  type Device,
  type DeviceCapabilities,
  RX_FLAGS,
  RX_LENGTH,
  RX_OFFSET,
  RX_SUM,
  RX_SUMMED,
  RX_WORDS,
  TX_FLAGS,
  TX_FRAME,
  TX_HANDLE,
  TX_HEADER_LENGTH,
  TX_LENGTH,
  TX_OFFSET,
  TX_UDP_CHECKSUM,
  TX_WORDS,
  txHeaderLength,
} from './device.ts';

const ETHERNET_HEADER_LENGTH = 14;
const CHECKSUM_START = 34;
const UDP_HEADER_LENGTH = 8;

const RX_FRAMES = DEVICE_STATISTICS.indexOf('rxFrames');
const RX_BYTES = DEVICE_STATISTICS.indexOf('rxBytes');
const TX_FRAMES = DEVICE_STATISTICS.indexOf('txFrames');
const TX_BYTES = DEVICE_STATISTICS.indexOf('txBytes');

export interface SimulatedDeviceOptions {
  readonly mtu: number;
  /** Frames under way in each direction. */
  readonly ringLength: number;
  /** Last four octets of the first device's address; the second's are all inverted. Default: 1 and 2. */
  readonly macLow?: number;
}

/**
 * One end of a cable in memory, or a port of a hub: what one end transmits is there for the others at their next {@link receive}.
 * Loses nothing; an end with a peer that does not receive runs out of {@link txRoom}. For tests and simulation, in one isolate.
 */
export class SimulatedDevice implements Device {
  readonly macHigh: number = 0x0200;
  readonly macLow: number;
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly memory: Region;
  readonly rxWords: Int32Array = new Int32Array(BURST_CAPACITY * RX_WORDS);
  readonly txWords: Int32Array = new Int32Array(BURST_CAPACITY * TX_WORDS);
  readonly statistics: Float64Array = new Float64Array(DEVICE_STATISTICS.length);
  txRoom: number;
  /** Pulled out when false: {@link isLinkUp} says so, and frames go nowhere. */
  connected = true;
  /** The last four octets of the Ethernet addresses of groups that it was told to let in; it lets in all. */
  groups: number[] = [];
  private peers: readonly SimulatedDevice[] = [];
  private readonly slotLength: number;
  private readonly ringLength: number;
  /** Of each received frame in the ring, the length; the bytes are in the slot of the same number. */
  private readonly lengths: Int32Array;
  private readonly copies: CopyBurst = new CopyBurst(1);
  private head = 0;
  private used = 0;
  /** Frames that the latest receive handed out. */
  private lent = 0;

  /** Two connected devices with the addresses 02:00:00:00:00:01 and …:02. */
  static pair(
    options: SimulatedDeviceOptions = { mtu: 1500, ringLength: 256 },
  ): [SimulatedDevice, SimulatedDevice] {
    const { macLow } = options;
    const a = new SimulatedDevice(macLow ?? 1, options);
    const b = new SimulatedDevice(macLow === undefined ? 2 : ~macLow, options);
    SimulatedDevice.join([a, b]);
    return [a, b];
  }

  /** Devices with the addresses 02:00:00:00:00:01 and so on, each of which hears all others. */
  static hub(
    count: number,
    options: SimulatedDeviceOptions = { mtu: 1500, ringLength: 256 },
  ): SimulatedDevice[] {
    const devices = Array.from({ length: count }, (_, index) => new SimulatedDevice(index + 1, options));
    SimulatedDevice.join(devices);
    return devices;
  }

  private static join(devices: readonly SimulatedDevice[]): void {
    for (const device of devices) device.peers = devices.filter((other) => other !== device);
  }

  private constructor(macLow: number, options: SimulatedDeviceOptions) {
    const { mtu, ringLength } = options;
    this.macLow = macLow;
    this.mtu = mtu;
    this.capabilities = {
      txReferenceMin: Number.MAX_SAFE_INTEGER,
      driverName: 'simulated',
      rxRingLength: ringLength,
      txRingLength: ringLength,
      rxChecksumOffload: false,
      txChecksumOffload: false,
      rxInterrupts: false,
    };
    this.ringLength = ringLength;
    this.slotLength = align(ETHERNET_HEADER_LENGTH + mtu, 64);
    this.lengths = new Int32Array(ringLength);
    this.memory = Region.allocate((ringLength + BURST_CAPACITY) * this.slotLength);
    this.txRoom = Math.min(BURST_CAPACITY, ringLength);
    for (let i = 0; i < BURST_CAPACITY; i++) {
      this.txWords[i * TX_WORDS + TX_FRAME] = (ringLength + i) * this.slotLength;
    }
  }

  receive(): number {
    this.head = (this.head + this.lent) % this.ringLength;
    this.used -= this.lent;
    const view = this.memory.view;
    const count = Math.min(this.used, BURST_CAPACITY);
    for (let i = 0; i < count; i++) {
      const slot = (this.head + i) % this.ringLength;
      const offset = slot * this.slotLength;
      const length = this.lengths[slot]!;
      const word = i * RX_WORDS;
      const summed = length >= TX_HEADER_LENGTH;
      this.rxWords[word + RX_OFFSET] = offset;
      this.rxWords[word + RX_LENGTH] = length;
      this.rxWords[word + RX_FLAGS] = summed ? RX_SUMMED : 0;
      this.rxWords[word + RX_SUM] = summed
        ? fold(addBytes(0, view, offset + CHECKSUM_START, length - CHECKSUM_START))
        : 0;
      this.statistics[RX_BYTES]! += length;
    }
    this.statistics[RX_FRAMES]! += count;
    this.lent = count;
    return count;
  }

  transmit(count: number): number {
    for (let i = 0; i < count; i++) this.transmitSlot(i * TX_WORDS);
    this.txRoom = BURST_CAPACITY;
    for (let i = 0; i < this.peers.length; i++) {
      const peer = this.peers[i]!;
      this.txRoom = Math.min(this.txRoom, peer.ringLength - peer.used);
    }
    return this.txRoom;
  }

  /**
   * Lets a frame arrive here, as it is: the first `length` bytes; the others lie behind it in memory. Returns false when the
   * ring is full. For tests.
   */
  inject(frame: Uint8Array, length: number = frame.length): boolean {
    const slot = this.nextSlot(length);
    if (slot < 0) return false;
    this.memory.bytes.set(frame, slot * this.slotLength);
    return true;
  }

  /** Cold. */
  setGroups(addresses: Int32Array, count: number): void {
    this.groups = Array.from({ length: count }, (_, i) => addresses[2 * i + 1]!);
  }

  isLinkUp(): boolean {
    if (!this.connected) return false;
    for (let i = 0; i < this.peers.length; i++) if (this.peers[i]!.connected) return true;
    return false;
  }

  waitForFrame(): boolean {
    return this.used > this.lent;
  }

  readStatistics(): void {}

  close(): void {
    this.connected = false;
  }

  private transmitSlot(word: number): void {
    const words = this.txWords;
    const view = this.memory.view;
    const frame = words[word + TX_FRAME]!;
    const payloadLength = words[word + TX_LENGTH]!;
    const flags = words[word + TX_FLAGS]!;
    const headerLength = txHeaderLength(flags);
    const length = headerLength + payloadLength;
    this.statistics[TX_FRAMES]!++;
    this.statistics[TX_BYTES]! += length;
    if (payloadLength > 0) {
      const { handle } = this.memory;
      const payload = words[word + TX_OFFSET]!;
      this.copies.add(handle, frame + headerLength, words[word + TX_HANDLE]!, payload, payloadLength);
      this.copies.copy();
    }
    if ((flags & TX_UDP_CHECKSUM) !== 0) {
      const start = headerLength - UDP_HEADER_LENGTH;
      const sum = ~fold(addBytes(0, view, frame + start, length - start)) & 0xffff;
      view.setUint16(frame + headerLength - 2, sum === 0 ? 0xffff : sum);
    }
    if (!this.connected) return;
    for (let i = 0; i < this.peers.length; i++) {
      const peer = this.peers[i]!;
      const slot = peer.connected ? peer.nextSlot(length) : -1;
      if (slot < 0) continue;
      this.copies.add(peer.memory.handle, slot * this.slotLength, this.memory.handle, frame, length);
      this.copies.copy();
    }
  }

  /** Takes a place in the receive ring for a frame; -1 when there is none. */
  private nextSlot(length: number): number {
    if (this.used === this.ringLength || length > this.slotLength) return -1;
    const slot = (this.head + this.used) % this.ringLength;
    this.lengths[slot] = length;
    this.used++;
    return slot;
  }
}
