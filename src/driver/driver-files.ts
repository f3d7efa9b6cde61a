import { join } from 'node:path';
import { CncFile, LOSS_REPORT_FILE } from '../cnc/cnc-file.ts';
import { SystemCounter } from '../cnc/counter-types.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Clock } from '../concurrent/clock.ts';
import { CountersManager } from '../concurrent/counters.ts';
import { DistinctErrorLog } from '../concurrent/distinct-error-log.ts';
import type { Region } from '../memory/region.ts';
import { MAPPED_FILES, type SharedFiles } from '../memory/shared-files.ts';
import { align } from '../util/bits.ts';
import { ErrorReporter } from './conductor/error-reporter.ts';
import type { DriverOptions } from './driver-options.ts';
import { allocateSystemCounters } from './system-counters.ts';

/** What a driver shares with its clients, and what its parts share. */
export class DriverFiles {
  readonly cnc: CncFile;
  readonly lossReport: Region;
  readonly clock: Clock;
  readonly counters: CountersManager;
  readonly errors: ErrorReporter;

  /** Makes the files. The directory is there and empty. */
  constructor(
    options: DriverOptions,
    clock: Clock,
    files: SharedFiles = MAPPED_FILES,
    processId: number = process.pid,
  ) {
    this.clock = clock;
    const cnc = {
      toDriverLength: options.conductorBufferLength,
      toClientsLength: options.clientsBufferLength,
      countersValuesLength: options.countersBufferLength,
      errorLogLength: options.errorBufferLength,
      clientLivenessTimeoutNs: options.clientLivenessTimeoutNs,
      startTimestampMs: clock.epochMs,
      pid: processId,
      filePageSize: options.filePageSize,
    };
    this.cnc = CncFile.create(options.dir, cnc, files);
    const lossReportLength = align(options.lossReportBufferLength, options.filePageSize);
    this.lossReport = files.create(join(options.dir, LOSS_REPORT_FILE), lossReportLength);
    this.counters = new CountersManager(
      this.cnc.countersMetadata,
      this.cnc.countersValues,
      clock,
      options.countersFreeToReuseTimeoutNs / 1e6,
    );
    allocateSystemCounters(this.counters, options);
    const { region, offset, length } = this.cnc.errorLog;
    const errorLog = new DistinctErrorLog(region, offset, length);
    this.errors = new ErrorReporter(errorLog, this.systemCounter(SystemCounter.ERRORS), clock);
    this.counters.setValue(SystemCounter.BYTES_CURRENTLY_MAPPED, region.byteLength + lossReportLength);
  }

  readonly systemCounter = (id: number): AtomicCounter => {
    const { region, offset } = this.cnc.countersValues;
    return new AtomicCounter(region, offset, id);
  };

  /** Lets clients in. The first id is taken here, so that theirs start at 1. */
  publish(): void {
    this.cnc.toDriver.nextCorrelationId();
    this.clock.update();
    this.cnc.toDriver.setConsumerHeartbeatMs(this.clock.epochMs);
    this.cnc.publishVersion();
  }

  /** Tells clients that the driver is gone. */
  close(): void {
    this.cnc.toDriver.setConsumerHeartbeatMs(-1);
    this.lossReport.close();
    this.cnc.close();
  }
}
