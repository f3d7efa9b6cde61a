import { shm } from '../native/addons.ts';

/**
 * A piece of memory that threads or processes share: a mapped file, or an allocation. One object per isolate; other
 * isolates {@link Region.adopt} the same `buffer` and `handle`.
 *
 * Indexes of `i32` and `b64` are byte offsets divided by 4 and 8. Words that another thread or process writes are read
 * with `Atomics` (or the helpers of `position.ts`); the last store that makes other stores visible goes through
 * `Atomics` too.
 */
export class Region {
  /** What native code calls this memory by: > 0, the same in every isolate. */
  readonly handle: number;
  readonly buffer: SharedArrayBuffer;
  readonly byteLength: number;
  readonly i32: Int32Array;
  readonly b64: BigInt64Array;
  /** Every byte, with the reading methods Node users know. */
  readonly bytes: Buffer;
  /** For unaligned or big-endian fields. */
  readonly view: DataView;
  private isClosed = false;

  private constructor(buffer: SharedArrayBuffer, handle: number) {
    this.handle = handle;
    this.buffer = buffer;
    this.byteLength = buffer.byteLength;
    this.i32 = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.b64 = new BigInt64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
    this.bytes = Buffer.from(buffer as unknown as ArrayBuffer);
    this.view = new DataView(buffer);
  }

  /** Maps an existing file. `byteLength` 0 means all of it. Throws an Error with errno's name as `code`. */
  static map(path: string, byteLength = 0): Region {
    const { buffer, handle } = shm.map(path, byteLength, false, true);
    return new Region(buffer, handle);
  }

  /** Makes a new file of zeros and maps it. Throws with code `EEXIST`, `ENOSPC` … and leaves no file behind then. */
  static create(path: string, byteLength: number, sparse = true): Region {
    const { buffer, handle } = shm.map(path, byteLength, true, sparse);
    return new Region(buffer, handle);
  }

  /** Zeroed memory of this process, for packet slots, burst tables, tests and simulation. */
  static allocate(byteLength: number): Region {
    return Region.over(new SharedArrayBuffer(byteLength));
  }

  /** Another region over memory of this process, to be closed by itself. */
  static over(buffer: SharedArrayBuffer): Region {
    return new Region(buffer, shm.adopt(buffer));
  }

  /** This isolate's view of a region that another isolate of the process owns. It must not {@link close} it. */
  static adopt(buffer: SharedArrayBuffer, handle: number): Region {
    return new Region(buffer, handle);
  }

  /**
   * Gives the pages of a mapped file back at once. Views that are still around read zeros and write to nowhere.
   * The caller makes sure that no agent still hands the handle to native code. Any number of calls.
   */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    shm.retire(this.handle);
  }
}
