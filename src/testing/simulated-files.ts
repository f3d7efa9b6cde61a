import { Region } from '../memory/region.ts';
import type { SharedFiles } from '../memory/shared-files.ts';

/**
 * The shared files of a simulated machine: plain memory by path. Every mapping is a region of its own over the same
 * bytes, as it is in processes.
 */
export class SimulatedFiles implements SharedFiles {
  /** Bytes of all files may reach this. */
  capacity: number = 1 << 30;
  /** Bytes of all files there are. */
  byteCount = 0;
  private readonly files: Map<string, SharedArrayBuffer> = new Map();
  private readonly texts: Map<string, string> = new Map();
  private readonly directories: Set<string> = new Set();

  /** The paths of all files, in the order they were made. */
  paths(): string[] {
    return [...this.files.keys(), ...this.texts.keys()];
  }

  map(path: string): Region {
    const buffer = this.files.get(path);
    if (buffer === undefined) throw errno('ENOENT', `cannot open ${path}`);
    return Region.over(buffer);
  }

  create(path: string, byteLength: number): Region {
    if (this.exists(path)) throw errno('EEXIST', `cannot open ${path}`);
    if (this.byteCount + byteLength > this.capacity) throw errno('ENOSPC', `cannot map ${path}`);
    const buffer = new SharedArrayBuffer(byteLength);
    this.files.set(path, buffer);
    this.byteCount += byteLength;
    return Region.over(buffer);
  }

  byteLength(path: string): number {
    const buffer = this.files.get(path);
    if (buffer === undefined) throw errno('ENOENT', `no file ${path}`);
    return buffer.byteLength;
  }

  exists(path: string): boolean {
    return this.files.has(path) || this.texts.has(path) || this.directories.has(path);
  }

  names(directory: string): string[] {
    const all = [...this.paths(), ...this.directories].filter((path) => path.startsWith(`${directory}/`));
    return [...new Set(all.map((path) => path.slice(directory.length + 1).split('/')[0]!))];
  }

  makeDirectory(path: string): void {
    this.directories.add(path);
  }

  remove(path: string): void {
    const isGone = (name: string): boolean => name === path || name.startsWith(`${path}/`);
    for (const [name, buffer] of this.files) {
      if (!isGone(name)) continue;
      this.files.delete(name);
      this.byteCount -= buffer.byteLength;
    }
    for (const name of this.texts.keys()) if (isGone(name)) this.texts.delete(name);
    for (const name of this.directories) if (isGone(name)) this.directories.delete(name);
  }

  writeText(path: string, text: string): void {
    this.texts.set(path, text);
  }

  usableSpace(): number {
    return this.capacity - this.byteCount;
  }
}

function errno(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
