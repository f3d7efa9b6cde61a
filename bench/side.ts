/** A side in a process group of its own, as the harness sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { SideCommand, SideEvent, SideResult } from './contestant.ts';

const STDERR_TAIL = 3000;
const STOP_MS = 2000;
const DRAIN_MS = 100;

export class Side {
  /** Called with each event, before anybody who waits for it. */
  onEvent: (event: SideEvent) => void = () => {};
  /** Called when the side has ended. */
  onEnd: (reason: string) => void = () => {};
  /** What the side wrote last to standard error. */
  stderr = '';
  private readonly title: string;
  private readonly child: ChildProcess;
  private readonly events = new Map<SideEvent['event'], SideEvent>();
  private failure: Error | null = null;
  private waiters: (() => void)[] = [];

  constructor(title: string, { file, args, env }: SideCommand) {
    this.title = title;
    this.child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      // A group of its own, so that whatever the side starts is counted with it and ends with it.
      detached: true,
    });
    this.child.stderr!.on('data', (chunk: Buffer) => this.keep(chunk.toString()));
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.onLine(line));
    this.child.on('error', (error) => this.fail(error.message));
    this.child.on('exit', (code, signal) => {
      const reason = `ended with ${signal ?? `exit code ${code}`}`;
      this.onEnd(reason);
      // Its last lines may still be in the pipe; 'close' would wait for what it has started, too.
      setTimeout(() => this.fail(reason), DRAIN_MS);
    });
  }

  /** Also the id of the side's process group; 0 when it could not be started. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits for an event. Throws when the side ends, or {@link fail} is called, before. */
  async expect(kind: 'ready'): Promise<Extract<SideEvent, { event: 'ready' }>>;
  async expect(kind: 'window'): Promise<void>;
  async expect(kind: 'result'): Promise<SideResult>;
  async expect(kind: SideEvent['event']): Promise<unknown> {
    for (;;) {
      const event = this.events.get(kind);
      if (event !== undefined) return event;
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  fail(reason: string): void {
    this.failure ??= new Error(`${this.title}: ${reason}`);
    this.wake();
  }

  /** Ends the side and everything it started. */
  async stop(): Promise<void> {
    if (this.pid === 0) return;
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
      this.signal('SIGTERM');
      const deadline = setTimeout(() => this.signal('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(deadline);
    }
    this.signal('SIGKILL');
  }

  /** To the whole group. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, name);
    } catch {
      // Nothing of it is left.
    }
  }

  private onLine(line: string): void {
    if (!line.startsWith('{')) {
      this.keep(`${line}\n`); // Libraries may write to standard output, too.
      return;
    }
    const event = JSON.parse(line) as SideEvent;
    this.onEvent(event);
    this.events.set(event.event, event);
    this.wake();
  }

  private keep(text: string): void {
    this.stderr = (this.stderr + text).slice(-STDERR_TAIL);
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
