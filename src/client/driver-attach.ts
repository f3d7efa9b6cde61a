import { CncFile } from '../cnc/cnc-file.ts';
import type { Clock } from '../concurrent/clock.ts';
import { AeronError, codeOf, messageOf } from '../util/errors.ts';
import { clientError } from './client-errors.ts';
import type { ClientContext } from './client-options.ts';

/** Between two looks for a driver. */
export const RETRY_MS = 50;
/**
 * Drivers beat once a second. An older heartbeat may be that of a driver that was killed, whose files a new one is
 * about to replace: it is worth to wait for the next beat.
 */
const FRESH_HEARTBEAT_MS = 1_500;
/** What a driver that is starting, or about to be replaced by a new one, looks like. */
const TRANSIENT_CODES: readonly string[] = ['CNC_NOT_FOUND', 'CNC_NOT_READY', 'CNC_TRUNCATED', 'ENOENT'];

/**
 * Finds the driver and maps its CnC file; waits for a driver that is starting.
 * Rejects with AeronError `DRIVER_TIMEOUT` when there is none in time, or as {@link CncFile.map} throws.
 */
export async function attachToDriver(context: ClientContext, clock: Clock): Promise<CncFile> {
  clock.update();
  const deadlineNs = clock.nanoTime + context.driverTimeoutMs * 1e6;
  for (;;) {
    context.driver?.doWork();
    const found = tryAttach(context, clock);
    if (found instanceof CncFile) return found;
    if (clock.nanoTime >= deadlineNs) {
      throw clientError(
        'DRIVER_TIMEOUT',
        `no driver is alive in ${context.directory} after ${context.driverTimeoutMs} ms: ${found.message}`,
        { cause: found },
      );
    }
    await new Promise<void>((resolve) => {
      context.machine.eventLoop.setTimeout(resolve, context.driver === null ? RETRY_MS : 0);
    });
  }
}

/** Returns the reason when it is worth to try again. Throws as {@link attachToDriver} rejects. */
export function tryAttach(context: ClientContext, clock: Clock): CncFile | Error {
  let cnc: CncFile;
  try {
    cnc = CncFile.map(context.directory, context.machine.files);
  } catch (error) {
    clock.update();
    if (TRANSIENT_CODES.includes(codeOf(error))) return error as Error;
    if (error instanceof AeronError) throw error;
    throw clientError('CNC_NOT_MAPPED', `${context.directory}: ${messageOf(error)}`, { cause: error });
  }
  clock.update();
  const heartbeatMs = cnc.toDriver.consumerHeartbeatMs();
  const ageMs = clock.epochMs - heartbeatMs;
  if (heartbeatMs > 0 && ageMs <= Math.min(context.driverTimeoutMs, FRESH_HEARTBEAT_MS)) return cnc;
  cnc.close();
  if (heartbeatMs === 0) return new Error('it has not started to work yet');
  if (heartbeatMs < 0) return new Error('it was shut down');
  return new Error(`its last heartbeat is ${ageMs} ms old`);
}
