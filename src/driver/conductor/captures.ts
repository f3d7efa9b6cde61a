import { join } from 'node:path';
import { CAPTURE_FILE, CaptureFile, CaptureState } from '../../capture/capture-file.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { messageOf } from '../../util/errors.ts';
import { transportKind } from '../network-agent-config.ts';
import type { ConductorContext } from './conductor-context.ts';

/** A reader that has not said for so long that it lives is gone. */
const HEARTBEAT_TIMEOUT_S = 10;

/**
 * Lets others see the frames of the DPDK port. Who wants to makes a capture file in the driver's directory; it is looked for
 * at every timer, so that a driver that nobody watches pays for a look at a directory a second and nothing else.
 */
export class Captures {
  private readonly context: ConductorContext;
  private readonly path: string;
  private file: CaptureFile | null = null;
  /** No agent writes to it any more by the next timer. */
  private ended: CaptureFile | null = null;
  /** A file that is no use is said once to be so. */
  private hasReported = false;

  constructor(context: ConductorContext) {
    this.context = context;
    this.path = join(context.options.dir, CAPTURE_FILE);
  }

  onTimer(): void {
    this.ended?.close();
    this.ended = null;
    if (this.file === null) this.look();
    else if (!this.isWanted(this.file)) this.stop(this.file);
  }

  /** The network agents have closed before. */
  close(): void {
    this.ended?.close();
    if (this.file === null) return;
    this.file.state = CaptureState.CLOSED;
    this.file.close();
    this.file = null;
  }

  private look(): void {
    const { files } = this.context;
    if (!files.exists(this.path)) {
      this.hasReported = false;
      return;
    }
    let file: CaptureFile | null = null;
    try {
      file = CaptureFile.map(this.path, files);
    } catch (error) {
      if (!this.hasReported) this.context.errors.record(ErrorCode.GENERIC_ERROR, messageOf(error));
      this.hasReported = true;
    }
    if (file === null) return;
    if (this.isAlive(file) && file.state === CaptureState.REQUESTED) {
      this.start(file);
      return;
    }
    if (!this.isAlive(file)) files.remove(this.path);
    file.close();
  }

  private start(file: CaptureFile): void {
    const { network, options } = this.context;
    if (transportKind(options) !== 'dpdk') {
      file.state = CaptureState.REFUSED;
      file.close();
      return;
    }
    const { buffer, handle } = file.region;
    network.send({ kind: 'startCapture', file: { buffer, handle } });
    file.state = CaptureState.ATTACHED;
    this.file = file;
  }

  private stop(file: CaptureFile): void {
    const { files, network } = this.context;
    network.send({ kind: 'stopCapture' });
    if (file.state !== CaptureState.CLOSED) files.remove(this.path);
    this.file = null;
    this.ended = file;
  }

  private isWanted(file: CaptureFile): boolean {
    return file.state === CaptureState.ATTACHED && this.isAlive(file);
  }

  private isAlive(file: CaptureFile): boolean {
    return Math.abs(this.context.clock.epochMs / 1000 - file.heartbeatS) < HEARTBEAT_TIMEOUT_S;
  }
}
