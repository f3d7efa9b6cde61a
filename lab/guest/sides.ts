import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LIMIT_SECONDS, run, say } from './lab.ts';

const SIDE = fileURLToPath(new URL('./side.js', import.meta.url));
const ENDLESS = 10_000_000;

/** Where a side's driver has its files. */
export function directoryOf({ address }: End): string {
  return `/dev/shm/aeron-${address}`;
}

/** One end of the cable: a card by its PCI address, or the kernel's sockets in a network namespace. */
export interface End {
  readonly wire: string;
  readonly namespace?: string;
  readonly address: string;
}

/** Gives the kernel's end of the cable a network namespace and its address. */
export function kernelEnd({ namespace, address }: End, name: string): void {
  const inside = (...args: string[]): string => run('ip', '-n', namespace!, ...args);
  run('ip', 'netns', 'add', namespace!);
  run('ip', 'link', 'set', name, 'netns', namespace!);
  inside('address', 'add', `${address}/24`, 'dev', name);
  inside('link', 'set', name, 'up');
  inside('link', 'set', 'lo', 'up');
}

/** A running side.ts. */
export interface Side {
  readonly child: ChildProcess;
  /** What it said up to now, its last line first. */
  readonly lines: string[];
  /** Resolves when it ended. */
  readonly closed: Promise<unknown>;
}

/**
 * Starts a driver with a client at one end, to exchange so many messages each way with the other. It ends when that is
 * done, or `untilAsserted` in {@link assertExchanged}, for what is tried through its driver meanwhile.
 */
export function startSide(
  own: End,
  peer: End,
  messages: number,
  settings: readonly string[] = [],
  untilAsserted = false,
): Side {
  const prefix = own.namespace === undefined ? [] : ['ip', 'netns', 'exec', own.namespace];
  const args = [own.wire, own.address, peer.address, String(messages), String(LIMIT_SECONDS), ...settings];
  const [program, ...words] = [...prefix, process.execPath, SIDE, ...args] as [string, ...string[]];
  const child = spawn(program, words, { stdio: [untilAsserted ? 'pipe' : 'ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  child.stdout!.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n')) {
      if (line === '') continue;
      lines.unshift(line);
      say(`${own.wire}: ${line}`);
    }
  });
  return { child, lines, closed: once(child, 'close') };
}

/** Drivers at both ends exchange so many messages each way, of which every one arrives once, unchanged and in order. */
export async function exchange(
  a: End,
  b: End,
  messages: number,
  settings: readonly string[] = [],
): Promise<void> {
  await assertExchanged([startSide(a, b, messages, settings), startSide(b, a, messages, settings)], messages);
}

/** Waits for the end of both sides; then each has everything that the other sent. */
export async function assertExchanged(sides: readonly Side[], messages: number): Promise<void> {
  for (const { child } of sides) child.stdin?.end();
  await Promise.all(sides.map(({ closed }) => closed));
  for (const { child, lines } of sides) {
    assert.equal(child.exitCode, 0, `a side ended with ${child.exitCode}; it said last: ${lines[0]}`);
    const { seconds: _, ...counts } = JSON.parse(lines[0]!) as Record<string, number>;
    const clean = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };
    assert.deepEqual(counts, { sent: messages, received: messages, ...clean });
  }
}

/** Drivers at both ends that have begun to exchange messages, and go on until they are killed. */
export async function startEndlessExchange(a: End, b: End): Promise<Side[]> {
  const sides = [startSide(a, b, ENDLESS), startSide(b, a, ENDLESS)];
  while (!sides.every(({ lines }) => lines[0]?.startsWith('sent '))) {
    await sleep(200);
    assert.ok(
      sides.every(({ child }) => child.exitCode === null),
      'a side ended by itself',
    );
  }
  return sides;
}

/** As the kernel does when memory runs out. */
export async function kill9(sides: readonly Side[]): Promise<void> {
  for (const { child, closed } of sides) {
    child.kill('SIGKILL');
    await closed;
  }
}
