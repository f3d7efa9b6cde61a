/** What the official Java and C contestants have in common. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../src/util/errors.ts';
import { type Contestant, ROOT } from '../contestant.ts';

/** Where what is built of `peer` goes; git ignores it. */
export function buildFolder(peer: string): string {
  return `${ROOT}dist/bench/peers/${peer}`;
}

/** What both sides of both do. */
export const OFFICIAL_NOTE: string =
  'Driver and client in one pinned thread a side, called in turn without idling, over kernel sockets and loopback ' +
  '(IPC: shared memory), 64 offers or fragments a turn; counts messages that a subscription handed over, in order.';

/** Aeron makes receive loss only where there is a network. */
export const supports: Contestant['supports'] = (run) =>
  run.clients === 1 && (run.lossRate === 0 || run.media === 'udp');

const TAIL_LENGTH = 2000;
const OUTPUT_LENGTH_MAX = 64 * 1024 * 1024;

/** What a program prints on standard output, trimmed. When it fails, the error ends with `hint`. */
export async function outputOf(
  file: string,
  args: readonly string[],
  hint: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(file, [...args], {
      cwd: ROOT,
      env: { ...process.env, ...environment },
      maxBuffer: OUTPUT_LENGTH_MAX,
    });
    return stdout.trim();
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const tail = `${stdout}${stderr}`.trim().slice(-TAIL_LENGTH) || messageOf(error);
    throw new Error(`${file} ${args.join(' ')} failed:\n${tail}\n${hint}`, { cause: error });
  }
}
