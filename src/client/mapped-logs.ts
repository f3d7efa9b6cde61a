import { LogBuffers } from '../logbuffer/log-buffers.ts';
import type { SharedFiles } from '../memory/shared-files.ts';
import { HEADER_LENGTH, MAX_UDP_PAYLOAD_LENGTH } from '../protocol/frame.ts';
import { clientError } from './client-errors.ts';

interface MappedLog {
  readonly id: number;
  readonly log: LogBuffers;
  references: number;
  /** When to unmap it, once nobody refers to it. */
  deadlineNs: number;
}

/**
 * The log files a client has mapped, once each: publications of one stream share theirs, and so do
 * subscriptions that receive the same image. A log that nobody refers to any more stays mapped for a while,
 * for whoever still holds one of its buffers.
 */
export class MappedLogs {
  /** How many logs nobody refers to. */
  lingering = 0;
  private readonly files: SharedFiles;
  private readonly logs: Map<number, MappedLog> = new Map();

  constructor(files: SharedFiles) {
    this.files = files;
  }

  /** Maps the log, or finds it. Throws AeronError `MALFORMED_LOG`, or errno's name as `code`. */
  acquire(id: number, path: string): LogBuffers {
    let mapped = this.logs.get(id);
    if (mapped === undefined) {
      mapped = { id, log: mapLog(path, this.files), references: 0, deadlineNs: 0 };
      this.logs.set(id, mapped);
    } else if (mapped.references === 0) {
      this.lingering--;
    }
    mapped.references++;
    return mapped.log;
  }

  /** Gives one reference back; the last one leaves the log mapped until `deadlineNs`. */
  release(id: number, deadlineNs: number): void {
    const mapped = this.logs.get(id);
    if (mapped === undefined || mapped.references === 0) return;
    mapped.references--;
    mapped.deadlineNs = deadlineNs;
    if (mapped.references === 0) this.lingering++;
  }

  /** Unmaps what nobody refers to and is past its time. */
  unmapDue(nowNs: number): void {
    for (const mapped of this.logs.values()) {
      if (mapped.references === 0 && mapped.deadlineNs - nowNs <= 0) {
        this.logs.delete(mapped.id);
        this.lingering--;
        mapped.log.close();
      }
    }
  }

  /** Unmaps everything. Views that are still around read zeros. */
  close(): void {
    for (const { log } of this.logs.values()) log.close();
    this.logs.clear();
    this.lingering = 0;
  }
}

/** What the driver wrote is checked here, once; everything after relies on it. */
function mapLog(path: string, files: SharedFiles): LogBuffers {
  const log = LogBuffers.map(path, files);
  if (log.mtu <= HEADER_LENGTH || log.mtu > MAX_UDP_PAYLOAD_LENGTH || log.mtu % HEADER_LENGTH !== 0) {
    log.close();
    throw clientError(
      'MALFORMED_LOG',
      `${path}: an MTU of ${log.mtu} is not a multiple of ${HEADER_LENGTH} from 64 to ${MAX_UDP_PAYLOAD_LENGTH}`,
    );
  }
  return log;
}
