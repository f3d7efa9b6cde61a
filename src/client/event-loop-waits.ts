import type { EventLoop } from '../concurrent/machine.ts';

/** Turns of the event loop without progress before the waiting rests on a timer. */
const MAX_IDLE_TURNS = 100;
const REST_MS = 1;
/**
 * Work that promises may do back to back before the event loop gets a turn, in bytes; a message counts as
 * some of its own.
 */
const BUDGET = 1 << 20;
const MESSAGE_COST = 4096;

interface Waiting {
  readonly attempt: () => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Everything in a client that waits on behalf of an `await`: for the driver's answers, for room in a log,
 * for the next message. All of it is tried once in every turn of the event loop, in the order it came, so
 * timers, signals and sockets go on as usual. When nothing moves for a while, turns come 1 ms apart.
 */
export class EventLoopWaits {
  private readonly service: () => number;
  private readonly eventLoop: EventLoop;
  private readonly restMs: number;
  private readonly waiting: Waiting[] = [];
  private isTurnNext = false;
  private timer: unknown = null;
  private idleTurns = 0;
  private budget = BUDGET;
  private readonly turn = (): void => this.runTurn();

  /**
   * `service` is called before each round of attempts and returns the work done. `rests` false: never wait
   * on a timer.
   */
  constructor(service: () => number, rests: boolean, eventLoop: EventLoop) {
    this.service = service;
    this.eventLoop = eventLoop;
    this.restMs = rests ? REST_MS : 0;
  }

  /** Resolves when `attempt` returns true; rejects with what it throws, or with the signal's reason. */
  until(attempt: () => boolean, signal: AbortSignal | null = null): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.remove(waiting);
        reject(signal!.reason);
      };
      const waiting: Waiting = {
        attempt,
        resolve: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(waiting);
      this.idleTurns = 0;
      this.schedule();
    });
  }

  /**
   * Counts work of `length` bytes that a promise is about to be resolved for at once. Returns false when it
   * is time for {@link turn}: a loop over promises that are always ready would keep the event loop from
   * ever running.
   */
  spend(length: number): boolean {
    this.budget -= length + MESSAGE_COST;
    return this.budget > 0;
  }

  /** Resolves in the next turn of the event loop. */
  nextTurn(): Promise<void> {
    return this.until(() => true);
  }

  /** Tries everything that waits once more, now: after a state change that settles it. */
  runNow(): void {
    this.tryAll();
  }

  private schedule(): void {
    if (this.isTurnNext) return;
    if (this.idleTurns < MAX_IDLE_TURNS || this.restMs === 0) {
      if (this.timer !== null) this.eventLoop.clear(this.timer);
      this.timer = null;
      this.isTurnNext = true;
      this.eventLoop.setImmediate(this.turn);
    } else {
      this.timer ??= this.eventLoop.setTimeout(this.turn, this.restMs);
    }
  }

  private runTurn(): void {
    this.isTurnNext = false;
    this.timer = null;
    this.budget = BUDGET;
    const workCount = this.service() + this.tryAll();
    this.idleTurns = workCount > 0 ? 0 : this.idleTurns + 1;
    if (this.waiting.length > 0) this.schedule();
  }

  /** Returns how many stopped waiting. */
  private tryAll(): number {
    let settled = 0;
    for (const waiting of [...this.waiting]) {
      if (!this.waiting.includes(waiting)) continue;
      try {
        if (!waiting.attempt()) continue;
        waiting.resolve();
      } catch (error) {
        waiting.reject(error);
      }
      this.remove(waiting);
      settled++;
    }
    return settled;
  }

  private remove(waiting: Waiting): void {
    const index = this.waiting.indexOf(waiting);
    if (index >= 0) this.waiting.splice(index, 1);
  }
}
