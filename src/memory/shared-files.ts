import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../util/errors.ts';
import { Region } from './region.ts';

/**
 * Where shared memory has names: the files through which processes of one machine meet. Implementations: the machine's
 * own file system, and plain memory for simulation.
 */
export interface SharedFiles {
  /** As {@link Region.map}. */
  map(path: string): Region;
  /** As {@link Region.create}. */
  create(path: string, byteLength: number, isSparse?: boolean): Region;
  /** Bytes of a file. Throws with code `ENOENT` when there is none. */
  byteLength(path: string): number;
  /** Whether there is a file or a directory. */
  exists(path: string): boolean;
  /** The names in a directory. Throws with code `ENOENT` or `ENOTDIR` when it is none. */
  names(directory: string): string[];
  /** Makes a directory, and those it is in. One that is there already is no error. */
  makeDirectory(path: string): void;
  /** Removes a file, or a directory with all that is in it. What is mapped stays mapped. */
  remove(path: string): void;
  writeText(path: string, text: string): void;
  /** Bytes that may still be written to the file system of a directory. */
  usableSpace(directory: string): number;
}

/** The machine's file system; shared memory is in it as mapped files. */
export const MAPPED_FILES: SharedFiles = {
  map: (path) => Region.map(path),
  create: (path, byteLength, isSparse) => Region.create(path, byteLength, isSparse),
  byteLength: (path) => statSync(path).size,
  exists: (path) => existsSync(path),
  names: (directory) => readdirSync(directory),
  makeDirectory,
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  writeText: (path, text) => writeFileSync(path, text),
  usableSpace: (directory) => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
};

/** One by one, because Node's `recursive` tries for ever where a file system such as /proc answers ENOENT. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
