/** A client ends a driver: the official client ours, our client the official one, where the driver allows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { requestDriverTermination } from '../../src/client/driver-termination.ts';
import { TestProcess } from '../support/processes.ts';
import { type Party, startDriver } from './drivers.ts';
import { javaArguments, officialAeronMissing } from './java.ts';

const skip = officialAeronMissing();
/** The same for both drivers. */
const ALLOW = { 'aeron.driver.termination.validator': 'io.aeron.driver.DefaultAllowTerminationValidator' };

test('the official client ends our driver', { skip, timeout: 60_000 }, async (t) => {
  const driver = await startDriver(t, 'ours', { properties: ALLOW });
  const args = javaArguments('Termination', {}, [`dir=${driver.directory}`, 'token=please']);
  const client = TestProcess.start(t, 'official client', 'java', args, { deadlineMs: 30_000 });
  assert.match(await client.success(), /true/);
  await driver.process.success();
});

test('our client ends the official driver', { skip, timeout: 60_000 }, async (t) => {
  const driver = await startDriver(t, 'official', { properties: ALLOW });
  assert.equal(requestDriverTermination(driver.directory, Buffer.from('please')), true);
  await driver.process.success();
});

for (const party of ['ours', 'official'] as const satisfies Party[]) {
  test(`${party} driver that does not allow it goes on`, { skip, timeout: 60_000 }, async (t) => {
    const driver = await startDriver(t, party);
    assert.equal(requestDriverTermination(driver.directory), true);
    // It answers commands that come after it.
    const aeron = await Aeron.connect({ directory: driver.directory });
    await aeron.addSubscription('aeron:ipc', 1001);
    await aeron.close();
  });
}
