import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Verdict } from './scenario.ts';

/** The file a scenario leaves with its results. */
export const CAPTURE = 'card.pcapng';
export const CAPTURED_FRAMES = 400;

const LIMIT_MS = 120_000;

/** Whether tshark, on this machine, decodes what was captured in the guest. */
export function checkCapture(folder: string): Verdict {
  const count = (...args: string[]): number => {
    const file = join(folder, CAPTURE);
    const { error, status, stdout, stderr } = spawnSync(
      'tshark',
      ['-n', '--enable-heuristic', 'aeron_udp', '-r', file, ...args],
      { encoding: 'utf8', timeout: LIMIT_MS },
    );
    if (error !== undefined || status !== 0) throw error ?? new Error(stderr);
    return stdout.split('\n').filter((line) => line !== '').length;
  };
  try {
    const frames = count();
    const data = count('-Y', 'aeron.data.stream_id == 1001');
    const malformed = count('-Y', '_ws.malformed');
    if (frames === CAPTURED_FRAMES && data > 0 && malformed === 0)
      return { isPassed: true, note: 'tshark decodes it' };
    return {
      isPassed: false,
      note: `tshark finds ${frames} frames, ${data} with our data, ${malformed} malformed`,
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { isPassed: true, note: 'tshark is not installed, so nobody decoded the capture' };
    }
    return { isPassed: false, note: `tshark: ${error}` };
  }
}
