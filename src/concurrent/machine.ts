import { randomBytes } from 'node:crypto';
import { MAPPED_FILES, type SharedFiles } from '../memory/shared-files.ts';
import { codeOf } from '../util/errors.ts';
import { type Clock, SystemClock } from './clock.ts';

/** The turns and the timers of an isolate's event loop. */
export interface EventLoop {
  /** Calls back in the next turn. */
  setImmediate(callback: () => void): void;
  setTimeout(callback: () => void, delayMs: number): unknown;
  setInterval(callback: () => void, delayMs: number): unknown;
  /** Starts a timeout anew, also one that has called back. */
  refresh(timer: unknown): void;
  /** Ends a timeout or an interval. */
  clear(timer: unknown): void;
}

/**
 * What drivers and clients take from the machine: shared memory, time and chance. Nothing else of it is read, so what
 * runs on a simulated machine runs the same every time.
 */
export interface Machine {
  readonly files: SharedFiles;
  readonly eventLoop: EventLoop;
  /** Of this process. */
  readonly processId: number;
  /** Whether there is a process of that id. */
  isProcess(processId: number): boolean;
  /** A clock of its own for each agent: each brings its own up to date. */
  newClock(): Clock;
  randomInt32(): number;
}

/** The machine that this process runs on. */
export const THIS_MACHINE: Machine = {
  files: MAPPED_FILES,
  eventLoop: {
    setImmediate: (callback) => void setImmediate(callback),
    setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
    setInterval: (callback, delayMs) => setInterval(callback, delayMs),
    refresh: (timer) => void (timer as NodeJS.Timeout).refresh(),
    clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
  },
  processId: process.pid,
  isProcess,
  newClock: () => new SystemClock(),
  randomInt32: () => randomBytes(4).readInt32LE(),
};

function isProcess(processId: number): boolean {
  if (processId <= 0) return false; // Signals to these go to whole groups of processes.
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
