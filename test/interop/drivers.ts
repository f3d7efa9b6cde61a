import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TestProcess } from '../support/processes.ts';
import { javaArguments } from './java.ts';

/** Whose program: the official Java library's or this project's. */
export type Party = 'official' | 'ours';

export interface DriverOptions {
  /** Added to {@link PROPERTIES}. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Arguments of DPDK's environment abstraction layer. Ours only. */
  readonly ealArguments?: readonly string[];
  /** The network namespace to run in. */
  readonly namespace?: string;
}

/** A media driver in a process of its own. */
export interface DriverProcess {
  readonly directory: string;
  readonly process: TestProcess;
}

const DRIVER_DEADLINE_MS = 240_000;

/** For both kinds of driver: small terms, so that streams go round them often, and buffers that hold a window. */
const PROPERTIES: Readonly<Record<string, string>> = {
  'aeron.term.buffer.length': '1m',
  'aeron.ipc.term.buffer.length': '1m',
  'aeron.socket.so_rcvbuf': '2m',
  'aeron.socket.so_sndbuf': '2m',
  'aeron.rcv.initial.window.length': '256k',
};

/** Starts a driver with a fresh directory, and resolves when clients may connect. It ends with the test. */
export async function startDriver(
  t: TestContext,
  party: Party,
  options: DriverOptions = {},
): Promise<DriverProcess> {
  const parent = mkdtempSync('/dev/shm/aeron-interop-');
  const directory = join(parent, party);
  const properties = { ...PROPERTIES, ...options.properties };
  const [command, args] =
    party === 'official'
      ? ['java', javaArguments('JavaMediaDriver', properties, [`dir=${directory}`])]
      : [process.execPath, ourDriverArguments(directory, properties, options.ealArguments ?? [])];
  const driver =
    options.namespace === undefined
      ? TestProcess.start(t, `${party} driver`, command, args, { deadlineMs: DRIVER_DEADLINE_MS })
      : TestProcess.start(
          t,
          `${party} driver`,
          'ip',
          ['netns', 'exec', options.namespace, command, ...args],
          {
            deadlineMs: DRIVER_DEADLINE_MS,
          },
        );
  // After the hook that stops the driver: hooks run in the order they were given.
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  await driver.waitForLine('READY');
  return { directory, process: driver };
}

function ourDriverArguments(
  directory: string,
  properties: Readonly<Record<string, string>>,
  ealArguments: readonly string[],
): string[] {
  const defines = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const program = fileURLToPath(new URL('./driver-program.js', import.meta.url));
  return [
    program,
    ...ealArguments,
    ...(ealArguments.length > 0 ? ['--'] : []),
    `-Daeron.dir=${directory}`,
    ...defines,
  ];
}
