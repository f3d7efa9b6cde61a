/**
 * The only file that loads the C++ addons, and their typed face. Each addon is optional to the program as a whole:
 * what cannot be loaded is reported with the reason, where it is first needed.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { AeronError, messageOf } from '../util/errors.ts';

/** Mapped memory, copies, clocks and threads. A handle is a small integer, valid in every isolate of the process. */
export interface ShmAddon {
  readonly regionTable: bigint;
  map(
    path: string,
    length: number,
    create: boolean,
    sparse: boolean,
  ): { buffer: SharedArrayBuffer; handle: number };
  adopt(buffer: SharedArrayBuffer): number;
  retire(handle: number): void;
  copyBurst(copiesHandle: number, count: number): number;
  insertBurst(copiesHandle: number, count: number): number;
  zero(handle: number, offset: number, length: number): void;
  zeroPastCaches(handle: number, offset: number, length: number): void;
  compareAndSet64(
    handle: number,
    offset: number,
    expectedLow: number,
    expectedHigh: number,
    low: number,
    high: number,
  ): boolean;
  copyIn(handle: number, offset: number, view: ArrayBufferView, viewOffset: number, length: number): number;
  copyOut(handle: number, offset: number, view: ArrayBufferView, viewOffset: number, length: number): number;
  readClocks(handle: number): void;
  readEpochNs(handle: number, offset: number): void;
  sleep(ns: number): void;
  yield(): void;
  pause(): void;
  pin(cpu: number): void;
  nameThread(name: string): void;
}

/** Where the build puts the addons of the running Node: one folder for each module ABI. */
export const ADDON_FOLDER: URL = new URL(
  `../../native/${process.platform}-${process.arch}-abi${process.versions.modules}/`,
  import.meta.url,
);

/** What builds them: the same in a checkout and where this package is a dependency. */
const SETUP = `node ${fileURLToPath(new URL('../../../tools/setup.mjs', import.meta.url))}`;

const require = createRequire(import.meta.url);
const loaded = new Map<string, unknown>();

/**
 * Loads one addon, once per isolate.
 * @throws AeronError `NATIVE_NOT_BUILT` when it was never built for this Node, `NATIVE_NOT_LOADED` when it was but
 * cannot be loaded (a shared library is missing, say).
 */
export function loadAddon<T>(name: 'shm' | 'udp' | 'dpdk'): T {
  const found = loaded.get(name);
  if (found !== undefined) return found as T;
  const file = fileURLToPath(new URL(`${name}.node`, ADDON_FOLDER));
  if (!existsSync(file)) {
    const install = name === 'dpdk' ? 'Install libdpdk (apt-get install libdpdk-dev), then run' : 'Run';
    throw new AeronError(
      'NATIVE_NOT_BUILT',
      `no ${name} addon for Node ${process.version} (module ABI ${process.versions.modules}) at ${file}. ` +
        `${install} "${SETUP}".`,
    );
  }
  try {
    const addon = require(file) as T;
    loaded.set(name, addon);
    return addon;
  } catch (error) {
    throw new AeronError('NATIVE_NOT_LOADED', `${file}: ${messageOf(error)}. Run "${SETUP}" to rebuild it.`, {
      cause: error,
    });
  }
}

/** The shm addon; everything needs it. */
export const shm: ShmAddon = loadAddon<ShmAddon>('shm');
