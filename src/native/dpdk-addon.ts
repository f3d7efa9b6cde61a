import { loadAddon, shm } from './addons.ts';

/** What {@link DpdkAddon.openPort} tells about a port. */
export interface DpdkPort {
  /** What the other functions call the queue pair by. */
  readonly handle: number;
  readonly mac: readonly number[];
  readonly mtu: number;
  readonly driverName: string;
  readonly rxRingLength: number;
  readonly txRingLength: number;
  readonly rxChecksumOffload: boolean;
  readonly txChecksumOffload: boolean;
  readonly pool: SharedArrayBuffer;
  readonly poolHandle: number;
  readonly rx: SharedArrayBuffer;
  readonly tx: SharedArrayBuffer;
  readonly statistics: SharedArrayBuffer;
}

/** The dpdk addon, see `native/dpdk.cc`. A queue pair is used on the thread of the isolate that opened it. */
export interface DpdkAddon {
  readonly version: string;
  attach(regionTable: bigint): void;
  initialise(ealArguments: readonly string[], given: string, listeningSocket: string, waitMs: number): void;
  openPort(
    id: number,
    mtu: number,
    rxQueueSize: number,
    txQueueSize: number,
    offload: boolean,
    queue: number,
    queues: number,
  ): DpdkPort;
  closePort(handle: number): void;
  receive(handle: number): number;
  transmit(handle: number, count: number): number;
  setGroups(handle: number, groups: readonly number[]): void;
  linkUp(handle: number): number;
  readStatistics(handle: number): void;
  log(): string;
}

/** Loads the dpdk addon. Throws AeronError `NATIVE_NOT_BUILT` or `NATIVE_NOT_LOADED`: without libdpdk it is not built. */
export function loadDpdk(): DpdkAddon {
  const addon = loadAddon<DpdkAddon>('dpdk');
  addon.attach(shm.regionTable);
  return addon;
}
