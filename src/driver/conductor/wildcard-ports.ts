import { ErrorCode } from '../../cnc/error-codes.ts';
import type { PortRange } from '../driver-options.ts';
import { CommandError } from './command-error.ts';

/** Chooses ports for channels that leave it to the driver: the range round and round, or the system's choice. */
export class WildcardPorts {
  private readonly range: PortRange;
  /** In use, with how many use each. */
  private readonly taken: Map<number, number> = new Map();
  private nextPort: number;

  constructor(range: PortRange) {
    this.range = range;
    this.nextPort = range.low;
  }

  /**
   * `port`, which a channel names and nobody else is to be given, or one of the range. 0 lets the system choose.
   * @throws CommandError when every port of the range is in use.
   */
  claim(isWildcard: boolean, port: number): number {
    const claimed = isWildcard ? this.choose() : port;
    if (claimed !== 0) this.taken.set(claimed, (this.taken.get(claimed) ?? 0) + 1);
    return claimed;
  }

  private choose(): number {
    const { low, high } = this.range;
    if (high === 0) return 0;
    for (let tried = low; tried <= high; tried++) {
      const port = this.nextPort;
      this.nextPort = port === high ? low : port + 1;
      if (!this.taken.has(port)) return port;
    }
    throw new CommandError(ErrorCode.GENERIC_ERROR, `no available ports in range ${low} ${high}`);
  }

  giveBack(port: number): void {
    const users = this.taken.get(port) ?? 0;
    if (users > 1) this.taken.set(port, users - 1);
    else this.taken.delete(port);
  }
}
