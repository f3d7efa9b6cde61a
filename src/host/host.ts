import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';

/** What a program said. */
export interface ProgramResult {
  /** Exit code; 127 when the program is not installed, 128 when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PROGRAM_TIMEOUT_MS = 30_000;

/**
 * The machine, as the kernel's files and a few programs tell of it. Paths are absolute, as on the machine itself; another
 * root makes a tree of files look like a machine. What cannot be read is `null` or empty, since files of sysfs come and go
 * and many refuse to be read in some states; only {@link write} throws.
 */
export class Host {
  private readonly root: string;

  constructor(root = '/') {
    this.root = realpathSync(root);
  }

  /** A file's text without white space at its ends, or null. */
  text(path: string): string | null {
    try {
      return readFileSync(this.at(path), 'utf8').trim();
    } catch {
      return null;
    }
  }

  /** A file's text as a number, decimal or `0x…`, or null. */
  number(path: string): number | null {
    const text = this.text(path);
    const value = Number(text);
    return text === null || text === '' || Number.isNaN(value) ? null : value;
  }

  /** Names in a folder, in order. */
  names(path: string): string[] {
    try {
      return readdirSync(this.at(path)).sort();
    } catch {
      return [];
    }
  }

  /** Where a symbolic link leads, as it is written, or null. */
  target(path: string): string | null {
    try {
      return readlinkSync(this.at(path));
    } catch {
      return null;
    }
  }

  /** The last part of where a symbolic link leads, or null: `driver` to `ixgbe`. */
  linkName(path: string): string | null {
    const target = this.target(path);
    return target === null ? null : basename(target);
  }

  /** A path without symbolic links in it, or null. */
  realPath(path: string): string | null {
    try {
      const real = realpathSync(this.at(path));
      return this.root === '/' ? real : real.slice(this.root.length);
    } catch {
      return null;
    }
  }

  exists(path: string): boolean {
    return existsSync(this.at(path));
  }

  /** Writes to a file that is there. Throws what the operating system answers, with its code. */
  write(path: string, text: string): void {
    // Many files of sysfs can only be written: the kernel refuses to open them for both.
    const fd = openSync(this.at(path), constants.O_WRONLY);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
  }

  /** Runs a program to its end, for at most 30 s. */
  run(program: string, args: readonly string[]): ProgramResult {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      encoding: 'utf8',
      timeout: PROGRAM_TIMEOUT_MS,
      maxBuffer: 1 << 26,
    });
    if (error !== undefined && status === null) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      return { status: 127, stdout: '', stderr: isMissing ? `${program} is not installed` : error.message };
    }
    return { status: status ?? 128, stdout, stderr: stderr.trim() };
  }

  private at(path: string): string {
    return join(this.root, path);
  }
}
