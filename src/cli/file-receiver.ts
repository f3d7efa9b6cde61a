import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Header } from '../client/header.ts';
import { AeronError } from '../util/errors.ts';
import {
  FILE_CHUNK,
  FILE_END,
  FILE_HEADER_LENGTH,
  FILE_START,
  fileFrameKind,
  fileFrameNumber,
} from './file-frames.ts';

const WRITE_LENGTH = 1 << 20;

/**
 * Keeps the first file that comes. It is written beside its final name and gets that name once its length and its
 * SHA-256 are right.
 */
export class FileReceiver {
  totalBytes = 0;
  receivedBytes = 0;
  isDone = false;
  /** SHA-256 of what was received, in hexadecimal; empty before the end. */
  sha256 = '';
  /** Session of the publication that sends the file, or null before it starts. */
  sessionId: number | null = null;
  private readonly path: string;
  private readonly partPath: string;
  private readonly fd: number;
  private readonly hash: Hash = createHash('sha256');
  private readonly block: Buffer = Buffer.allocUnsafeSlow(WRITE_LENGTH);
  private blockLength = 0;

  constructor(path: string) {
    this.path = path;
    this.partPath = `${path}.part`;
    this.fd = openSync(this.partPath, 'w');
  }

  /** A fragment handler. Throws AeronError when the file cannot be the one that was sent. */
  readonly onMessage = (buffer: Buffer, offset: number, length: number, header: Header): void => {
    const kind = fileFrameKind(buffer, offset, length);
    if (this.isDone || kind === 0) return;
    if (this.sessionId === null && kind === FILE_START) {
      this.sessionId = header.sessionId;
      this.totalBytes = fileFrameNumber(buffer, offset);
      return;
    }
    if (header.sessionId !== this.sessionId) return;
    const number = fileFrameNumber(buffer, offset);
    if (number !== this.receivedBytes) {
      throw broken(`bytes ${number} follow on byte ${this.receivedBytes}`);
    }
    const start = offset + FILE_HEADER_LENGTH;
    if (kind === FILE_CHUNK) this.append(buffer, start, offset + length);
    if (kind === FILE_END) this.finish(buffer.toString('hex', start, offset + length));
  };

  /** Gives the file up when it is not complete. */
  close(): void {
    if (this.isDone) return;
    closeSync(this.fd);
    rmSync(this.partPath, { force: true });
  }

  private append(buffer: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end) {
      const count = Math.min(end - from, WRITE_LENGTH - this.blockLength);
      buffer.copy(this.block, this.blockLength, from, from + count);
      this.blockLength += count;
      from += count;
      if (this.blockLength === WRITE_LENGTH) this.writeBlock();
    }
    this.receivedBytes += end - start;
  }

  private writeBlock(): void {
    const block = this.block.subarray(0, this.blockLength);
    this.hash.update(block);
    let written = 0;
    while (written < block.length) written += writeSync(this.fd, block, written);
    this.blockLength = 0;
  }

  private finish(sentSha256: string): void {
    this.writeBlock();
    this.sha256 = this.hash.digest('hex');
    if (this.sha256 !== sentSha256) {
      throw broken(`SHA-256 is ${this.sha256} here and ${sentSha256} at the sender`);
    }
    closeSync(this.fd);
    renameSync(this.partPath, this.path);
    this.isDone = true;
  }
}

function broken(what: string): AeronError {
  return new AeronError('TRANSFER_BROKEN', `${what}. Subscribe and publish again.`);
}
