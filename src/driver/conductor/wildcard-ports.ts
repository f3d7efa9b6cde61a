import { ErrorCode } from '../../cnc/error-codes.ts';
import type { PortRange } from '../driver-options.ts';
import { CommandError } from './command-error.ts';

/** Chooses ports for channels that leave it to the driver: the range round and round, or the system's choice. */
export class WildcardPorts {
  private readonly range: PortRange;
  private readonly taken: Set<number> = new Set();
  private nextPort: number;

  constructor(range: PortRange) {
    this.range = range;
    this.nextPort = range.low;
  }

  /** 0 lets the system choose. @throws CommandError when every port of the range is in use. */
  take(): number {
    const { low, high } = this.range;
    if (high === 0) return 0;
    for (let tried = low; tried <= high; tried++) {
      const port = this.nextPort;
      this.nextPort = port === high ? low : port + 1;
      if (this.taken.has(port)) continue;
      this.taken.add(port);
      return port;
    }
    throw new CommandError(ErrorCode.GENERIC_ERROR, `no available ports in range ${low} ${high}`);
  }

  giveBack(port: number): void {
    this.taken.delete(port);
  }
}
