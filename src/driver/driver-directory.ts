import { join } from 'node:path';
import { CNC_FILE, CncFile, LOSS_REPORT_FILE } from '../cnc/cnc-file.ts';
import type { Clock } from '../concurrent/clock.ts';
import { readErrorLog } from '../concurrent/distinct-error-log.ts';
import type { Machine } from '../concurrent/machine.ts';
import type { SharedFiles } from '../memory/shared-files.ts';
import { AeronError, codeOf, messageOf } from '../util/errors.ts';
import type { DriverOptions } from './driver-options.ts';

/** A living driver writes its heartbeat every second or so: one that does not for this long, and has no process, is dead. */
const HEARTBEAT_WATCH_MS = 2_500;
/** A driver that is being started writes the version well within this. */
const READY_WATCH_MS = 1_000;
const WATCH_INTERVAL_MS = 10;
/** Where the CnC file has the driver's process id. */
const CNC_PID_OFFSET = 40;

/** What a driver makes in its directory. */
const PUBLICATIONS = 'publications';
const IMAGES = 'images';
const DRIVER_NAMES: ReadonlySet<string> = new Set([CNC_FILE, LOSS_REPORT_FILE, PUBLICATIONS, IMAGES]);

/**
 * Makes the Aeron directory ready for a new driver: what a dead driver left is removed, its errors are saved beside it.
 * @throws AeronError `DRIVER_ACTIVE` when a living driver has the directory, `DRIVER_DIRECTORY` when no driver made what
 *   is in it or when it cannot be made; nothing is touched then.
 */
export async function prepareDirectory(options: DriverOptions, machine: Machine): Promise<void> {
  const { dir } = options;
  const { files } = machine;
  if (files.exists(dir)) {
    refuseForeign(dir, files);
    if (options.dirWarnIfExists) process.stderr.write(`WARNING: ${dir} exists\n`);
    if (!options.dirDeleteOnStart) await takeOver(options, machine);
    files.remove(dir);
  }
  try {
    files.makeDirectory(join(dir, PUBLICATIONS));
    files.makeDirectory(join(dir, IMAGES));
  } catch (error) {
    throw new AeronError(
      'DRIVER_DIRECTORY',
      `the Aeron directory ${dir} cannot be made: ${messageOf(error)}. Choose one with aeron.dir that can, in memory if possible: /dev/shm/…`,
      { cause: error },
    );
  }
}

/** A directory is removed with all that is in it before a driver starts: one that is no driver's must not be. */
function refuseForeign(dir: string, files: SharedFiles): void {
  let names: string[];
  try {
    names = files.names(dir);
  } catch (error) {
    throw new AeronError(
      'DRIVER_DIRECTORY',
      `${dir} is no directory that can be read: ${messageOf(error)}. Choose another with aeron.dir.`,
      {
        cause: error,
      },
    );
  }
  if (names.includes(CNC_FILE)) return;
  const foreign = names.find((name) => !DRIVER_NAMES.has(name));
  if (foreign === undefined) return;
  throw new AeronError(
    'DRIVER_DIRECTORY',
    `${dir} has ${foreign} in it and no ${CNC_FILE}, so no driver made it, and a start would remove all of it. ` +
      'Choose a directory of its own with aeron.dir.',
  );
}

async function takeOver({ dir, driverTimeoutMs }: DriverOptions, machine: Machine): Promise<void> {
  const clock = machine.newClock();
  const cnc = await mapExisting(dir, clock, machine);
  if (cnc === null) return;
  try {
    if (await isActive(cnc, driverTimeoutMs, clock, machine)) {
      throw driverActive(dir, cnc.pid);
    }
    clock.update();
    saveErrors(cnc, dir, clock.epochMs, machine.files);
  } finally {
    cnc.close();
  }
}

function driverActive(dir: string, pid: number): AeronError {
  return new AeronError(
    'DRIVER_ACTIVE',
    `an active media driver, process ${pid}, has ${dir}. Stop it, or choose another directory with aeron.dir.`,
  );
}

/** The process that a CnC file without a version belongs to; 0 when it does not say yet. */
function pidIn(path: string, files: SharedFiles): number {
  if (files.byteLength(path) < CNC_PID_OFFSET + 8) return 0;
  const region = files.map(path);
  const pid = Number(region.view.getBigInt64(CNC_PID_OFFSET, true));
  region.close();
  return pid;
}

/** `null` when there is nothing that a driver could be using. */
async function mapExisting(dir: string, clock: Clock, machine: Machine): Promise<CncFile | null> {
  clock.update();
  const deadlineNs = clock.nanoTime + READY_WATCH_MS * 1e6;
  let pid = 0;
  for (;;) {
    try {
      return CncFile.map(dir, machine.files);
    } catch (error) {
      switch (codeOf(error)) {
        case 'CNC_NOT_FOUND':
        case 'CNC_TRUNCATED':
        case 'CNC_MALFORMED':
          return null;
        case 'CNC_NOT_READY':
          // Another driver is starting this moment, or died while it did.
          pid = pidIn(join(dir, CNC_FILE), machine.files);
          if (machine.isProcess(pid)) throw driverActive(dir, pid);
          clock.update();
          if (clock.nanoTime > deadlineNs) return null;
          await watchInterval(machine);
          break;
        default:
          throw new AeronError(
            'DRIVER_DIRECTORY',
            `${join(dir, CNC_FILE)} is there and cannot be judged. Stop the driver it belongs to and remove ${dir}.`,
            { cause: error },
          );
      }
    }
  }
}

/**
 * A driver that was killed leaves a fresh heartbeat behind. Official drivers wait until it is old; we look whether the
 * process is there, and because it may be one of another container, whether the heartbeat goes on.
 */
async function isActive(
  cnc: CncFile,
  driverTimeoutMs: number,
  clock: Clock,
  machine: Machine,
): Promise<boolean> {
  clock.update();
  const heartbeatMs = cnc.toDriver.consumerHeartbeatMs();
  if (clock.epochMs - heartbeatMs > driverTimeoutMs) return false;
  if (machine.isProcess(cnc.pid)) return true;
  const deadlineNs = clock.nanoTime + Math.min(HEARTBEAT_WATCH_MS, driverTimeoutMs) * 1e6;
  while (clock.nanoTime < deadlineNs) {
    if (cnc.toDriver.consumerHeartbeatMs() !== heartbeatMs)
      return cnc.toDriver.consumerHeartbeatMs() > heartbeatMs;
    await watchInterval(machine);
    clock.update();
  }
  return false;
}

function watchInterval({ eventLoop }: Machine): Promise<void> {
  return new Promise((resolve) => void eventLoop.setTimeout(resolve, WATCH_INTERVAL_MS));
}

/** `<dir>-2026-08-31-12-00-00-000+0000-error.log`, as official drivers call it. Nothing is written without errors. */
function saveErrors(cnc: CncFile, dir: string, nowMs: number, files: SharedFiles): void {
  const lines: string[] = [];
  const { region, offset, length } = cnc.errorLog;
  const count = readErrorLog(region, offset, length, (error) => {
    const [first, last] = [error.firstObservationMs, error.lastObservationMs].map((ms) =>
      new Date(ms).toISOString(),
    );
    lines.push(`***\n${error.observationCount} observations from ${first} to ${last} for:\n ${error.text}\n`);
  });
  if (count === 0) return;
  const time = new Date(nowMs).toISOString().replace('Z', '+0000').replaceAll(/[T:.]/g, '-');
  const path = `${dir}-${time}-error.log`;
  files.writeText(path, `${lines.join('')}\n${count} distinct errors observed.\n`);
  process.stderr.write(`WARNING: the errors of the driver before are in ${path}\n`);
}
