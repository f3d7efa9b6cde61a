import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { startDriver } from '../interop/drivers.ts';

/** For drivers with network threads: a machine that is busy with other tests stops threads for seconds. */
export const PATIENT_OPTIONS: Partial<DriverOptions> = {
  threadingMode: 'SHARED_NETWORK',
  socketSoRcvbuf: 2 * 1024 * 1024,
  timerIntervalNs: 50e6,
  imageLivenessTimeoutNs: 60e9,
  publicationConnectionTimeoutNs: 60e9,
};

/** The same for drivers that are a process. */
export const PATIENT_PROPERTIES: Readonly<Record<string, string>> = {
  'aeron.threading.mode': 'SHARED_NETWORK',
  'aeron.timer.interval': '50ms',
  'aeron.image.liveness.timeout': '60s',
  'aeron.publication.connection.timeout': '60s',
};

/** A client of a driver of its own, over kernel sockets, with a network thread. Both are gone when the test ends. */
export async function openNetworkStation(
  t: TestContext,
  options: Partial<DriverOptions> = {},
): Promise<Aeron> {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
  const directory = join(folder, 'aeron');
  const driver = await MediaDriver.launch({
    ...PATIENT_OPTIONS,
    dir: directory,
    transport: 'kernel',
    ...options,
  });
  const aeron = await Aeron.connect({ directory });
  t.after(async () => {
    await aeron.close();
    await driver.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return aeron;
}

/** The hosts at the ends of a {@link openWireStation wire}. */
export const WIRE_ADDRESS = { a: '10.0.0.1', b: '10.0.0.2' } as const;

/**
 * A client of a driver of its own, a process, whose DPDK port has a queue for each of its `agents` and is an end of a wire of
 * shared memory. It is open once somebody is at the other end.
 */
export async function openWireStation(
  t: TestContext,
  role: 'a' | 'b',
  socketPath: string,
  agents: number,
  properties: Readonly<Record<string, string>> = {},
): Promise<Aeron> {
  const { ealArguments } = sharedMemoryWire({ role, socketPath, useHugepages: false, queues: agents });
  const { directory } = await startDriver(t, 'ours', {
    ealArguments,
    properties: {
      ...PATIENT_PROPERTIES,
      'aeron.network.agents': String(agents),
      'aeron.dpdk.local.ipv4.address': `${WIRE_ADDRESS[role]}/24`,
      ...properties,
    },
  });
  const aeron = await Aeron.connect({ directory });
  t.after(() => aeron.close());
  return aeron;
}
