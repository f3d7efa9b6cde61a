/** What a Node user would pick today: the three share a folder with a package.json of its own. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { type Contestant, ROOT, type SideRun, sideArguments } from '../contestant.ts';
import { output } from './compile-raw.ts';

const FOLDER = `${ROOT}bench/peers/node/`;
const LOCK = `${FOLDER}package-lock.json`;
/** npm writes it when everything is there. */
const INSTALLED = `${FOLDER}node_modules/.package-lock.json`;

type Common = Pick<Contestant, 'command' | 'supports'>;

/** How a side is started, and what it can do: messages one by one, between two processes that are pinned. */
export function nodePeer(script: string): Common {
  return {
    supports: ({ streams, clients, lossRate }) => streams === 1 && clients === 1 && lossRate === 0,
    command: (run: SideRun) => ({
      file: 'taskset',
      args: ['-c', String(run.cpu), process.execPath, `${FOLDER}${script}`, ...sideArguments(run)],
    }),
  };
}

/** Installs the libraries, unless they are there. */
export async function installLibraries(): Promise<void> {
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCK).mtimeMs) return;
  await output('npm', ['ci', '--no-audit', '--no-fund', '--prefix', FOLDER]).catch((error: Error) => {
    throw new Error(`the libraries of bench/peers/node could not be installed: ${error.message}`, {
      cause: error,
    });
  });
}

/** Of an installed library. */
export function libraryVersion(name: string): string {
  const manifest = readFileSync(`${FOLDER}node_modules/${name}/package.json`, 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
