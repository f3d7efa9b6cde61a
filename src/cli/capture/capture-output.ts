import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { CapturedFrame, CaptureReader } from '../../capture/capture-reader.ts';
import { version } from '../version.ts';
import type { DecodedFrame } from './decoded-frame.ts';
import { frameLine } from './frame-line.ts';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from './pcapng.ts';

/** What becomes of the frames that are wanted. */
export interface CaptureOutput {
  add(frame: CapturedFrame, decoded: DecodedFrame): void;
  /** Resolves when what was added is on its way and more may be. */
  flush(): Promise<void>;
  /** Writes what belongs at the end; `reader` knows how many frames there were. */
  end(reader: CaptureReader): Promise<void>;
}

/** A line a frame. */
export class TextOutput implements CaptureOutput {
  private readonly stream: Writable;
  private text = '';

  constructor(stream: Writable) {
    this.stream = stream;
  }

  add(frame: CapturedFrame, decoded: DecodedFrame): void {
    this.text += `${frameLine(frame, decoded)}\n`;
  }

  async flush(): Promise<void> {
    const text = this.text;
    this.text = '';
    if (text !== '' && !this.stream.write(text)) await once(this.stream, 'drain');
  }

  end(): Promise<void> {
    return this.flush();
  }
}

/** A pcapng file with an interface for each network agent that had a frame. */
export class PcapngOutput implements CaptureOutput {
  private readonly stream: Writable;
  private readonly isOwn: boolean;
  private readonly snapLength: number;
  /** Interface by network agent. */
  private readonly interfaces: Map<number, number> = new Map();
  private blocks: Buffer[];

  private constructor(stream: Writable, isOwn: boolean, snapLength: number) {
    this.stream = stream;
    this.isOwn = isOwn;
    this.snapLength = snapLength;
    this.blocks = [sectionHeader(`aeron-bypass ${version()}`)];
  }

  /** Opens `path`, which is overwritten; `-` is standard output. @throws with errno's name as code. */
  static async open(path: string, snapLength: number): Promise<PcapngOutput> {
    if (path === '-') return new PcapngOutput(process.stdout, false, snapLength);
    const stream = createWriteStream(path);
    await once(stream, 'open');
    return new PcapngOutput(stream, true, snapLength);
  }

  add({ ring, epochNs, wireLength, bytes, isOut }: CapturedFrame): void {
    this.blocks.push(enhancedPacket(this.interfaceOf(ring), epochNs, wireLength, bytes, isOut));
  }

  async flush(): Promise<void> {
    if (this.blocks.length === 0) return;
    const bytes = Buffer.concat(this.blocks);
    this.blocks = [];
    if (!this.stream.write(bytes)) await once(this.stream, 'drain');
  }

  async end(reader: CaptureReader): Promise<void> {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    for (const [ring, id] of this.interfaces) {
      const { frames, dropped } = reader.counts(ring);
      this.blocks.push(interfaceStatistics(id, nowNs, frames + dropped, dropped));
    }
    await this.flush();
    if (!this.isOwn) return;
    this.stream.end();
    await once(this.stream, 'close');
  }

  private interfaceOf(ring: number): number {
    const known = this.interfaces.get(ring);
    if (known !== undefined) return known;
    const id = this.interfaces.size;
    this.interfaces.set(ring, id);
    const description = `DPDK port, as network agent ${ring} sees it`;
    this.blocks.push(interfaceDescription(`aeron-${ring}`, description, this.snapLength));
    return id;
  }
}
