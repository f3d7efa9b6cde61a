import type { Agent } from './agent.ts';
import { type Clock, SystemClock } from './clock.ts';
import type { IdleStrategy } from './idle-strategy.ts';
import { type EventLoop, THIS_MACHINE } from './machine.ts';

/**
 * A batch of duty cycles ends after this long, and signals, timers, sockets and DNS answers have their
 * turn.
 */
const MAX_BATCH_NS = 1_000_000;
/**
 * With `'event-loop'`: turns without work before the runner waits on a timer instead of coming back at
 * once.
 */
const MAX_IDLE_TURNS = 20;
const IDLE_TIMER_MS = 1;

export interface AgentRunnerOptions {
  /**
   * A strategy that may block the thread, right for an isolate that does nothing but run the agent; or
   * `'event-loop'`: a duty cycle without work gives the event loop a turn at once, and when there is
   * nothing to do for long the runner waits on a 1 ms timer, right for an isolate that the agent shares
   * with an application.
   */
  readonly idleStrategy: IdleStrategy | 'event-loop';
  /** Told what the agent throws; the agent goes on. */
  readonly errorHandler: (error: unknown) => void;
  readonly clock?: Clock;
  /** That of the isolate, unless it is simulated. */
  readonly eventLoop?: EventLoop;
}

/** Runs an agent in an isolate that has an event loop, and keeps the process alive until closed. */
export class AgentRunner {
  private readonly agent: Agent;
  private readonly idleStrategy: IdleStrategy | null;
  private readonly errorHandler: (error: unknown) => void;
  private readonly clock: Clock;
  private readonly eventLoop: EventLoop;
  private state: 'new' | 'running' | 'closing' | 'closed' = 'new';
  private idleTurns = 0;
  private timer: unknown = null;
  private closed: Promise<void> | null = null;
  private onLastTurn: () => void = () => {};
  private readonly turn = (): void => this.runTurn();

  constructor(agent: Agent, options: AgentRunnerOptions) {
    this.agent = agent;
    this.idleStrategy = options.idleStrategy === 'event-loop' ? null : options.idleStrategy;
    this.errorHandler = options.errorHandler;
    this.clock = options.clock ?? new SystemClock();
    this.eventLoop = options.eventLoop ?? THIS_MACHINE.eventLoop;
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** Starts the agent. Rejects with what its `onStart` threw; the runner is closed then. */
  async start(): Promise<void> {
    if (this.state !== 'new') throw new Error(`agent ${this.agent.roleName} was started before`);
    this.state = 'running';
    try {
      await this.agent.onStart?.();
    } catch (error) {
      this.state = 'closed';
      this.onLastTurn();
      throw error;
    }
    this.eventLoop.setImmediate(this.turn);
  }

  /**
   * Ends the agent after the duty cycle it is in. Resolves when its `onClose` is done; any number of calls.
   */
  close(): Promise<void> {
    this.closed ??= this.finish();
    return this.closed;
  }

  private async finish(): Promise<void> {
    const wasRunning = this.state === 'running';
    if (wasRunning) {
      this.state = 'closing';
      await new Promise<void>((resolve) => {
        this.onLastTurn = resolve;
        if (this.timer !== null) {
          this.eventLoop.clear(this.timer);
          this.timer = null;
          this.eventLoop.setImmediate(this.turn);
        }
      });
    }
    this.state = 'closed';
    if (wasRunning) await this.agent.onClose?.();
  }

  private runTurn(): void {
    if (this.state !== 'running') {
      this.onLastTurn();
      return;
    }
    let workCount = 0;
    try {
      workCount = this.runBatch();
    } catch (error) {
      this.errorHandler(error);
      this.idleStrategy?.idle(0);
    }
    this.idleTurns = workCount > 0 ? 0 : this.idleTurns + 1;
    if (this.idleStrategy !== null || this.idleTurns < MAX_IDLE_TURNS || this.state !== 'running') {
      this.timer = null;
      this.eventLoop.setImmediate(this.turn);
    } else if (this.timer === null) {
      this.timer = this.eventLoop.setTimeout(this.turn, IDLE_TIMER_MS);
    } else {
      this.eventLoop.refresh(this.timer);
    }
  }

  /** Returns the work of the last cycle, so 0 says that the agent has come to rest. */
  private runBatch(): number {
    const { agent, idleStrategy, clock } = this;
    clock.update();
    const batchEndNs = clock.nanoTime + MAX_BATCH_NS;
    for (;;) {
      const workCount = agent.doWork();
      if (idleStrategy !== null) idleStrategy.idle(workCount);
      else if (workCount === 0) return 0;
      clock.update();
      if (clock.nanoTime >= batchEndNs || this.state !== 'running') return workCount;
    }
  }
}
