// hot
import { loadAcquire, storeRelease } from '../memory/ordered.ts';
import { getPositionVolatile, setPositionRelease } from '../memory/position.ts';
import { Region } from '../memory/region.ts';
import { MAPPED_FILES, type SharedFiles } from '../memory/shared-files.ts';
import { DATA_SESSION_ID, DATA_STREAM_ID } from '../protocol/data-frame.ts';
import {
  computePosition,
  LOG_ACTIVE_TERM_COUNT,
  LOG_ACTIVE_TRANSPORT_COUNT,
  LOG_CORRELATION_ID,
  LOG_DEFAULT_FRAME_HEADER,
  LOG_END_OF_STREAM_POSITION,
  LOG_INITIAL_TERM_ID,
  LOG_IS_CONNECTED,
  LOG_IS_PUBLICATION_REVOKED,
  LOG_METADATA_LENGTH,
  LOG_MTU_LENGTH,
  LOG_TAIL_COUNTERS,
  LOG_TERM_LENGTH,
  logFileLength,
  PAGE_MIN_LENGTH,
  PARTITION_COUNT,
  positionBits,
} from './descriptor.ts';
import { checkMetadata, type LogParameters, writeMetadata } from './log-metadata.ts';

const POSITION_MAX = Number.MAX_SAFE_INTEGER;

/**
 * A mapped log: three terms and their metadata. One object per isolate over the same memory.
 * What other processes write is read anew at every call; the rest never changes and is a field.
 */
export class LogBuffers {
  readonly region: Region;
  /** Byte offset of the metadata in the region. */
  readonly metadata: number;
  readonly termLength: number;
  /** The binary logarithm of the term length. */
  readonly bits: number;
  readonly initialTermId: number;
  readonly mtu: number;
  readonly sessionId: number;
  readonly streamId: number;
  /** The id of the command or the image that made the log. */
  readonly registrationId: number;
  private readonly metadataIndex: number;

  private constructor(region: Region, metadata: number) {
    const view = region.view;
    this.region = region;
    this.metadata = metadata;
    this.termLength = view.getInt32(metadata + LOG_TERM_LENGTH, true);
    this.bits = positionBits(this.termLength);
    this.initialTermId = view.getInt32(metadata + LOG_INITIAL_TERM_ID, true);
    this.mtu = view.getInt32(metadata + LOG_MTU_LENGTH, true);
    this.sessionId = view.getInt32(metadata + LOG_DEFAULT_FRAME_HEADER + DATA_SESSION_ID, true);
    this.streamId = view.getInt32(metadata + LOG_DEFAULT_FRAME_HEADER + DATA_STREAM_ID, true);
    this.metadataIndex = metadata >>> 2;
    this.registrationId = getPositionVolatile(region.i32, this.metadataIndex + (LOG_CORRELATION_ID >> 2));
  }

  /** Makes a new log file. Throws with errno's name as `code` and leaves no file behind when that fails. */
  static create(path: string, parameters: LogParameters, files: SharedFiles = MAPPED_FILES): LogBuffers {
    const length = logFileLength(parameters.termLength, parameters.pageSize ?? PAGE_MIN_LENGTH);
    const region = files.create(path, length, parameters.isSparse ?? true);
    const metadata = length - LOG_METADATA_LENGTH;
    writeMetadata(region, metadata, parameters);
    return new LogBuffers(region, metadata);
  }

  /** Maps a log file. Throws AeronError `MALFORMED_LOG` when its metadata does not fit the file. */
  static map(path: string, files: SharedFiles = MAPPED_FILES): LogBuffers {
    const region = files.map(path);
    try {
      return new LogBuffers(region, checkMetadata(region, path));
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** This isolate's view of a log that another isolate of the process owns and closes. */
  static adopt(buffer: SharedArrayBuffer, handle: number): LogBuffers {
    return new LogBuffers(Region.adopt(buffer, handle), buffer.byteLength - LOG_METADATA_LENGTH);
  }

  /** Byte offset of a partition in the region. */
  termStart(partitionIndex: number): number {
    return partitionIndex * this.termLength;
  }

  /** Whether subscribers are there; publication logs only. */
  isConnected(): boolean {
    return loadAcquire(this.region.i32, this.metadataIndex + (LOG_IS_CONNECTED >> 2)) === 1;
  }

  setConnected(isConnected: boolean): void {
    storeRelease(this.region.i32, this.metadataIndex + (LOG_IS_CONNECTED >> 2), isConnected ? 1 : 0);
  }

  /** Where the stream ends; `Number.POSITIVE_INFINITY` while that is not known. */
  endOfStreamPosition(): number {
    const index = this.metadataIndex + (LOG_END_OF_STREAM_POSITION >> 2);
    const position = getPositionVolatile(this.region.i32, index);
    return position > POSITION_MAX ? Number.POSITIVE_INFINITY : position;
  }

  /** Says once where the stream ends. */
  setEndOfStreamPosition(position: number): void {
    const index = this.metadataIndex + (LOG_END_OF_STREAM_POSITION >> 2);
    setPositionRelease(this.region.i32, this.region.b64, index, position);
  }

  /** How many sources feed an image. */
  activeTransportCount(): number {
    return loadAcquire(this.region.i32, this.metadataIndex + (LOG_ACTIVE_TRANSPORT_COUNT >> 2));
  }

  setActiveTransportCount(count: number): void {
    storeRelease(this.region.i32, this.metadataIndex + (LOG_ACTIVE_TRANSPORT_COUNT >> 2), count);
  }

  isRevoked(): boolean {
    return Atomics.load(this.region.bytes, this.metadata + LOG_IS_PUBLICATION_REVOKED) !== 0;
  }

  setRevoked(): void {
    Atomics.store(this.region.bytes, this.metadata + LOG_IS_PUBLICATION_REVOKED, 1);
  }

  /** How many times the log was rotated. */
  activeTermCount(): number {
    return loadAcquire(this.region.i32, this.metadataIndex + (LOG_ACTIVE_TERM_COUNT >> 2));
  }

  /** The term a partition's tail belongs to. */
  rawTailTermId(partitionIndex: number): number {
    return loadAcquire(this.region.i32, this.rawTailIndex(partitionIndex) + 1);
  }

  /** A partition's tail, at most the term length: publishers that ran into the end move it on. */
  rawTailOffset(partitionIndex: number): number {
    const offset = loadAcquire(this.region.i32, this.rawTailIndex(partitionIndex)) >>> 0;
    return Math.min(offset, this.termLength);
  }

  /** Where publishers are. Read while they move: the term id is the same before and after the offset is read. */
  producerPosition(): number {
    for (;;) {
      const partitionIndex = this.activeTermCount() % PARTITION_COUNT;
      const termId = this.rawTailTermId(partitionIndex);
      const termOffset = this.rawTailOffset(partitionIndex);
      if (this.rawTailTermId(partitionIndex) === termId) {
        return computePosition(termId, termOffset, this.bits, this.initialTermId);
      }
    }
  }

  /** Index of a partition's raw tail in `region.i32`: the offset; the term id follows. */
  rawTailIndex(partitionIndex: number): number {
    return this.metadataIndex + ((LOG_TAIL_COUNTERS + 8 * partitionIndex) >> 2);
  }

  /** Index of the active term count in `region.i32`. */
  get activeTermCountIndex(): number {
    return this.metadataIndex + (LOG_ACTIVE_TERM_COUNT >> 2);
  }

  /** Unmaps the log. The caller makes sure that no agent uses it any more. */
  close(): void {
    this.region.close();
  }
}
