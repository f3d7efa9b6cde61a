const LIMIT_MS = 30_000;
/** Turns of a busy loop before the event loop, and with it the client's conductor, gets its own. */
const TURNS = 100;

/** Lets a busy loop rest while nothing happens, and gives up when that lasts too long. */
export class Progress {
  private readonly waitingFor: string;
  private turns = 0;
  private hasWorked = true;
  private lastWorkMs = 0;

  constructor(waitingFor: string) {
    this.waitingFor = waitingFor;
  }

  /** Call with the work of each turn. True when it is time to {@link pause}. */
  isPauseDue(workCount: number): boolean {
    if (workCount > 0) this.hasWorked = true;
    return ++this.turns % TURNS === 0;
  }

  async pause(): Promise<void> {
    if (this.hasWorked) {
      this.hasWorked = false;
      this.lastWorkMs = Date.now();
      return new Promise((resolve) => setImmediate(resolve));
    }
    if (Date.now() - this.lastWorkMs > LIMIT_MS) {
      throw new Error(`no progress for 30 s while waiting for ${this.waitingFor}`);
    }
    return new Promise((resolve) => setTimeout(resolve, 1));
  }
}
