import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'node:test';

/** How long a process has between SIGTERM and SIGKILL. */
const STOP_TIMEOUT_MS = 10_000;

export interface TestProcessOptions {
  /** The process is killed, and counts as failed, when it lives longer. */
  readonly deadlineMs: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface ProcessExit {
  /** `null` when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<TestProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A process of a test: its output is kept, and it is gone when the test ends, whatever the test's outcome. Its
 * standard input ends when this process does, so a program that watches it outlives nobody.
 */
export class TestProcess {
  /** What it goes by in messages. */
  readonly name: string;
  /** Resolves when the process is gone and its output is complete. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  private readonly child: ChildProcess;
  private readonly lineListeners = new Set<() => void>();
  private readonly lines: string[] = [];
  private hasExited = false;
  private ranOutOfTime = false;

  private constructor(name: string, command: string, args: readonly string[], options: TestProcessOptions) {
    this.name = name;
    this.child = spawn(command, args, {
      stdio: 'pipe',
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
    });
    running.add(this);
    const deadline = setTimeout(() => {
      this.ranOutOfTime = true;
      this.kill('SIGKILL');
    }, options.deadlineMs);
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => this.lines.push(`cannot start ${command}: ${error.message}`));
      this.child.on('close', (code, signal) => {
        clearTimeout(deadline);
        running.delete(this);
        this.hasExited = true;
        this.notifyLines();
        resolve({ code, signal });
      });
    });
    this.collect(this.child.stdout!);
    this.collect(this.child.stderr!);
    this.child.stdin!.on('error', () => {});
  }

  /** Starts a process that lives no longer than the test `t`. */
  static start(
    t: TestContext,
    name: string,
    command: string,
    args: readonly string[],
    options: TestProcessOptions,
  ): TestProcess {
    const child = new TestProcess(name, command, args, options);
    t.after(() => child.stop());
    return child;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.lines.join('\n');
  }

  /** Resolves with the first line that holds `text`; rejects when the process ends without one. */
  async waitForLine(text: string): Promise<string> {
    for (let next = 0; ; ) {
      for (; next < this.lines.length; next++) {
        if (this.lines[next]!.includes(text)) return this.lines[next]!;
      }
      if (this.hasExited) throw new Error(`${this.describe()} ended before it printed "${text}"`);
      await new Promise<void>((resolve) => this.lineListeners.add(resolve));
    }
  }

  /** Waits for the end and returns the output; rejects unless the exit code was 0. */
  async success(): Promise<string> {
    const { code, signal } = await this.exited;
    if (code !== 0) throw new Error(`${this.describe()} failed: exit code ${code}, signal ${signal}`);
    return this.output;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.hasExited) this.child.kill(signal);
  }

  /** Asks the process to end, then makes it. Resolves when it is gone. */
  async stop(): Promise<ProcessExit> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  private describe(): string {
    const late = this.ranOutOfTime ? ' ran out of time and' : '';
    return `${this.name} (pid ${this.pid})${late}, which printed:\n${this.output}\n`;
  }

  private collect(stream: NodeJS.ReadableStream): void {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      this.lines.push(...parts);
      this.notifyLines();
    });
    stream.on('end', () => {
      if (rest !== '') this.lines.push(rest);
    });
  }

  private notifyLines(): void {
    for (const listener of this.lineListeners) listener();
    this.lineListeners.clear();
  }
}
