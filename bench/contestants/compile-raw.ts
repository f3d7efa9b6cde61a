import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { codeOf } from '../../src/util/errors.ts';
import { ROOT, type SideRun } from '../contestant.ts';

const run = promisify(execFile);

const SOURCES = `${ROOT}bench/peers/raw/`;
const PROGRAMS = `${ROOT}dist/bench/peers/raw/`;
const C_OPTIONS = ['-std=c11', '-O3', '-march=native', '-Wall', '-Wextra', '-D_GNU_SOURCE'];

/** Where {@link compileRaw} puts a raw C program. */
export function rawProgram(name: string): string {
  return PROGRAMS + name;
}

/** Compiles one of the raw C programs, with a library that pkg-config knows. */
export async function compileRaw(name: string, library?: string): Promise<void> {
  const flags = async (kind: string): Promise<string[]> =>
    library === undefined ? [] : (await output('pkg-config', [kind, library])).split(/\s+/);
  mkdirSync(PROGRAMS, { recursive: true });
  await output('gcc', [
    ...C_OPTIONS,
    ...(await flags('--cflags')),
    `${SOURCES}${name}.c`,
    '-o',
    rawProgram(name),
    ...(await flags('--libs')),
  ]);
}

/** What a program prints on standard output, trimmed. */
export async function output(file: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(file, [...args])).stdout.trim();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new Error(`${file} is not installed. Install it (apt-get install build-essential pkg-config).`, {
      cause: error,
    });
  }
}

/** True for what a program can do that has no streams, clients or recovery: one message a packet over its own wire. */
export function isPlainRun(run: Pick<SideRun, 'media' | 'streams' | 'clients' | 'lossRate'>): boolean {
  return run.media === 'udp' && run.streams === 1 && run.clients === 1 && run.lossRate === 0;
}
