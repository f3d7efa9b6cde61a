import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Aeron } from '../../src/client/aeron.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';

/** A driver over kernel sockets and a client of it that have no thread of their own: {@link runUntil} runs both. */
export class InvokedStation {
  readonly driver: MediaDriver;
  readonly aeron: Aeron;
  private readonly folder: string;

  static async open(
    driverOptions: Partial<DriverOptions> = {},
    clientOptions: ClientOptions = {},
  ): Promise<InvokedStation> {
    const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
    const driver = await MediaDriver.launch({
      dir: join(folder, 'aeron'),
      threadingMode: 'INVOKER',
      transport: 'kernel',
      ...driverOptions,
    });
    const aeron = await Aeron.connect({ directory: driver.directory, driver, ...clientOptions });
    return new InvokedStation(folder, driver, aeron);
  }

  private constructor(folder: string, driver: MediaDriver, aeron: Aeron) {
    this.folder = folder;
    this.driver = driver;
    this.aeron = aeron;
  }

  /** One busy loop for driver and client until something is so; fails when it is not in time. */
  runUntil(isSo: () => boolean, what: string, deadlineMs = 20_000): void {
    const deadline = performance.now() + deadlineMs;
    while (!isSo()) {
      assert.ok(performance.now() < deadline, `${what} did not come in ${deadlineMs} ms`);
      this.driver.doWork();
      this.aeron.doWork();
    }
  }

  async close(): Promise<void> {
    await this.aeron.close();
    await this.driver.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
