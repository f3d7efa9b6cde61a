import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Aeron } from '../client/aeron.ts';
import { CNC_FILE, CncFile, defaultAeronDirectory } from '../cnc/cnc-file.ts';
import { CounterType } from '../cnc/counter-types.ts';
import { AgentRunner } from '../concurrent/agent-runner.ts';
import { CountersReader } from '../concurrent/counters.ts';
import type { IdleStrategy } from '../concurrent/idle-strategy.ts';
import type { MediaDriver } from '../driver/media-driver.ts';
import { messageOf } from '../util/errors.ts';
import { UsageError } from './command.ts';

/** Returned by a cycle of {@link Station.run} that was the last. */
export const DONE: number = -1;

/** How long an embedded driver goes on answering for streams that have ended. */
const EMBEDDED_LINGER = '1s';
const DRAIN_TIMEOUT_MS = 10_000;

export interface StationOptions {
  readonly dir: string | null;
  readonly embedded: boolean;
}

/** Where a driver's files are: what the user said, or AERON_DIR, or this user's. */
export function directoryOf(dir: string | null): string {
  return dir ?? (process.env.AERON_DIR || defaultAeronDirectory());
}

/**
 * A client, with the driver it uses when that is embedded, both on this thread. SIGINT and SIGTERM end what it runs.
 */
export class Station {
  readonly aeron: Aeron;
  private readonly driver: MediaDriver | null;
  private isStopped = false;
  private readonly stop = (): void => {
    this.isStopped = true;
  };

  private constructor(aeron: Aeron, driver: MediaDriver | null) {
    this.aeron = aeron;
    this.driver = driver;
    process.once('SIGINT', this.stop);
    process.once('SIGTERM', this.stop);
  }

  static async open({ dir, embedded }: StationOptions): Promise<Station> {
    const driver = embedded ? await launchDriver(dir) : null;
    const directory = driver?.directory ?? directoryOf(dir);
    if (process.stderr.isTTY && !existsSync(join(directory, CNC_FILE))) {
      process.stderr.write(`waiting for a driver in ${directory}; --embedded would start one\n`);
    }
    try {
      const aeron = await Aeron.connect({
        directory,
        useConductorInvoker: true,
        ...(driver === null ? {} : { driver }),
      });
      return new Station(aeron, driver);
    } catch (error) {
      await driver?.close();
      throw error;
    }
  }

  /** Whether a signal has asked for the end. */
  get wasStopped(): boolean {
    return this.isStopped;
  }

  /**
   * Runs `cycle`, and with it the client's and the driver's duty cycles, until it returns {@link DONE} or a signal asks
   * for the end. A cycle returns how much it did. Rejects with what it throws.
   */
  async run(cycle: () => number, idleStrategy: IdleStrategy | 'event-loop' = 'event-loop'): Promise<void> {
    let end: () => void = () => {};
    let fail: (error: unknown) => void = () => {};
    const ended = new Promise<void>((resolve, reject) => {
      end = resolve;
      fail = reject;
    });
    let isDone = false;
    const doWork = (): number => {
      if (isDone) return 0;
      if (this.aeron.lostReason !== null) throw this.aeron.lostReason;
      const workCount = cycle();
      isDone = workCount === DONE || this.isStopped;
      if (isDone) end();
      return workCount + this.doWork();
    };
    const runner = new AgentRunner({ roleName: 'command', doWork }, { idleStrategy, errorHandler: fail });
    await runner.start();
    try {
      await ended;
    } finally {
      await runner.close();
    }
  }

  /** Closes the client; an embedded driver first sends what is left. */
  async close(): Promise<void> {
    process.off('SIGINT', this.stop);
    process.off('SIGTERM', this.stop);
    await this.aeron.close();
    if (this.driver === null) return;
    await this.drain(this.driver);
    await this.driver.close();
  }

  private doWork(): number {
    return (this.driver === null ? 0 : this.driver.doWork()) + this.aeron.doWork();
  }

  /** Runs the driver until it has released the streams that its client published. */
  private async drain(driver: MediaDriver): Promise<void> {
    const cnc = CncFile.map(driver.directory);
    const counters = new CountersReader(cnc.countersMetadata, cnc.countersValues);
    const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS;
    while (hasPublications(counters) && performance.now() < deadlineMs) {
      while (driver.doWork() > 0);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    cnc.close();
  }
}

function hasPublications(counters: CountersReader): boolean {
  let found = false;
  counters.forEach(({ typeId }) => {
    if (typeId === CounterType.PUBLISHER_LIMIT) found = true;
  });
  return found;
}

async function launchDriver(dir: string | null): Promise<MediaDriver> {
  const { loadConfiguration } = await import('../driver/configuration.ts');
  const { MediaDriver } = await import('../driver/media-driver.ts');
  const directory = dir ?? join(dirname(defaultAeronDirectory()), `aeron-bypass-${process.pid}`);
  const settings = {
    'aeron.dir': directory,
    'aeron.dir.delete.on.shutdown': 'true',
    'aeron.threading.mode': 'INVOKER',
    'aeron.publication.linger.timeout': EMBEDDED_LINGER,
  };
  const args = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  return MediaDriver.launch(loadConfiguration({ env: process.env, args }));
}

/** The result of `make`, or the usage error that it is the user's `what` that is wrong. */
export function usable<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new UsageError(`${what}: ${messageOf(error)}`, { cause: error });
  }
}
