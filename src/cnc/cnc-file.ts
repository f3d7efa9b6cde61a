import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { BroadcastTransmitter } from '../concurrent/broadcast-transmitter.ts';
import { COUNTER_METADATA_LENGTH, COUNTER_VALUE_LENGTH, type Section } from '../concurrent/counters.ts';
import { ManyToOneRingBuffer } from '../concurrent/many-to-one-ring-buffer.ts';
import type { Region } from '../memory/region.ts';
import { MAPPED_FILES, type SharedFiles } from '../memory/shared-files.ts';
import { align, isPowerOfTwo } from '../util/bits.ts';
import { AeronError, codeOf } from '../util/errors.ts';

export const CNC_FILE = 'cnc.dat';
export const LOSS_REPORT_FILE = 'loss-report.dat';

/** 0.2.0, as major, minor and patch in a byte each. */
export const CNC_VERSION = 512;

const VERSION = 0;
const TO_DRIVER_LENGTH = 4;
const TO_CLIENTS_LENGTH = 8;
const COUNTERS_METADATA_LENGTH = 12;
const COUNTERS_VALUES_LENGTH = 16;
const ERROR_LOG_LENGTH = 20;
const CLIENT_LIVENESS_TIMEOUT_NS = 24;
const START_TIMESTAMP_MS = 32;
const PID = 40;
const FILE_PAGE_SIZE = 48;
const METADATA_LENGTH = 128;

/** Settings of a new CnC file. Lengths in bytes; those of the two rings are a power of two and the trailer. */
export interface CncOptions {
  readonly toDriverLength: number;
  readonly toClientsLength: number;
  readonly countersValuesLength: number;
  readonly errorLogLength: number;
  readonly clientLivenessTimeoutNs: number;
  readonly startTimestampMs: number;
  readonly pid: number;
  readonly filePageSize: number;
}

/**
 * The command and control file: where clients find the driver. All of it is shared memory.
 *
 * ```
 *   | metadata 128 | to driver | to clients | counters metadata | counters values | error log | padding |
 * ```
 */
export class CncFile {
  readonly region: Region;
  readonly directory: string;
  readonly toDriver: ManyToOneRingBuffer;
  /** A broadcast buffer with its trailer. */
  readonly toClients: Section;
  readonly countersMetadata: Section;
  readonly countersValues: Section;
  readonly errorLog: Section;
  readonly clientLivenessTimeoutNs: number;
  readonly startTimestampMs: number;
  /** Of the driver. */
  readonly pid: number;

  private constructor(region: Region, directory: string) {
    const view = region.view;
    let end = METADATA_LENGTH;
    const next = (lengthField: number): Section => {
      const length = view.getInt32(lengthField, true);
      const offset = end;
      end += length;
      return { region, offset, length };
    };
    this.region = region;
    this.directory = directory;
    const toDriver = next(TO_DRIVER_LENGTH);
    this.toDriver = new ManyToOneRingBuffer(region, toDriver.offset, toDriver.length);
    this.toClients = next(TO_CLIENTS_LENGTH);
    this.countersMetadata = next(COUNTERS_METADATA_LENGTH);
    this.countersValues = next(COUNTERS_VALUES_LENGTH);
    this.errorLog = next(ERROR_LOG_LENGTH);
    this.clientLivenessTimeoutNs = Number(view.getBigInt64(CLIENT_LIVENESS_TIMEOUT_NS, true));
    this.startTimestampMs = Number(view.getBigInt64(START_TIMESTAMP_MS, true));
    this.pid = Number(view.getBigInt64(PID, true));
  }

  /**
   * Makes the file in a directory, and the directory if need be. Clients wait until {@link publishVersion}.
   * Throws with errno's name as `code`, `EEXIST` for instance.
   */
  static create(directory: string, options: CncOptions, files: SharedFiles = MAPPED_FILES): CncFile {
    const countersMetadataLength =
      (options.countersValuesLength / COUNTER_VALUE_LENGTH) * COUNTER_METADATA_LENGTH;
    const length =
      METADATA_LENGTH +
      options.toDriverLength +
      options.toClientsLength +
      countersMetadataLength +
      options.countersValuesLength +
      options.errorLogLength;
    files.makeDirectory(directory);
    const region = files.create(join(directory, CNC_FILE), align(length, options.filePageSize));
    const { view } = region;
    view.setInt32(TO_DRIVER_LENGTH, options.toDriverLength, true);
    view.setInt32(TO_CLIENTS_LENGTH, options.toClientsLength, true);
    view.setInt32(COUNTERS_METADATA_LENGTH, countersMetadataLength, true);
    view.setInt32(COUNTERS_VALUES_LENGTH, options.countersValuesLength, true);
    view.setInt32(ERROR_LOG_LENGTH, options.errorLogLength, true);
    view.setBigInt64(CLIENT_LIVENESS_TIMEOUT_NS, BigInt(options.clientLivenessTimeoutNs), true);
    view.setBigInt64(START_TIMESTAMP_MS, BigInt(Math.floor(options.startTimestampMs)), true);
    view.setBigInt64(PID, BigInt(options.pid), true);
    view.setInt32(FILE_PAGE_SIZE, options.filePageSize, true);
    return new CncFile(region, directory);
  }

  /**
   * Maps the file of a driver that is, or was, there. Throws AeronError:
   * `CNC_NOT_FOUND` when there is no file; `CNC_NOT_READY` while the driver is still making it (try again);
   * `CNC_VERSION` when it is another major version; `CNC_TRUNCATED` when it is shorter than it says;
   * `CNC_MALFORMED` when its lengths make no sense.
   */
  static map(directory: string, files: SharedFiles = MAPPED_FILES): CncFile {
    const path = join(directory, CNC_FILE);
    if (fileLength(path, files) < METADATA_LENGTH) {
      throw new AeronError(
        'CNC_NOT_READY',
        `${path} has no metadata yet. The driver may be starting: try again.`,
      );
    }
    const region = files.map(path);
    try {
      check(region, path);
      return new CncFile(region, directory);
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** 0 until {@link publishVersion}. */
  get version(): number {
    return Atomics.load(this.region.i32, VERSION >> 2);
  }

  /** Lets clients in: everything else must be in place. */
  publishVersion(): void {
    Atomics.store(this.region.i32, VERSION >> 2, CNC_VERSION);
  }

  /** Unmaps the file. Nothing made from it may be used afterwards. */
  close(): void {
    this.region.close();
  }
}

function fileLength(path: string, files: SharedFiles): number {
  try {
    return files.byteLength(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new AeronError(
      'CNC_NOT_FOUND',
      `no driver has made ${path}. Start one, or set aeron.dir to where it is.`,
      {
        cause: error,
      },
    );
  }
}

/** Other processes wrote this file: nothing in it is taken for granted. */
function check(region: Region, path: string): void {
  const { view, byteLength } = region;
  const version = Atomics.load(region.i32, VERSION >> 2);
  if (version === 0) {
    throw new AeronError(
      'CNC_NOT_READY',
      `${path} has no version yet. The driver may be starting: try again.`,
    );
  }
  if (version >> 16 !== CNC_VERSION >> 16) {
    throw new AeronError(
      'CNC_VERSION',
      `${path} is of version ${formatVersion(version)}, this client of ${formatVersion(CNC_VERSION)}. ` +
        'Use a driver and a client of the same major version.',
    );
  }
  const malformed = (field: string, length: number) =>
    new AeronError('CNC_MALFORMED', `${path}: ${length} bytes cannot be the length of ${field}`);
  let end = METADATA_LENGTH;
  const checkLength = (field: number, name: string, alignment: number, ringTrailerLength: number | null) => {
    const length = view.getInt32(field, true);
    if (length < 0 || length % alignment !== 0) throw malformed(name, length);
    if (ringTrailerLength !== null && !isPowerOfTwo(length - ringTrailerLength))
      throw malformed(name, length);
    end += length;
  };
  checkLength(TO_DRIVER_LENGTH, 'the to-driver buffer', 8, ManyToOneRingBuffer.TRAILER_LENGTH);
  checkLength(TO_CLIENTS_LENGTH, 'the to-clients buffer', 8, BroadcastTransmitter.TRAILER_LENGTH);
  checkLength(COUNTERS_METADATA_LENGTH, 'the counters metadata', 8, null);
  checkLength(COUNTERS_VALUES_LENGTH, 'the counters values', 8, null);
  checkLength(ERROR_LOG_LENGTH, 'the error log', 4, null);
  if (end > byteLength) {
    throw new AeronError('CNC_TRUNCATED', `${path} has ${byteLength} bytes and needs ${end}`);
  }
}

function formatVersion(version: number): string {
  return `${(version >> 16) & 0xff}.${(version >> 8) & 0xff}.${version & 0xff}`;
}

/** Where official drivers and clients of this user meet when nobody says otherwise. */
export function defaultAeronDirectory(): string {
  const root = process.platform === 'linux' ? '/dev/shm' : tmpdir();
  return join(root, `aeron-${process.env.USER ?? userName()}`);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'default'; // a user id without a name, in a container for instance
  }
}

/** The log of a publication; `id` is its registration id. */
export function publicationLogPath(directory: string, id: number): string {
  return join(directory, 'publications', `${id}.logbuffer`);
}

/** The log of an image; `id` is its correlation id. */
export function imageLogPath(directory: string, id: number): string {
  return join(directory, 'images', `${id}.logbuffer`);
}
