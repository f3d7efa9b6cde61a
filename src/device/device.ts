// hot
import type { Region } from '../memory/region.ts';

/** Frames one call of {@link Device.receive} or {@link Device.transmit} moves at most. `native/dpdk_port.h` agrees. */
export const BURST_CAPACITY = 64;

/**
 * Bytes of headers that a frame to transmit starts with if it says nothing else: Ethernet, IPv4 and UDP; ARP and ICMP echo
 * fit exactly.
 */
export const TX_HEADER_LENGTH = 42;

/** Words a received frame takes in {@link Device.rxWords}: offset, length, flags, sum. */
export const RX_WORDS = 4;
export const RX_OFFSET = 0;
export const RX_LENGTH = 1;
export const RX_FLAGS = 2;
/** One's complement sum of the frame from byte 34 on (what a UDP checksum covers), valid with {@link RX_SUMMED}. */
export const RX_SUM = 3;

/** Bits of the flags word: what the device knows of the IPv4 header's and the UDP datagram's checksum. */
export const RX_IP_GOOD = 1;
export const RX_IP_BAD = 2;
export const RX_UDP_GOOD = 4;
export const RX_UDP_BAD = 8;
export const RX_SUMMED = 16;

/** Words a frame to transmit takes in {@link Device.txWords}: frame, then payload handle, offset, length, then flags. */
export const TX_WORDS = 5;
/** Offset in {@link Device.memory} where the header bytes go. The device sets it. */
export const TX_FRAME = 0;
export const TX_HANDLE = 1;
export const TX_OFFSET = 2;
export const TX_LENGTH = 3;
export const TX_FLAGS = 4;

/** Lets the device send the payload from where it lies, instead of a copy: its lender knows when it is done with it. */
export const TX_BY_REFERENCE = 2;
/** Asks the device for the UDP checksum; its field, at the headers' end, holds the folded sum of the pseudo-header. */
export const TX_UDP_CHECKSUM = 1;
/** From this bit of the flags on: the length of the headers, up to {@link TX_HEADER_LENGTH_MAX}; 0: 42. */
export const TX_HEADER_LENGTH_SHIFT = 8;
export const TX_HEADER_LENGTH_MAX = 128;

/** The same, for this module: V8 compiles its constants in, but loads and checks at every use those that it exports. */
const SLOT_WORDS = TX_WORDS;
const FRAME = TX_FRAME;
const HANDLE = TX_HANDLE;
const OFFSET = TX_OFFSET;
const LENGTH = TX_LENGTH;
const FLAGS = TX_FLAGS;
const HEADER_LENGTH = TX_HEADER_LENGTH;
const HEADER_LENGTH_SHIFT = TX_HEADER_LENGTH_SHIFT;

/** Where the header of a slot's frame goes. */
export function txFrame(words: Int32Array, slot: number): number {
  return words[slot * SLOT_WORDS + FRAME]!;
}

/** Bytes of the headers of a frame with these flags. */
export function txHeaderLength(flags: number): number {
  const named = flags >>> HEADER_LENGTH_SHIFT;
  return named === 0 ? HEADER_LENGTH : named;
}

/** Says what comes behind a slot's header. */
export function setTxPayload(
  words: Int32Array,
  slot: number,
  handle: number,
  offset: number,
  length: number,
  flags: number,
): void {
  const word = slot * SLOT_WORDS;
  words[word + HANDLE] = handle;
  words[word + OFFSET] = offset;
  words[word + LENGTH] = length;
  words[word + FLAGS] = flags;
}

/** What a device counts, index in {@link Device.statistics}. `native/dpdk_port.h` agrees. */
export const DEVICE_STATISTICS: readonly string[] = [
  'rxFrames',
  'rxBytes',
  'txFrames',
  'txBytes',
  'rxMissed',
  'rxErrors',
  'txErrors',
  'rxNoBuffers',
  'rxUnsupported',
  'txInvalid',
  'poolAvailable',
  // Frames that the transmit ring did not take at first.
  'txBackPressure',
  'txNoBuffers',
  'rxOtherVlan',
  // Frames that came in pieces.
  'rxJoined',
  'resets',
  // Frames whose payload was not copied.
  'txByReference',
];

export interface DeviceCapabilities {
  readonly driverName: string;
  /** Frames the receive side holds before it drops. */
  readonly rxRingLength: number;
  readonly txRingLength: number;
  /** The device itself verifies or fills in checksums; otherwise the processor does, at the same place. */
  readonly rxChecksumOffload: boolean;
  readonly txChecksumOffload: boolean;
  /** Whether {@link Device.waitForFrame} waits. */
  readonly rxInterrupts: boolean;
  /** Payloads of datagrams from this many bytes on may go {@link TX_BY_REFERENCE}; larger than any: none. */
  readonly txReferenceMin: number;
}

/**
 * Ethernet frames in and out, in bursts. One object belongs to one thread.
 *
 * In: {@link receive} returns n; the first n entries of `rxWords` describe frames in `memory`, valid until the next call.
 * Out: slots `0 … txRoom - 1` of `txWords` name the place of a header each. The caller writes the headers there, names the
 * payload, and calls {@link transmit}; the device copies the payload behind the header before it returns.
 */
export interface Device {
  /** First two and last four octets of the Ethernet address. */
  readonly macHigh: number;
  readonly macLow: number;
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  readonly capabilities: DeviceCapabilities;
  readonly memory: Region;
  readonly rxWords: Int32Array;
  readonly txWords: Int32Array;
  readonly statistics: Float64Array;
  /** Slots that may be filled now. Zero while the device takes nothing: call `transmit(0)` later. */
  readonly txRoom: number;

  receive(): number;

  /** Sends the frames of slots `0 … count - 1` and what earlier calls left. Returns the new {@link txRoom}. */
  transmit(count: number): number;

  /**
   * Says which groups' frames should arrive: those to the first `count` Ethernet addresses, each of which is two words of
   * `addresses`, its first two octets and its last four. Others' may arrive too. Cold.
   */
  setGroups(addresses: Int32Array, count: number): void;

  /** Asks the device, and looks after it: to be called some times a second, not in every duty cycle. */
  isLinkUp(): boolean;

  /**
   * Waits until a frame has come, but no longer than `timeoutUs`; a device that cannot tell returns at once. Returns whether
   * one has.
   */
  waitForFrame(timeoutUs: number): boolean;

  /** Brings {@link statistics} up to date; not for every duty cycle. */
  readStatistics(): void;

  close(): void;
}
