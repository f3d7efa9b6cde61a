// hot
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import { unblock } from '../../logbuffer/term-unblocker.ts';
import type { AgentContext } from '../agent-context.ts';

/** A publisher that died in the middle of a message would stop the others for ever: its claim is given up. */
export class BlockedPublisher {
  private readonly context: AgentContext;
  private readonly log: LogBuffers;
  /** Where the last look found the stream blocked; NaN: it found it moving. */
  private position = Number.NaN;
  private sinceNs = Number.NaN;

  constructor(context: AgentContext, log: LogBuffers) {
    this.context = context;
    this.log = log;
    this.sinceNs = context.clock.nanoTime;
  }

  /** What has passed until now does not count. */
  restart(): void {
    this.sinceNs = this.context.clock.nanoTime;
  }

  /**
   * Whether the stream has been blocked in one place for the unblock timeout, counted from the first look that
   * found it so: nobody knows when after an earlier one it began, and an agent that did not get to run for so long
   * would take the claim of a living publisher away, whose message were lost.
   */
  hasStoodStill(isBlocked: boolean, position: number): boolean {
    const { clock, config } = this.context;
    if (isBlocked && position === this.position) {
      return clock.nanoTime > this.sinceNs + config.publicationUnblockTimeoutNs;
    }
    this.position = isBlocked ? position : Number.NaN;
    this.sinceNs = clock.nanoTime;
    return false;
  }

  /** Puts padding where a claim was not committed. Returns false when there is none. */
  unblock(position: number): boolean {
    if (!unblock(this.log, position)) return false;
    this.context.counters.unblockedPublications.increment();
    return true;
  }
}
