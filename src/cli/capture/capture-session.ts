import { chownSync, existsSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPTURE_FILE, CaptureFile, CaptureState } from '../../capture/capture-file.ts';
import { CaptureReader } from '../../capture/capture-reader.ts';
import { CncFile } from '../../cnc/cnc-file.ts';
import { AeronError, codeOf } from '../../util/errors.ts';

const ATTACH_TIMEOUT_MS = 10_000;
const POLL_INTERVAL_MS = 5;
const HEARTBEAT_INTERVAL_MS = 1_000;
/** Who has not said for so long that it captures is gone; the driver thinks so too. */
const READER_TIMEOUT_S = 10;

export interface CaptureSessionOptions {
  readonly ringLength: number;
  readonly snapLength: number;
}

/** A capture file in a driver's directory that the driver writes to, from {@link attach} to {@link close}. */
export class CaptureSession {
  readonly reader: CaptureReader;
  private readonly path: string;
  private readonly file: CaptureFile;
  private nextHeartbeatMs = 0;
  private isClosed = false;

  private constructor(path: string, file: CaptureFile) {
    this.path = path;
    this.file = file;
    this.reader = new CaptureReader(file);
    process.once('exit', this.close);
  }

  /**
   * @throws AeronError as `CncFile.map` when there is no driver; `CAPTURE_ACTIVE` when another process captures already,
   * `CAPTURE_NOT_DPDK` when the driver has no frames to show, `CAPTURE_TIMEOUT` when it does not answer.
   */
  static async attach(directory: string, options: CaptureSessionOptions): Promise<CaptureSession> {
    CncFile.map(directory).close();
    const path = join(directory, CAPTURE_FILE);
    const session = new CaptureSession(path, createFile(path, options));
    try {
      await session.waitForDriver(directory);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** Waits a little and says that this process lives. Returns false when the driver has ended the capture, or ended. */
  async pause(): Promise<boolean> {
    if (Date.now() >= this.nextHeartbeatMs) {
      this.nextHeartbeatMs = Date.now() + HEARTBEAT_INTERVAL_MS;
      this.file.heartbeatS = epochSeconds();
      if (!existsSync(this.path)) return false;
    }
    await sleep(POLL_INTERVAL_MS);
    return this.file.state === CaptureState.ATTACHED;
  }

  /** Any number of calls. */
  readonly close = (): void => {
    if (this.isClosed) return;
    this.isClosed = true;
    process.off('exit', this.close);
    this.file.state = CaptureState.CLOSED;
    this.file.close();
    rmSync(this.path, { force: true });
  };

  private async waitForDriver(directory: string): Promise<void> {
    const deadlineMs = Date.now() + ATTACH_TIMEOUT_MS;
    while (this.file.state === CaptureState.REQUESTED) {
      if (Date.now() > deadlineMs) {
        throw new AeronError(
          'CAPTURE_TIMEOUT',
          `the driver in ${directory} did not answer within ${ATTACH_TIMEOUT_MS} ms. It is no aeron-bypass driver, an older ` +
            'one, or does not run ("aeron-bypass stat" shows its heartbeat).',
        );
      }
      await sleep(POLL_INTERVAL_MS);
    }
    if (this.file.state === CaptureState.REFUSED) {
      throw new AeronError(
        'CAPTURE_NOT_DPDK',
        `the driver in ${directory} has no DPDK port: the kernel has its frames. Use tcpdump or tshark on the interface.`,
      );
    }
  }
}

/** A file that a dead reader left is taken away first. */
function createFile(path: string, options: CaptureSessionOptions): CaptureFile {
  const create = (): CaptureFile => {
    const file = CaptureFile.create(path, { ...options, readerPid: process.pid }, epochSeconds());
    // A driver that root started may be another user by now, who has to write here.
    const { uid, gid } = statSync(dirname(path));
    if (process.getuid?.() === 0) chownSync(path, uid, gid);
    return file;
  };
  try {
    return create();
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const other = CaptureFile.map(path);
  const pid = other?.readerPid ?? 0;
  const isAlive = other === null || Math.abs(epochSeconds() - other.heartbeatS) < READER_TIMEOUT_S;
  other?.close();
  if (isAlive) {
    throw new AeronError(
      'CAPTURE_ACTIVE',
      `process ${pid} captures from this driver already (${path}). Wait for it to end, or end it.`,
    );
  }
  rmSync(path, { force: true });
  return create();
}

function epochSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
