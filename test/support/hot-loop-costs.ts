import { fork } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { V8_CODE_FLAGS } from '../../src/util/v8-flags.ts';
import type { Wire } from './exchange-loop.ts';

/** A stream as fast as it goes, or a stream on which nothing is said. */
export type Load = 'stream' | 'idle';

export interface SideCosts {
  /** Native calls by function. */
  readonly calls: Readonly<Record<string, number>>;
  readonly bytesCopied: number;
}

export interface NativeCosts {
  readonly steps: number;
  /** Messages that arrived, and datagrams that brought them. */
  readonly messages: number;
  readonly datagrams: number;
  readonly sender: SideCosts;
  readonly receiver: SideCosts;
}

export interface EngineCosts {
  readonly steps: number;
  readonly collections: number;
  readonly bytesAllocated: number;
  readonly received: number;
}

const PROGRAM = fileURLToPath(new URL('hot-loop.js', import.meta.url));
const DEADLINE_MS = 240_000;

/** Runs `hot-loop.js` with V8's flags as `bin/start.js` sets them. Resolves to its answer and what V8 wrote. */
async function run<T>(t: TestContext, ...args: string[]): Promise<{ costs: T; output: string }> {
  const child = fork(PROGRAM, args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    execArgv: [...V8_CODE_FLAGS],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  let costs: T | null = null;
  child.once('message', (message) => {
    costs = message as T;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (costs === null || code !== 0) throw new Error(`the loop ended with ${code}, having said: ${output}`);
  return { costs, output };
}

/** Counts calls into the addons. */
export async function nativeCosts(t: TestContext, wire: Wire, load: Load): Promise<NativeCosts> {
  return (await run<NativeCosts>(t, wire, load)).costs;
}

/** Counts what V8 did after `warmUpMs` or a little more; `deoptimisations` are V8's own words, a line each. */
export async function engineCosts(
  t: TestContext,
  wire: Wire,
  load: Load,
  warmUpMs: number,
): Promise<EngineCosts & { readonly deoptimisations: string[] }> {
  const { costs, output } = await run<EngineCosts>(t, wire, load, String(warmUpMs));
  const deoptimisations = output
    .split('\n')
    .filter((line) => line.startsWith('[bailout'))
    .map((line) => line.replaceAll(/0x[0-9a-f]+ ?/g, '').replace(/, FP to SP.*/, ''));
  return { ...costs, deoptimisations };
}
