/** The official client is told the same, step by step, by the official driver and by ours. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { TestProcess } from '../support/processes.ts';
import { type Party, startDriver } from './drivers.ts';
import { javaArguments, officialAeronMissing } from './java.ts';

const DEADLINE_MS = 120_000;
/** UDP ports a transcript uses, from the first on. */
const PORTS = 5;
/** What ends a stream without a word takes seconds by default. */
const PROPERTIES = {
  'aeron.image.liveness.timeout': '2s',
  'aeron.publication.linger.timeout': '1s',
  'aeron.publication.connection.timeout': '2s',
};
const skip = officialAeronMissing();

describe('an official client', { skip }, () => {
  test('cannot tell our driver from the official one', async (t) => {
    const port = await freeUdpPort();
    const [official, ours] = await Promise.all([
      transcript(t, 'official', port),
      transcript(t, 'ours', port + PORTS),
    ]);
    assert.equal(official.at(-1), 'DONE');
    assert.deepEqual(ours.map(withoutPort), official.map(withoutPort));
  });
});

async function transcript(t: TestContext, party: Party, port: number): Promise<string[]> {
  const driver = await startDriver(t, party, { properties: PROPERTIES });
  const args = javaArguments('Transcript', {}, [`dir=${driver.directory}`, `port=${port}`]);
  const client = TestProcess.start(t, `transcript on the ${party} driver`, 'java', args, {
    deadlineMs: DEADLINE_MS,
  });
  const output = await client.success();
  await driver.process.stop();
  return output.split('\n');
}

/** Some channels of the transcript name ports of the test's choice. */
function withoutPort(line: string): string {
  return line.replace(/(?<=:)\d{5}(?=\|)/, '#');
}
