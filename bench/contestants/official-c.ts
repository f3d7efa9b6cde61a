/** The official C driver and client, as the rusteron crates carry their sources. */
import { cpSync, existsSync } from 'node:fs';
import { type Contestant, pinned, ROOT, sideArguments } from '../contestant.ts';
import { buildFolder, OFFICIAL_NOTE, outputOf, supports } from './official.ts';

const PROJECT = `${ROOT}bench/peers/official-c`;
/** A copy, so that cargo leaves nothing beside the sources. */
const COPY = buildFolder('official-c');
const SIDE = `${COPY}/target/release/side`;
const HINT =
  'official-c needs Rust (cargo), a C compiler, pkg-config, CMake 3.30 and three libraries ' +
  '(apt-get install build-essential pkg-config libclang-dev uuid-dev libbsd-dev).';

const CMAKE_FOLDER = buildFolder('cmake');
const CMAKE_OF_OURS = `${CMAKE_FOLDER}/cmake/data/bin/cmake`;
/** The sources refuse older ones, which Debian 12 has. */
const CMAKE_VERSION_MIN = [3, 30] as const;
const CMAKE_PACKAGE = 'cmake==3.31.10';

/** Frame types data, NAK, status message, setup and round-trip measurement, as bits: what Java loses, too. */
const LOST_FRAMES = '6e';

export const officialC: Contestant = {
  name: 'official-c',
  title: 'official C',
  note: `The official C driver and client. ${OFFICIAL_NOTE}`,
  async build() {
    cpSync(PROJECT, COPY, { recursive: true, preserveTimestamps: true });
    const args = [
      'build',
      '--release',
      '--manifest-path',
      `${COPY}/Cargo.toml`,
      '--target-dir',
      `${COPY}/target`,
    ];
    await outputOf('cargo', args, HINT, { CMAKE: await cmake() });
  },
  supports,
  command(run) {
    const command = pinned(run.cpu, SIDE, sideArguments(run));
    if (run.lossRate === 0) return command;
    const loss = `rate=${run.lossRate}|seed=${run.side + 1}|recv-msg-mask=${LOST_FRAMES}`;
    return {
      ...command,
      env: {
        AERON_UDP_CHANNEL_INCOMING_INTERCEPTORS: 'loss',
        AERON_UDP_CHANNEL_TRANSPORT_BINDINGS_LOSS_ARGS: loss,
      },
    };
  },
  version: async () => `Aeron ${await outputOf(SIDE, ['--version'], 'Build official-c first.')}`,
};

/** The installed CMake, or one from PyPI in a folder of its own where that is too old. */
async function cmake(): Promise<string> {
  const [line = ''] = (await outputOf('cmake', ['--version'], '').catch(() => '')).split('\n');
  const [major = 0, minor = 0] = (line.match(/\d+/g) ?? []).map(Number);
  const [majorMin, minorMin] = CMAKE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return 'cmake';
  if (existsSync(CMAKE_OF_OURS)) return CMAKE_OF_OURS;
  const hint = `official-c needs CMake ${majorMin}.${minorMin} or newer; here is ${line || 'none'}. Install it, or pip for Python 3.`;
  await outputOf(
    'python3',
    ['-m', 'pip', 'install', '-q', '--upgrade', '--target', CMAKE_FOLDER, CMAKE_PACKAGE],
    hint,
  );
  return CMAKE_OF_OURS;
}
