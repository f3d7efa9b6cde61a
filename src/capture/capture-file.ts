/**
 * The file through which frames leave a running driver: a header, then a ring for each network agent. Who wants to see
 * frames makes it in the driver's directory; the driver finds it there, checks it and attaches. Little-endian words.
 *
 * ```
 * header, 4096 bytes   0 magic · 4 version · 8 rings · 12 bytes of a ring · 16 snap length · 20 state
 *                      24 process of the reader · 28 its heartbeat, seconds since 1970
 * each ring            0 tail, 128 head: bytes written and read, modulo 2^32 · 8 frames · 16 frames dropped (doubles)
 *                      256 records, 8-aligned: length · direction · length on the wire · captured length · epoch ns · bytes
 * ```
 */
import type { Region } from '../memory/region.ts';
import { MAPPED_FILES, type SharedFiles } from '../memory/shared-files.ts';
import { AeronError } from '../util/errors.ts';

export const CAPTURE_FILE = 'capture.dat';

/** No driver has more network agents. */
export const CAPTURE_RINGS = 16;
export const CAPTURE_RING_LENGTH_MIN = 65_536;
export const CAPTURE_RING_LENGTH_MAX: number = 1 << 28;
/** Of a frame at most, bytes; longer than any. */
export const SNAP_LENGTH_MAX = 16_384;

const MAGIC = 0x50434241;
const FORMAT_VERSION = 1;
const HEADER_LENGTH = 4096;
const RING_HEADER_LENGTH = 256;

const FIELD_MAGIC = 0;
const FIELD_VERSION = 1;
const FIELD_RINGS = 2;
const FIELD_RING_LENGTH = 3;
const FIELD_SNAP_LENGTH = 4;
const FIELD_STATE = 5;
const FIELD_READER_PID = 6;
const FIELD_HEARTBEAT_S = 7;

/** What became of a capture. */
export const CaptureState: Readonly<Record<'REQUESTED' | 'ATTACHED' | 'REFUSED' | 'CLOSED', number>> = {
  REQUESTED: 0,
  /** The driver writes. */
  ATTACHED: 1,
  /** The driver has no frames to show. */
  REFUSED: 2,
  /** One of the two has ended it. */
  CLOSED: 3,
};

/** Where the words of ring `index` are, as byte offsets. */
export interface RingLayout {
  readonly tail: number;
  readonly head: number;
  readonly frames: number;
  readonly dropped: number;
  readonly records: number;
  /** Bytes of records; a power of two. */
  readonly length: number;
}

export interface CaptureOptions {
  /** Bytes of each ring, a power of two; only what is used takes memory. */
  readonly ringLength: number;
  /** Bytes kept of a frame. */
  readonly snapLength: number;
  readonly readerPid: number;
}

/** A mapped capture file. What the other process writes is read anew at every call. */
export class CaptureFile {
  readonly region: Region;
  readonly rings: number;
  readonly ringLength: number;
  readonly snapLength: number;

  private constructor(region: Region) {
    this.region = region;
    this.rings = region.i32[FIELD_RINGS]!;
    this.ringLength = region.i32[FIELD_RING_LENGTH]!;
    this.snapLength = region.i32[FIELD_SNAP_LENGTH]!;
  }

  /** Makes the file, in state REQUESTED. Throws with code `EEXIST` when there is one. */
  static create(
    path: string,
    options: CaptureOptions,
    epochS: number,
    files: SharedFiles = MAPPED_FILES,
  ): CaptureFile {
    const { ringLength, snapLength, readerPid } = options;
    const region = files.create(path, fileLength(CAPTURE_RINGS, ringLength), true);
    const { i32 } = region;
    i32[FIELD_VERSION] = FORMAT_VERSION;
    i32[FIELD_RINGS] = CAPTURE_RINGS;
    i32[FIELD_RING_LENGTH] = ringLength;
    i32[FIELD_SNAP_LENGTH] = snapLength;
    i32[FIELD_READER_PID] = readerPid;
    i32[FIELD_HEARTBEAT_S] = epochS;
    // Last: a file without it is still being made.
    Atomics.store(i32, FIELD_MAGIC, MAGIC);
    return new CaptureFile(region);
  }

  /**
   * Maps a file that another process made, and believes nothing of it. Null when it is still being made.
   * @throws AeronError `CAPTURE_FILE_INVALID` when it is no capture file of this version, or not as long as it says.
   */
  static map(path: string, files: SharedFiles = MAPPED_FILES): CaptureFile | null {
    if (files.byteLength(path) < HEADER_LENGTH) return null;
    const region = files.map(path);
    if (Atomics.load(region.i32, FIELD_MAGIC) === 0) {
      region.close();
      return null;
    }
    const problem = problemOf(region);
    if (problem === '') return new CaptureFile(region);
    region.close();
    throw new AeronError(
      'CAPTURE_FILE_INVALID',
      `${path}: ${problem}. Remove it, and capture with this release.`,
    );
  }

  /** This isolate's view of a capture file that another one has mapped and checked. */
  static adopt(region: Region): CaptureFile {
    return new CaptureFile(region);
  }

  get state(): number {
    return Atomics.load(this.region.i32, FIELD_STATE);
  }

  set state(state: number) {
    Atomics.store(this.region.i32, FIELD_STATE, state);
  }

  get readerPid(): number {
    return this.region.i32[FIELD_READER_PID]!;
  }

  /** When the reader last said that it lives, seconds since 1970. */
  get heartbeatS(): number {
    return Atomics.load(this.region.i32, FIELD_HEARTBEAT_S);
  }

  set heartbeatS(epochS: number) {
    Atomics.store(this.region.i32, FIELD_HEARTBEAT_S, epochS);
  }

  /** The ring of network agent `index`. */
  ring(index: number): RingLayout {
    const start = HEADER_LENGTH + index * (RING_HEADER_LENGTH + this.ringLength);
    return {
      tail: start,
      head: start + 128,
      frames: start + 8,
      dropped: start + 16,
      records: start + RING_HEADER_LENGTH,
      length: this.ringLength,
    };
  }

  close(): void {
    this.region.close();
  }
}

function fileLength(rings: number, ringLength: number): number {
  return HEADER_LENGTH + rings * (RING_HEADER_LENGTH + ringLength);
}

/** What is wrong with a capture file; empty when nothing is. */
function problemOf({ i32, byteLength }: Region): string {
  const [magic, version, rings, ringLength, snapLength] = i32.subarray(0, 5);
  if (magic !== MAGIC) return 'is no capture file';
  if (version !== FORMAT_VERSION) return `has version ${version}; this driver knows ${FORMAT_VERSION}`;
  if (rings !== CAPTURE_RINGS) return `has ${rings} rings and not ${CAPTURE_RINGS}`;
  const isPowerOfTwo = (ringLength! & (ringLength! - 1)) === 0;
  if (!isPowerOfTwo || ringLength! < CAPTURE_RING_LENGTH_MIN || ringLength! > CAPTURE_RING_LENGTH_MAX)
    return `has rings of ${ringLength} bytes`;
  if (snapLength! < 1 || snapLength! > SNAP_LENGTH_MAX) return `has a snap length of ${snapLength}`;
  const length = fileLength(rings, ringLength!);
  return byteLength < length ? `has ${byteLength} bytes and should have ${length}` : '';
}
