import { messageOf } from '../util/errors.ts';
import { loadAddon, shm } from './addons.ts';

/** What DPDK knows of a port before it is set up. Ring limits of 0 are none. */
export interface PortDescription {
  readonly driverName: string;
  /** PCI address, or the name of a virtual device. */
  readonly deviceName: string;
  readonly mac: readonly number[];
  /** IP MTU that it has, and those it may have. */
  readonly mtu: number;
  readonly mtuMin: number;
  readonly mtuMax: number;
  /** Of a received frame, frame check sequence included. */
  readonly frameLengthMax: number;
  readonly rxQueuesMax: number;
  readonly txQueuesMax: number;
  readonly rxRingMin: number;
  readonly rxRingMax: number;
  readonly txRingMin: number;
  readonly txRingMax: number;
  readonly rxBufferLengthMin: number;
  readonly offloads: number;
  /** What the card calls memory by: `va`, the addresses of this process, or `pa`. */
  readonly iovaMode: 'va' | 'pa';
}

/** How a port is set up. */
export interface PortSetup {
  /** Queue pairs. */
  readonly queues: number;
  /** IP MTU, bytes. */
  readonly mtu: number;
  /** Descriptors. */
  readonly rxRingLength: number;
  readonly txRingLength: number;
  /** Bits of `Offload` in `native/dpdk_port.h`. */
  readonly offloads: number;
  /** 0: frames have no tag. */
  readonly vlanId: number;
  readonly isPromiscuous: boolean;
  readonly hasRxInterrupts: boolean;
  /** Who may read payloads where they lie: a value of `Lending` in `native/dpdk_port.h`. */
  readonly lending: number;
  /** Bytes of a packet buffer. */
  readonly bufferLength: number;
  /** Packet buffers of each queue pair. */
  readonly bufferCount: number;
  /** Of them, those that a thread keeps at hand. */
  readonly poolCacheLength: number;
  /** Who manages free buffers; `''` leaves it to DPDK. */
  readonly poolOperations: string;
}

/** What {@link DpdkAddon.openPort} tells about a port. */
export interface DpdkPort {
  /** What the other functions call the queue pair by. */
  readonly handle: number;
  readonly mac: readonly number[];
  readonly mtu: number;
  readonly driverName: string;
  readonly rxRingLength: number;
  readonly txRingLength: number;
  /** What of {@link PortSetup.offloads} the port was set up with. */
  readonly offloads: number;
  /** Whether {@link DpdkAddon.waitForFrame} waits. */
  readonly hasRxInterrupts: boolean;
  readonly pool: SharedArrayBuffer;
  readonly poolHandle: number;
  readonly rx: SharedArrayBuffer;
  readonly tx: SharedArrayBuffer;
  readonly statistics: SharedArrayBuffer;
}

/** The dpdk addon, see `native/dpdk*.cc`. A queue pair is used on the thread of the isolate that opened it. */
export interface DpdkAddon {
  readonly version: string;
  attach(regionTable: bigint): void;
  initialise(ealArguments: readonly string[], given: string, listeningSocket: string, waitMs: number): void;
  describePort(id: number): PortDescription;
  openPort(id: number, queue: number, setup: PortSetup): DpdkPort;
  closePort(handle: number): void;
  receive(handle: number): number;
  transmit(handle: number, count: number): number;
  setGroups(handle: number, addresses: readonly number[]): void;
  waitForFrame(handle: number, timeoutUs: number): number;
  lend(portId: number, regionHandle: number): string;
  takeBack(regionHandle: number): boolean;
  watch(handle: number): number;
  resetPort(handle: number): void;
  readStatistics(handle: number): void;
  extendedStatistics(id: number): { readonly names: readonly string[]; readonly values?: SharedArrayBuffer };
  readExtendedStatistics(id: number): void;
  log(): string;
}

/** Loads the dpdk addon. Throws AeronError `NATIVE_NOT_BUILT` or `NATIVE_NOT_LOADED`: without libdpdk it is not built. */
export function loadDpdk(): DpdkAddon {
  const addon = loadAddon<DpdkAddon>('dpdk');
  addon.attach(shm.regionTable);
  return addon;
}

const LAST_LINES = 5;

/** The last lines that EAL and drivers said, in any thread of this process, for messages. They are not said twice. */
export function lastWordsOfDpdk(): string {
  try {
    const lines = loadDpdk().log().trim().split('\n');
    return lines.slice(-LAST_LINES).join('; ') || 'nothing';
  } catch (error) {
    return messageOf(error);
  }
}
