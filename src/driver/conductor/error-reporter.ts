import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { DistinctErrorLog } from '../../concurrent/distinct-error-log.ts';

/** Puts errors where operators look for them: the error log, counter 15, and stderr when the log is full. */
export class ErrorReporter {
  private readonly log: DistinctErrorLog;
  private readonly errors: AtomicCounter;
  private readonly clock: Clock;

  constructor(log: DistinctErrorLog, errors: AtomicCounter, clock: Clock) {
    this.log = log;
    this.errors = errors;
    this.clock = clock;
  }

  /** `code` is one of `cnc/error-codes.ts`. */
  record(code: number, message: string): void {
    this.errors.increment();
    this.warn(code, message);
  }

  /** Says something that is not an error: it is logged and not counted. */
  warn(code: number, message: string): void {
    if (!this.log.record(code, message, this.clock.epochMs)) {
      process.stderr.write(`error log is full: (${code}) ${message}\n`);
    }
  }
}
