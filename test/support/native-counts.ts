import { TX_LENGTH, TX_WORDS } from '../../src/device/device.ts';
import { WORDS_PER_COPY } from '../../src/memory/copy-burst.ts';
import { loadAddon, type ShmAddon } from '../../src/native/addons.ts';
import type { DpdkAddon } from '../../src/native/dpdk-addon.ts';

/** What was asked of native code. */
export class NativeCounts {
  /** By function, as `shm.copyIn`. */
  readonly calls: Map<string, number> = new Map();
  /** Bytes that native functions were told to copy in this process's memory, packet buffers included. */
  bytesCopied = 0;

  clear(): void {
    this.calls.clear();
    this.bytesCopied = 0;
  }

  add(name: string, bytes: number): void {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    this.bytesCopied += bytes;
  }
}

type Native = (...args: unknown[]) => unknown;

/** Of an entry of `CopyBurst`: to handle and offset, from handle and offset, length. */
const COPY_LENGTH = 4;

/**
 * Puts a counter in front of every function of the addons, for the rest of the process. Call it before anything else uses
 * them; code that ran before may have kept the functions themselves.
 */
export class NativeCounter {
  /** Where calls are counted now. */
  counts: NativeCounts = new NativeCounts();
  /** Lists of copies by the handle of their region, tables of frames to send by the handle of their queue. */
  private readonly regions = new Map<number, Int32Array>();
  private readonly txTables = new Map<number, Int32Array>();

  constructor(hasDpdk: boolean) {
    const shm = loadAddon<ShmAddon>('shm');
    this.watch(shm, 'adopt', ([buffer], handle) => {
      this.regions.set(handle as number, new Int32Array(buffer as SharedArrayBuffer, 0, wordsOf(buffer)));
    });
    this.count('shm', shm, {
      copyBurst: ([handle, count]) => this.sumOfCopies(handle as number, count as number),
      insertBurst: ([handle, count]) => this.sumOfCopies(handle as number, count as number),
      copyIn: (args) => args[4] as number,
      copyOut: (args) => args[4] as number,
    });
    this.count('udp', loadAddon<object>('udp'), {});
    if (!hasDpdk) return;
    const dpdk = loadAddon<DpdkAddon>('dpdk');
    this.watch(dpdk, 'openPort', (_args, port) => {
      const { handle, tx } = port as ReturnType<DpdkAddon['openPort']>;
      this.txTables.set(handle, new Int32Array(tx));
    });
    this.count('dpdk', dpdk, {
      transmit: ([handle, count]) => {
        const words = this.txTables.get(handle as number)!;
        let bytes = 0;
        for (let i = 0; i < (count as number); i++) bytes += words[i * TX_WORDS + TX_LENGTH]!;
        return bytes;
      },
    });
  }

  private sumOfCopies(handle: number, count: number): number {
    const words = this.regions.get(handle)!;
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += words[i * WORDS_PER_COPY + COPY_LENGTH]!;
    return bytes;
  }

  /** Counts every function of `addon`; `copies` says how many bytes a call of one copies. */
  private count(room: string, addon: object, copies: Record<string, (args: unknown[]) => number>): void {
    for (const name of Object.keys(addon)) {
      if (typeof (addon as Record<string, unknown>)[name] !== 'function') continue;
      const bytesOf = copies[name] ?? (() => 0);
      // Looked at before the call: a table may be filled anew by it.
      this.wrap(addon, name, (original) => (...args) => {
        this.counts.add(`${room}.${name}`, bytesOf(args));
        return original(...args);
      });
    }
  }

  private watch(addon: object, name: string, see: (args: unknown[], result: unknown) => void): void {
    this.wrap(addon, name, (original) => (...args) => {
      const result = original(...args);
      see(args, result);
      return result;
    });
  }

  private wrap(addon: object, name: string, wrapper: (original: Native) => Native): void {
    const functions = addon as Record<string, Native>;
    functions[name] = wrapper(functions[name]!);
  }
}

function wordsOf(buffer: unknown): number {
  return (buffer as SharedArrayBuffer).byteLength >> 2;
}
