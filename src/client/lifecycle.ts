import type { CncFile } from '../cnc/cnc-file.ts';
import type { Clock } from '../concurrent/clock.ts';
import type { AeronError } from '../util/errors.ts';
import type { ClientContext, CounterHandler } from './client-options.ts';
import { RETRY_MS, tryAttach } from './driver-attach.ts';

/** What happens to a client as a whole. */
export type LifecycleEvent =
  /** There is a driver. After a loss it is another one: add publications, subscriptions and counters again. */
  | { readonly type: 'connected'; readonly clientId: number; readonly isReconnect: boolean }
  /** The driver is gone, or gave the client up: everything that was added is closed. */
  | { readonly type: 'lost'; readonly reason: AeronError; readonly willReconnect: boolean }
  /** The end. The reason is null after `close()`. */
  | { readonly type: 'closed'; readonly reason: Error | null };

export type LifecycleHandler = (event: LifecycleEvent) => void;

/** Who wants to be told; they outlive the loss of a driver. */
export interface ClientHandlers {
  readonly availableCounter: Set<CounterHandler>;
  readonly unavailableCounter: Set<CounterHandler>;
  readonly lifecycle: Set<LifecycleHandler>;
}

/** Looks for a driver again and again, once the client has lost its own. */
export class Reconnection {
  private readonly context: ClientContext;
  private readonly clock: Clock;
  private readonly onAttached: (cnc: CncFile) => void;
  private readonly onFailed: (error: Error) => void;
  private readonly timer: unknown;
  private nextAttemptNs: number;
  private isOver = false;

  /** One of the two is called, once: `onFailed` when there is a driver that no other attempt can attach to. */
  constructor(
    context: ClientContext,
    clock: Clock,
    onAttached: (cnc: CncFile) => void,
    onFailed: (error: Error) => void,
  ) {
    this.context = context;
    this.clock = clock;
    this.onAttached = onAttached;
    this.onFailed = onFailed;
    this.nextAttemptNs = clock.nanoTime;
    this.timer = context.useConductorInvoker
      ? null
      : context.machine.eventLoop.setInterval(() => void this.doWork(), RETRY_MS);
  }

  /** Returns 1 when it is over. */
  doWork(): number {
    if (this.isOver) return 0;
    this.context.driver?.doWork();
    this.clock.update();
    if (this.clock.nanoTime < this.nextAttemptNs) return 0;
    this.nextAttemptNs = this.clock.nanoTime + RETRY_MS * 1e6;
    try {
      const found = tryAttach(this.context, this.clock);
      if (found instanceof Error) return 0;
      this.end();
      this.onAttached(found);
    } catch (error) {
      this.end();
      this.onFailed(error as Error);
    }
    return 1;
  }

  end(): void {
    this.isOver = true;
    if (this.timer !== null) this.context.machine.eventLoop.clear(this.timer);
  }
}
