import { Host, type ProgramResult } from '../../src/host/host.ts';

/** The machine, with something between what is done and what changes: called before each change, counted from 1. */
export class FaultyHost extends Host {
  private readonly beforeChange: (count: number, what: string) => void;
  private changes = 0;

  constructor(beforeChange: (count: number, what: string) => void) {
    super();
    this.beforeChange = beforeChange;
  }

  override write(path: string, text: string): void {
    this.beforeChange(++this.changes, `write ${path}`);
    super.write(path, text);
  }

  override run(program: string, args: readonly string[]): ProgramResult {
    if (program === 'modprobe' || args.includes('set') || args.includes('replace')) {
      this.beforeChange(++this.changes, `${program} ${args.join(' ')}`);
    }
    return super.run(program, args);
  }
}
