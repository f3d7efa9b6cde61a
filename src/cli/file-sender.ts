import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { BufferClaim } from '../client/buffer-claim.ts';
import type { ExclusivePublication } from '../client/exclusive-publication.ts';
import { ADMIN_ACTION, BACK_PRESSURED, offerResultName } from '../client/offer-result.ts';
import { AeronError } from '../util/errors.ts';
import { FILE_CHUNK, FILE_END, FILE_HEADER_LENGTH, FILE_START, writeFileHeader } from './file-frames.ts';
import { DONE } from './station.ts';

const READ_LENGTH = 1 << 20;
const CHUNKS_PER_CYCLE = 256;

/** Sends one file over a publication of its own. Call {@link doWork} again and again once it is connected. */
export class FileSender {
  readonly totalBytes: number;
  sentBytes = 0;
  private readonly publication: ExclusivePublication;
  private readonly name: Buffer;
  private readonly fd: number;
  private readonly hash: Hash = createHash('sha256');
  private readonly claim: BufferClaim = new BufferClaim();
  private readonly block: Buffer = Buffer.allocUnsafeSlow(READ_LENGTH);
  private blockLength = 0;
  private blockOffset = 0;
  private hasStarted = false;
  private digest: Buffer | null = null;

  constructor(path: string, publication: ExclusivePublication) {
    this.publication = publication;
    this.name = Buffer.from(basename(path)).subarray(0, 255);
    this.fd = openSync(path, 'r');
    const stat = fstatSync(this.fd);
    if (!stat.isFile()) {
      closeSync(this.fd);
      throw new AeronError('NOT_A_FILE', `${path} is no regular file. Only those have a length and an end.`);
    }
    this.totalBytes = stat.size;
  }

  /** SHA-256 of what was sent, in hexadecimal; empty before the end. */
  get sha256(): string {
    return this.digest?.toString('hex') ?? '';
  }

  /** Returns how many messages were sent, or `DONE` after the last. Throws AeronError when nobody receives any more. */
  doWork(): number {
    if (!this.hasStarted) {
      if (!this.send(FILE_START, this.totalBytes, this.name, 0, this.name.length)) return 0;
      this.hasStarted = true;
    }
    for (let sent = 1; sent <= CHUNKS_PER_CYCLE; sent++) {
      if (this.isAtEnd()) return this.sendEnd() ? DONE : sent;
      const room = this.publication.maxPayloadLength - FILE_HEADER_LENGTH;
      const end = Math.min(this.blockOffset + room, this.blockLength);
      if (!this.send(FILE_CHUNK, this.sentBytes, this.block, this.blockOffset, end)) return sent - 1;
      this.sentBytes += end - this.blockOffset;
      this.blockOffset = end;
    }
    return CHUNKS_PER_CYCLE;
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Whether every byte was sent; reads on when the block was. */
  private isAtEnd(): boolean {
    if (this.digest !== null) return true;
    if (this.blockOffset < this.blockLength) return false;
    this.blockLength = readSync(this.fd, this.block, 0, READ_LENGTH, null);
    this.blockOffset = 0;
    this.hash.update(this.block.subarray(0, this.blockLength));
    if (this.blockLength === 0) this.digest = this.hash.digest();
    return this.digest !== null;
  }

  private sendEnd(): boolean {
    const digest = this.digest!;
    return this.send(FILE_END, this.sentBytes, digest, 0, digest.length);
  }

  /** Returns false when the message has to wait. */
  private send(kind: number, number: number, bytes: Buffer, start: number, end: number): boolean {
    const result = this.publication.tryClaim(FILE_HEADER_LENGTH + end - start, this.claim);
    if (result < 0) {
      if (result === BACK_PRESSURED || result === ADMIN_ACTION) return false;
      throw new AeronError(
        'TRANSFER_BROKEN',
        `the subscriber went away after ${this.sentBytes} of ${this.totalBytes} bytes (${offerResultName(result)}). ` +
          'Start it again, then publish again.',
      );
    }
    const { buffer, offset } = this.claim;
    writeFileHeader(buffer, offset, kind, number);
    bytes.copy(buffer, offset + FILE_HEADER_LENGTH, start, end);
    this.claim.commit();
    return true;
  }
}
