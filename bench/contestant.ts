/**
 * The seam between the harness and what it compares. A contestant is built once; then for every run the harness starts
 * two processes of it, side 0 and side 1, and reads JSON lines from their standard output ({@link SideEvent}).
 */
import { fileURLToPath } from 'node:url';

/** The checkout's root, with a slash at the end. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));

/** Side 0 publishes or pings, side 1 counts or echoes. */
export type Role = 'publish' | 'count' | 'ping' | 'echo';

/**
 * What one side is asked to do.
 *
 * Every contestant does the same work. A message starts with its sequence number per stream, from 0 (bytes 0–7, int64
 * little endian), then a time stamp in ns of the pinger's monotonic clock (bytes 8–15, 0 in streams), then anything
 * constant. A publisher copies a prepared message and stamps the sequence in; a receiver reads the sequence number and
 * compares. Message i goes out on stream id 1001 + i % `streams`.
 */
export interface SideRun {
  readonly role: Role;
  readonly side: 0 | 1;
  /** The run's own, under /dev/shm, empty; both sides have the same one. The harness removes it. */
  readonly folder: string;
  /** The processor to pin the side to. */
  readonly cpu: number;
  /** udp: two drivers over loopback, or the contestant's own wire. ipc: one driver, on side 0. */
  readonly media: 'udp' | 'ipc';
  /** Free UDP and TCP ports of 127.0.0.1: side 0's and side 1's. */
  readonly ports: readonly [number, number];
  /** Bytes, >= 16. */
  readonly messageLength: number;
  /** Bytes: 1408 or 8192. */
  readonly mtu: number;
  /** 1 to 1000. */
  readonly streams: number;
  /** Client objects on the publishing side, each with a publication: 1 to 100. Ours only. */
  readonly clients: number;
  /** Messages a second that a pinger sends by a fixed schedule; 0: one in flight. */
  readonly rate: number;
  /** Receive loss, 0 to 1, that the driver makes by itself, each way. */
  readonly lossRate: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Whether hugepages are reserved. */
  readonly hugepages: boolean;
  /** Bytes; 1 MiB when left out. */
  readonly termLength?: number;
}

/** What a workload asks for, before the harness has found a place for the two sides. */
export type WorkloadRun = Omit<SideRun, 'role' | 'side' | 'folder' | 'cpu' | 'ports' | 'hugepages'> & {
  /** What side 0 does; side 1 does its counterpart. */
  readonly role: 'publish' | 'ping';
};

/** One of those that are compared. */
export interface Contestant {
  /** As in `--only`: `ours-dpdk`, `official-c`, `raw-dpdk` … */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** One sentence: what its figures count. */
  readonly note: string;
  /** Throws an Error that says what is missing and how to get it. Builds into a folder that git ignores. */
  build(): Promise<void>;
  /** Whether it can do this at all. */
  supports(run: Omit<SideRun, 'side' | 'folder' | 'cpu' | 'ports'>): boolean;
  /** The process of one side. It ends at SIGTERM at once; what it has started belongs to its process group. */
  command(run: SideRun): SideCommand;
  version(): Promise<string>;
}

export interface SideCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}

/**
 * A line of a side's standard output.
 *
 * - `ready`: the side has started, driver up and streams added; it need not be connected. It may say that it reports its
 *   garbage collections.
 * - `window`: counter and pinger only, warm-up is over. A counter's warm-up begins with the first message.
 * - `gc`: a garbage collection began at that time; printed within {@link SLICE_NS} after it.
 * - `result`: counter and pinger only, at the end of the window. Other fields are kept.
 */
export type SideEvent =
  | { readonly event: 'ready'; readonly reportsCollections?: boolean }
  | { readonly event: 'window' }
  | { readonly event: 'gc'; readonly epochMs: number }
  | SideResult;

export interface SideResult {
  readonly event: 'result';
  /** Messages counted, or round trips, in the window. */
  readonly messages: number;
  readonly elapsedNs: number;
  /** Gaps in the sequence numbers of the window. */
  readonly lost: number;
  /** Counter: messages in each 100 ms since the first message, warm-up included. */
  readonly samples?: readonly number[];
  /**
   * Pinger: `[ns, count]`, ascending; ns is the upper bound of a log-linear bucket that is at most 2 % wide. At a rate, a
   * round trip begins when its message was due, not when it left.
   */
  readonly histogram?: Histogram;
  /** From the start of the driver to its being ready. */
  readonly driverStartMs?: number;
}

export type Histogram = readonly (readonly [ns: number, count: number])[];

/** `run` as the `key=value` words that every side takes. */
export function sideArguments(run: SideRun): string[] {
  return Object.entries(run).map(([key, value]) => `${key}=${value}`);
}

/** `file` started on processor `cpu`, for programs that do not pin themselves. */
export function pinned(cpu: number, file: string, args: readonly string[]): SideCommand {
  return { file: 'taskset', args: ['-c', String(cpu), file, ...args] };
}
