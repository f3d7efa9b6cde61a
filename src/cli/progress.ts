import { CLEAR_LINE, painter } from '../util/ansi.ts';
import { formatBytes } from './format.ts';

const BAR_WIDTH = 30;
const INTERVAL_MS = 100;

/** How far a transfer is, on one line of a terminal; silent where standard error is none. */
export class Progress {
  private readonly totalBytes: number;
  private readonly startMs: number = performance.now();
  private readonly isShown: boolean = process.stderr.isTTY === true;
  private readonly paint = painter(this.isShown, process.env.NO_COLOR);
  private nextMs = 0;

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.startMs) / 1000;
  }

  /** Draws the line again, unless that was done a moment ago. */
  update(bytes: number): void {
    if (!this.isShown || performance.now() < this.nextMs) return;
    this.nextMs = performance.now() + INTERVAL_MS;
    const share = this.totalBytes === 0 ? 1 : Math.min(1, bytes / this.totalBytes);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = this.paint('cyan', '█'.repeat(filled)) + this.paint('dim', '░'.repeat(BAR_WIDTH - filled));
    const rate = formatBytes(bytes / Math.max(this.elapsedSeconds, 1e-3));
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    const total = formatBytes(this.totalBytes);
    process.stderr.write(`${CLEAR_LINE}${bar} ${percent} %  ${formatBytes(bytes)} of ${total}  ${rate}/s`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.isShown) process.stderr.write(CLEAR_LINE);
  }
}
