import type { EventLoop } from '../concurrent/machine.ts';

interface Timer {
  readonly callback: () => void;
  readonly delayNs: number;
  dueNs: number;
  /** 0: once. */
  readonly intervalNs: number;
}

/** The event loop of a simulated process: {@link runTurn} is one turn of it. */
export class SimulatedEventLoop implements EventLoop {
  private immediates: (() => void)[] = [];
  private readonly timers: Set<Timer> = new Set();
  private readonly nowNs: () => number;

  constructor(nowNs: () => number) {
    this.nowNs = nowNs;
  }

  setImmediate(callback: () => void): void {
    this.immediates.push(callback);
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    return this.add(callback, delayMs, 0);
  }

  setInterval(callback: () => void, delayMs: number): unknown {
    return this.add(callback, delayMs, Math.max(1, delayMs) * 1e6);
  }

  refresh(timer: unknown): void {
    const refreshed = timer as Timer;
    refreshed.dueNs = this.nowNs() + refreshed.delayNs;
    this.timers.add(refreshed);
  }

  clear(timer: unknown): void {
    this.timers.delete(timer as Timer);
  }

  /** Calls back what is due. Returns how many were called. */
  runTurn(): number {
    const nowNs = this.nowNs();
    let count = 0;
    if (this.isAnyDue(nowNs)) {
      const due = [...this.timers].filter((timer) => timer.dueNs <= nowNs).sort((a, b) => a.dueNs - b.dueNs);
      for (const timer of due) {
        if (!this.timers.has(timer)) continue;
        if (timer.intervalNs > 0) timer.dueNs = nowNs + timer.intervalNs;
        else this.timers.delete(timer);
        timer.callback();
        count++;
      }
    }
    if (this.immediates.length === 0) return count;
    const immediates = this.immediates;
    this.immediates = [];
    for (const callback of immediates) callback();
    return count + immediates.length;
  }

  private isAnyDue(nowNs: number): boolean {
    for (const { dueNs } of this.timers) if (dueNs <= nowNs) return true;
    return false;
  }

  private add(callback: () => void, delayMs: number, intervalNs: number): Timer {
    const delayNs = delayMs * 1e6;
    const timer = { callback, delayNs, dueNs: this.nowNs() + delayNs, intervalNs };
    this.timers.add(timer);
    return timer;
  }
}
