import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Verdict } from './scenario.ts';

/** The file a scenario leaves with its results. */
export const CAPTURE = 'card.pcapng';
export const CAPTURED_FRAMES = 400;

/** Of the channels in the guest. */
export const AERON_PORT = 40456;
export const TCP_PORT = 7022;

const LIMIT_MS = 120_000;

/** Whether tshark, on this machine, decodes what was captured in the guest: so many frames, our data among them. */
export function checkCapture(folder: string): Verdict {
  return check(folder, (count) => {
    const [frames, data] = [count(), count('-Y', 'aeron.data.stream_id == 1001')];
    return frames === CAPTURED_FRAMES && data > 0 ? '' : `${frames} frames, ${data} with our data`;
  });
}

/** Whether it has frames of the driver and of the kernel, each in both directions. */
export function checkTapCapture(folder: string): Verdict {
  return check(folder, (count) => {
    const counts = ['aeron.data.stream_id == 1001', `tcp.port == ${TCP_PORT}`].flatMap((what) =>
      ['10.7.0.1', '10.7.0.2'].map((source) => count('-Y', `${what} && ip.src == ${source}`)),
    );
    return counts.every((frames) => frames > 0) ? '' : `${counts} frames of the driver and of the kernel`;
  });
}

type Count = (...args: string[]) => number;

/** `complaint` says what is wrong with what tshark counts, `''`: nothing. */
function check(folder: string, complaint: (count: Count) => string): Verdict {
  const count = (...args: string[]): number => {
    const file = join(folder, CAPTURE);
    const { error, status, stdout, stderr } = spawnSync(
      'tshark',
      ['-n', '-d', `udp.port==${AERON_PORT},aeron`, '-r', file, ...args],
      { encoding: 'utf8', timeout: LIMIT_MS },
    );
    if (error !== undefined || status !== 0) throw error ?? new Error(stderr);
    return stdout.split('\n').filter((line) => line !== '').length;
  };
  try {
    const malformed = count('-Y', '_ws.malformed');
    const wrong = malformed > 0 ? `${malformed} malformed` : complaint(count);
    return wrong === ''
      ? { isPassed: true, note: 'tshark decodes the capture' }
      : { isPassed: false, note: `tshark finds ${wrong}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { isPassed: true, note: 'tshark is not installed, so nobody decoded the capture' };
    }
    return { isPassed: false, note: `tshark: ${error}` };
  }
}
