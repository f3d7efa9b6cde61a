import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { EventLog, openEventLog } from '../../src/driver/event-log/event-log.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { describeFrame } from '../../src/protocol/describe-frame.ts';
import { Prng } from '../../src/util/prng.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';

test('should log the events that are named, and only those', () => {
  const logs = (events: string[], disabledEvents: string[], name: string): boolean =>
    new EventLog({ events, disabledEvents, filename: '' }, new SimulatedClock(), () => {}).logs(name);
  assert.ok(logs(['all'], [], 'FRAME_IN'));
  assert.ok(!logs(['all'], ['FRAME_IN'], 'FRAME_IN'));
  assert.ok(!logs(['admin'], [], 'FRAME_OUT'));
  assert.ok(!logs(['admin'], [], 'CMD_IN_KEEPALIVE_CLIENT'));
  assert.ok(logs(['CMD_OUT_*'], [], 'CMD_OUT_ERROR'));
  assert.ok(!logs(['CMD_OUT_*'], [], 'CMD_IN_ADD_PUBLICATION'));
  assert.equal(openEventLog({ events: [], disabledEvents: [], filename: '' }, new SimulatedClock()), null);
});

test('should write commands and events by their official names, with their fields', () => {
  const lines: string[] = [];
  const config = { events: ['all'], disabledEvents: [], filename: '' };
  const log = new EventLog(config, new SimulatedClock(1e9, 1_700_000_000_250), (line) => lines.push(line));
  log.onCommand({ type: 'clientKeepalive', clientId: 3, correlationId: 4 });
  log.onEvent({ type: 'operationSuccess', correlationId: 4 });
  assert.deepEqual(lines, [
    '[1700000000.250] CMD_IN_KEEPALIVE_CLIENT: clientId=3 correlationId=4\n',
    '[1700000000.250] CMD_OUT_ON_OPERATION_SUCCESS: correlationId=4\n',
  ]);
});

test('should describe any bytes', () => {
  const prng = new Prng(7);
  const view = new DataView(new ArrayBuffer(64));
  for (let i = 0; i < 20_000; i++) {
    for (let k = 0; k < 64; k += 4) view.setInt32(k, prng.next());
    view.setUint8(4, 0);
    view.setUint16(6, prng.nextBelow(14), true);
    assert.match(describeFrame(view, 0, 32 + prng.nextBelow(33)), / datagramLength=\d+$/);
  }
});

test('should log what a stream takes: commands, events, frames in and out', async (t) => {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  const eventLogFilename = join(folder, 'events.log');
  const driver = await MediaDriver.launch({
    dir: join(folder, 'aeron'),
    threadingMode: 'SHARED',
    eventLog: ['all'],
    eventLogFilename,
  });
  t.after(() => driver.close());
  const aeron = await Aeron.connect({ directory: driver.directory });
  const channel = `aeron:udp?endpoint=127.0.0.1:${await freeUdpPort()}`;
  const subscription = await aeron.addSubscription(channel, 1001);
  const publication = await aeron.addPublication(channel, 1001);
  await publication.send('hello');
  for await (const message of subscription) {
    assert.equal(message.toString(), 'hello');
    break;
  }
  await aeron.close();
  const text = readFileSync(eventLogFilename, 'utf8');
  const session = `sessionId=${publication.sessionId} streamId=1001`;
  for (const line of [
    /CMD_IN_ADD_SUBSCRIPTION: .*streamId=1001/,
    /CMD_IN_ADD_PUBLICATION: .*channel="aeron:udp\?endpoint=127/,
    /CMD_OUT_PUBLICATION_READY: .*sessionId=/,
    /CMD_OUT_AVAILABLE_IMAGE: /,
    new RegExp(`FRAME_OUT: .* SETUP flags=0x\\w\\w frameLength=40 ${session} initialTermId=`),
    new RegExp(`FRAME_IN: 127.0.0.1:\\d+ SETUP flags=0x\\w\\w frameLength=40 ${session} `),
    new RegExp(`FRAME_IN: 127.0.0.1:\\d+ SM .*${session} .*receiverWindow=`),
    new RegExp(`FRAME_OUT: .* DATA flags=0xc0 frameLength=37 ${session} termId=.* datagramLength=64`),
  ]) {
    assert.match(text, line);
  }
});
