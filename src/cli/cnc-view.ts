import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CNC_FILE, CncFile } from '../cnc/cnc-file.ts';

/** The CnC file of a directory, mapped again when a new driver has made a new one. */
export class CncView {
  private readonly directory: string;
  private file: CncFile | null = null;
  private inode = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The file as it is now. Throws AeronError as {@link CncFile.map} does. */
  current(): CncFile {
    const inode = statSync(join(this.directory, CNC_FILE), { throwIfNoEntry: false })?.ino ?? 0;
    if (this.file !== null && inode === this.inode) return this.file;
    this.close();
    this.file = CncFile.map(this.directory);
    this.inode = inode;
    return this.file;
  }

  close(): void {
    this.file?.close();
    this.file = null;
  }
}
