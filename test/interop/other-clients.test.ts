/** The official C client, and one that others wrote in Rust, on our driver. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType } from '../../src/cnc/counter-types.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { TestProcess } from '../support/processes.ts';
import { startDriver } from './drivers.ts';
import { type ClientParty, exchange } from './exchange.ts';
import { otherClientsMissing, type RustProgram, rustProgram } from './rust.ts';

const COUNT = 50_000;
const COUNTER_TYPE_ID = 1234;
const DEADLINE_MS = 60_000;
const skip = otherClientsMissing();

const CLIENTS: readonly { party: RustProgram; title: string; value: number }[] = [
  { party: 'c-client', title: 'the official C client', value: 42 },
  // It cannot set its counters.
  { party: 'rust-client', title: 'the Rust client', value: 0 },
];

for (const { party, title, value } of CLIENTS) {
  describe(`${title} on our driver`, { skip }, () => {
    const pairs: readonly (readonly [ClientParty, ClientParty])[] = [
      [party, 'ours'],
      ['ours', party],
      [party, party],
    ];
    for (const [from, to] of pairs) {
      test(`a stream from ${from} to ${to} over IPC`, async (t) => {
        const driver = await startDriver(t, 'ours');
        const channel = 'aeron:ipc';
        const publishers = [{ party: from, driver, channel }];
        await exchange(t, { publishers, subscriber: { party: to, driver, channel }, count: COUNT });
      });

      test(`a stream from ${from} to ${to} over UDP`, async (t) => {
        const [near, far] = await Promise.all([startDriver(t, 'ours'), startDriver(t, 'ours')]);
        const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
        const publishers = [{ party: from, driver: near, channel }];
        await exchange(t, { publishers, subscriber: { party: to, driver: far, channel }, count: COUNT });
      });
    }

    test('sees the counters of the driver, and adds one', async (t) => {
      const driver = await startDriver(t, 'ours');
      const args = ['role=counters', `dir=${driver.directory}`];
      const client = TestProcess.start(t, party, rustProgram(party), args, { deadlineMs: DEADLINE_MS });
      await client.waitForLine('READY');
      const cnc = CncFile.map(driver.directory);
      t.after(() => cnc.close());
      let own = null;
      new CountersReader(cnc.countersMetadata, cnc.countersValues).forEach((counter) => {
        const { id, typeId, label } = counter;
        if (typeId === COUNTER_TYPE_ID) own = [label.replace(/.* by/, 'by'), counter.value];
        // Clients sign their heartbeat's label while this one prints it.
        if (typeId === CounterType.CLIENT_HEARTBEAT) return;
        assert.ok(client.output.includes(`${id} ${typeId} ${label}`), `${label} is among\n${client.output}`);
      });
      assert.deepEqual(own, [`by ${title.replace('official ', '')}`, value]);
    });
  });
}
