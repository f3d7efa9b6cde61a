import { SystemCounter } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import { logFileLength } from '../../logbuffer/descriptor.ts';
import { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { LogParameters } from '../../logbuffer/log-metadata.ts';
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

  constructor(
    options: DriverOptions,
    errors: ErrorReporter,
    systemCounter: (id: number) => AtomicCounter,
    files: SharedFiles,
  ) {
    this.options = options;
    this.errors = errors;
    this.bytesMapped = systemCounter(SystemCounter.BYTES_CURRENTLY_MAPPED);
    this.freeFails = systemCounter(SystemCounter.FREE_FAILS);
    this.files = files;
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

  /** Unmaps the log and removes its file, which may fail. Clients that have it mapped keep what they see. */
  remove(path: string, log: LogBuffers): void {
    this.bytesMapped.add(-log.region.byteLength);
    log.close();
    try {
      this.files.remove(path);
    } catch (error) {
      this.freeFails.increment();
      this.errors.record(ErrorCode.GENERIC_ERROR, `cannot remove log ${path}: ${messageOf(error)}`);
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
