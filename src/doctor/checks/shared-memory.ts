import { dirname } from 'node:path';
import { logFileLength } from '../../logbuffer/descriptor.ts';
import { messageOf } from '../../util/errors.ts';
import { bytes, type Check, ok, problem, warning } from '../finding.ts';

/** Logs that ought to have room beside each other: a few streams, each with a log at either end. */
const STREAMS = 8;

/** Room for logs where the driver makes them; a container has 64 MiB unless it is told otherwise. */
export const sharedMemory: Check = {
  name: 'shared memory',
  run: ({ options, usableBytes, host }) => {
    const { dir, termBufferLength, filePageSize } = options;
    const log = logFileLength(termBufferLength, filePageSize);
    const folder = host.exists(dir) ? dir : dirname(dir);
    let usable: number;
    try {
      usable = usableBytes(folder);
    } catch (error) {
      return [
        problem(
          `${folder} cannot be looked at: ${messageOf(error)}`,
          'the driver makes its files there',
          'set aeron.dir',
        ),
      ];
    }
    const found = `${folder} has room for ${bytes(usable)}; a log of ${bytes(termBufferLength)} terms takes ${bytes(log)}`;
    const fix =
      `mount -o remount,size=${bytes(STREAMS * log)
        .replace(' ', '')
        .replace('iB', '')} ${folder} (docker: --shm-size; Kubernetes: an emptyDir of medium Memory), ` +
      'or smaller terms (aeron.term.buffer.length)';
    if (usable < log) return [problem(found, 'not a single stream can be added', fix)];
    if (usable < STREAMS * log)
      return [warning(found, `fewer than ${STREAMS} streams fit; adding one more ends in an error`, fix)];
    return [ok(found)];
  },
};
