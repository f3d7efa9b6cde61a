import type { Readable } from 'node:stream';

const NEWLINE = 0x0a;
/** Lines read ahead of what was taken. */
const HIGH_WATER = 4096;

/** The lines of a stream as bytes, without their ends; read ahead by a bounded amount. */
export class LineSource {
  private readonly input: Readable;
  private lines: Buffer[] = [];
  private next = 0;
  private rest: Buffer[] = [];
  private hasEnded = false;
  private failure: Error | null = null;

  constructor(input: Readable) {
    this.input = input;
    input.on('data', (chunk: Buffer) => this.split(chunk));
    input.once('end', () => {
      if (this.rest.length > 0) this.lines.push(Buffer.concat(this.rest));
      this.rest = [];
      this.hasEnded = true;
    });
    input.once('error', (error) => {
      this.failure = error;
    });
  }

  /** The next line, or null when none is there now. Throws what the stream failed with. */
  peek(): Buffer | null {
    if (this.failure !== null) throw this.failure;
    return this.lines[this.next] ?? null;
  }

  /** Takes the line that {@link peek} returned. */
  take(): void {
    this.next++;
    if (this.next < this.lines.length) return;
    this.lines = [];
    this.next = 0;
    this.input.resume();
  }

  /** Whether every line was taken and no more will come. */
  get isExhausted(): boolean {
    return this.hasEnded && this.next === this.lines.length;
  }

  close(): void {
    this.input.destroy();
  }

  private split(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.rest.push(chunk.subarray(start, end));
      this.lines.push(this.rest.length === 1 ? this.rest[0]! : Buffer.concat(this.rest));
      this.rest = [];
      start = end + 1;
    }
    if (start < chunk.length) this.rest.push(chunk.subarray(start));
    if (this.lines.length > HIGH_WATER) this.input.pause();
  }
}
