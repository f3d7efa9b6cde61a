import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { requestDriverTermination } from '../../src/client/driver-termination.ts';
import type { LifecycleEvent } from '../../src/client/lifecycle.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';

const CHANNEL = 'aeron:ipc?term-length=64k';
const STREAM_ID = 1001;

for (const useConductorInvoker of [false, true]) {
  const style = useConductorInvoker ? 'a duty cycle' : 'the event loop';

  test(`a client in ${style} outlives its driver, which a client may end`, async (t) => {
    const root = mkdtempSync('/dev/shm/aeron-bypass-test-');
    const dir = join(root, 'aeron');
    const launch = () =>
      MediaDriver.launch({
        dir,
        threadingMode: 'SHARED',
        transport: 'none',
        driverTerminationValidator: 'allow',
        dirDeleteOnShutdown: true,
      });
    let driver = await launch();
    t.after(async () => {
      await driver.close();
      rmSync(root, { recursive: true, force: true });
    });
    const events: LifecycleEvent['type'][] = [];
    const aeron = await Aeron.connect({
      directory: dir,
      useConductorInvoker,
      reconnect: true,
      errorHandler: () => {},
      onLifecycle: ({ type }) => void events.push(type),
    });
    t.after(() => aeron.close());
    const signal = AbortSignal.timeout(20_000);

    const exchange = async (message: string): Promise<void> => {
      const subscription = await aeron.addSubscription(CHANNEL, STREAM_ID);
      const publication = await aeron.addPublication(CHANNEL, STREAM_ID);
      await publication.send(message, { signal });
      const { value } = await subscription.messages({ signal }).next();
      assert.equal(String(value), message);
    };
    await exchange('before');

    assert.equal(requestDriverTermination(dir), true);
    await driver.terminated;
    await driver.close();
    while (!aeron.isReconnecting) {
      signal.throwIfAborted();
      aeron.doWork();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    driver = await launch();
    await aeron.whenConnected({ signal });
    await exchange('after');
    assert.deepEqual(events, ['connected', 'lost', 'connected']);
  });
}
