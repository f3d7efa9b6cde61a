import { spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { skipReason } from './java.ts';

const REPOSITORY = new URL('../../..', import.meta.url).pathname;
const PROJECT = join(REPOSITORY, 'test/interop/rust');
/** A copy, so that cargo leaves nothing beside the sources. */
const COPY = join(REPOSITORY, 'dist/test/interop/rust');
const TARGET = join(COPY, 'target');
/** A cold build compiles the C client, for some minutes. */
const BUILD_TIMEOUT_MS = 840_000;
/** The C sources refuse older ones, which Debian 12 has. */
const CMAKE_VERSION_MIN = [3, 30] as const;
const CMAKE_PACKAGE = 'cmake==3.31.10';
const CMAKE_FOLDER = join(REPOSITORY, 'dist/bench/peers/cmake');
const CMAKE_OF_OURS = join(CMAKE_FOLDER, 'cmake/data/bin/cmake');
const HINT =
  'apt-get install cargo build-essential pkg-config cmake python3-pip libclang-dev uuid-dev libbsd-dev';

/** The programs under test/interop/rust, by the client they are written on. */
export type RustProgram = 'c-client' | 'rust-client';

/** Where a program is, once {@link otherClientsMissing} has built it. */
export function rustProgram(program: RustProgram): string {
  return join(TARGET, 'debug', program);
}

/** Builds the programs. Returns why that cannot be done here, or `false`: the `skip` option of a test. */
export function otherClientsMissing(): string | false {
  const cargo = spawnSync('cargo', ['--version']);
  if (cargo.error) return skipReason(`cannot run cargo (${cargo.error.message}); ${HINT}`);
  const cmake = cmakeProgram();
  if (cmake === null) return skipReason(`CMake ${CMAKE_VERSION_MIN.join('.')} is not to be had; ${HINT}`);
  cpSync(PROJECT, COPY, { recursive: true, preserveTimestamps: true });
  const args = ['build', '--quiet', '--manifest-path', join(COPY, 'Cargo.toml'), '--target-dir', TARGET];
  const env = { ...process.env, CMAKE: cmake };
  const { status, stderr } = spawnSync('cargo', args, { encoding: 'utf8', env, timeout: BUILD_TIMEOUT_MS });
  return status === 0 ? false : skipReason(`cargo build failed in ${PROJECT}; ${HINT}:\n${stderr}`);
}

/** The installed CMake, or one from PyPI in a folder of its own where that is too old. */
function cmakeProgram(): string | null {
  const [major = 0, minor = 0] = (spawnSync('cmake', ['--version'], { encoding: 'utf8' }).stdout ?? '')
    .split('\n', 1)
    .flatMap((line) => line.match(/\d+/g) ?? [])
    .map(Number);
  const [majorMin, minorMin] = CMAKE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return 'cmake';
  if (existsSync(CMAKE_OF_OURS)) return CMAKE_OF_OURS;
  spawnSync('python3', ['-m', 'pip', 'install', '-q', '--upgrade', '--target', CMAKE_FOLDER, CMAKE_PACKAGE]);
  return existsSync(CMAKE_OF_OURS) ? CMAKE_OF_OURS : null;
}
