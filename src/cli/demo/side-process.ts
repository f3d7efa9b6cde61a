import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ErrorName } from '../../util/error-codes.ts';
import { AeronError } from '../../util/errors.ts';
import { V8_FLAGS } from '../../util/v8-flags.ts';
import type { SideConfig, SideReply, SideRequest } from './side-messages.ts';

const SIDE_MODULE = fileURLToPath(new URL('./side.js', import.meta.url));
const STOP_DEADLINE_MS = 5_000;

/** A side in a process of its own, as its coordinator sees it. */
export class SideProcess {
  /** Called with the messages received so far while the side counts. */
  onProgress: (messages: number) => void = () => {};
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly replies: SideReply[] = [];
  private failure: AeronError | null = null;
  private stderr = '';
  private wake: () => void = () => {};

  constructor(name: string) {
    this.name = name;
    this.child = fork(SIDE_MODULE, [], {
      execArgv: [...V8_FLAGS],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-4000);
    });
    this.child.on('message', (reply: SideReply) => {
      if (reply.kind === 'progress') return this.onProgress(reply.messages);
      if (reply.kind === 'failed')
        this.failure = new AeronError((reply.code || 'SIDE_FAILED') as ErrorName, reply.message);
      else this.replies.push(reply);
      this.wake();
    });
    this.child.on('exit', (code, signal) => {
      this.failure ??= new AeronError(
        'SIDE_EXITED',
        `side ${this.name} ended with ${signal ?? `exit code ${code}`}. It wrote: ${this.stderr.trim() || 'nothing'}`,
      );
      this.wake();
    });
  }

  start(config: SideConfig): void {
    this.send({ kind: 'start', config });
  }

  send(request: SideRequest): void {
    if (this.child.connected) this.child.send(request);
  }

  /** Waits for the next reply, which must be of `kind`. Throws what the side failed with, or at the deadline. */
  async expect<K extends SideReply['kind']>(
    kind: K,
    deadlineMs: number,
  ): Promise<Extract<SideReply, { kind: K }>> {
    const deadline = setTimeout(() => {
      this.failure ??= new AeronError(
        'SIDE_SILENT',
        `side ${this.name}: no "${kind}" within ${deadlineMs} ms`,
      );
      this.wake();
    }, deadlineMs);
    try {
      while (this.replies.length === 0 && this.failure === null) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      clearTimeout(deadline);
    }
    const reply = this.replies.shift();
    if (reply === undefined) throw this.failure;
    if (reply.kind !== kind) {
      throw new AeronError('SIDE_CONFUSED', `side ${this.name} answered "${reply.kind}", expected "${kind}"`);
    }
    return reply as Extract<SideReply, { kind: K }>;
  }

  /** Lets the side close its driver, and kills it when it does not within five seconds. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    const killer = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    if (this.child.connected) this.child.disconnect();
    await exited;
    clearTimeout(killer);
  }
}
