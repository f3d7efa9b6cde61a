import { SystemCounter } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import { logFileLength } from '../../logbuffer/descriptor.ts';
import { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { LogParameters } from '../../logbuffer/log-metadata.ts';
import type { Lender } from '../../memory/lender.ts';
import { Region } from '../../memory/region.ts';
import type { SharedFiles } from '../../memory/shared-files.ts';
import { codeOf, messageOf } from '../../util/errors.ts';
import type { DriverOptions } from '../driver-options.ts';
import { CommandError } from './command-error.ts';
import type { ErrorReporter } from './error-reporter.ts';

/** Makes log files and takes them away. */
export class LogStore {
  private readonly options: DriverOptions;
  private readonly errors: ErrorReporter;
  private readonly bytesMapped: AtomicCounter;
  private readonly freeFails: AtomicCounter;
  private readonly files: SharedFiles;
  /** Null: what is sent is copied. */
  private readonly lender: Lender | null;
  /** Logs whose files are gone, and that a port refers to yet. */
  private readonly referred: Set<LogBuffers> = new Set();
  private readonly aliases: Map<LogBuffers, Region> = new Map();

  constructor(
    options: DriverOptions,
    errors: ErrorReporter,
    systemCounter: (id: number) => AtomicCounter,
    files: SharedFiles,
    lender: Lender | null = null,
  ) {
    this.options = options;
    this.errors = errors;
    this.bytesMapped = systemCounter(SystemCounter.BYTES_CURRENTLY_MAPPED);
    this.freeFails = systemCounter(SystemCounter.FREE_FAILS);
    this.files = files;
    this.lender = lender;
  }

  /** @throws CommandError STORAGE_SPACE when there is no room, GENERIC_ERROR for other reasons; no file is left then. */
  create(path: string, parameters: LogParameters): LogBuffers {
    const { filePageSize } = this.options;
    this.checkSpace(logFileLength(parameters.termLength, filePageSize));
    try {
      const log = LogBuffers.create(path, { ...parameters, pageSize: filePageSize }, this.files);
      this.bytesMapped.add(log.region.byteLength);
      return log;
    } catch (error) {
      const code = codeOf(error) === 'ENOSPC' ? ErrorCode.STORAGE_SPACE : ErrorCode.GENERIC_ERROR;
      throw new CommandError(code, `cannot make log: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Has the network send a log's messages from where they lie, if it can. Takes milliseconds for a card. Returns a handle of
   * the same memory that is not lent, for what must be copied.
   */
  lend(log: LogBuffers): number {
    if (this.lender === null) return log.region.handle;
    const refusal = this.lender.lend(log.region);
    if (refusal !== '') this.warnOfCopies(refusal);
    const alias = Region.over(log.region.buffer);
    this.aliases.set(log, alias);
    return alias.handle;
  }

  private warnOfCopies(refusal: string): void {
    this.errors.warn(
      ErrorCode.GENERIC_ERROR,
      `a log cannot be lent to the DPDK port, its datagrams are copied: ${refusal}`,
    );
  }

  /**
   * Unmaps the log, once no port refers to it, and removes its file, which may fail. Clients that have it mapped keep what
   * they see.
   */
  remove(path: string, log: LogBuffers): void {
    this.referred.add(log);
    this.onTimer();
    try {
      this.files.remove(path);
    } catch (error) {
      this.freeFails.increment();
      this.errors.record(ErrorCode.GENERIC_ERROR, `cannot remove log ${path}: ${messageOf(error)}`);
    }
  }

  /** Unmaps logs that ports no longer refer to. */
  onTimer(): void {
    for (const log of this.referred) {
      if (this.lender !== null && !this.lender.takeBack(log.region)) continue;
      this.referred.delete(log);
      this.bytesMapped.add(-log.region.byteLength);
      this.aliases.get(log)?.close();
      this.aliases.delete(log);
      log.close();
    }
  }

  private checkSpace(length: number): void {
    const { dir, performStorageChecks, lowFileStoreWarningThreshold } = this.options;
    if (!performStorageChecks) return;
    const usable = this.files.usableSpace(dir);
    if (usable < length) {
      throw new CommandError(
        ErrorCode.STORAGE_SPACE,
        `insufficient usable storage for new log of length=${length} usable=${usable} in ${dir}`,
      );
    }
    // The same text every time, or each log would be another entry of the error log.
    if (usable <= lowFileStoreWarningThreshold) {
      this.errors.warn(
        ErrorCode.STORAGE_SPACE,
        `less than ${lowFileStoreWarningThreshold} bytes are left for logs in ${dir}`,
      );
    }
  }
}
