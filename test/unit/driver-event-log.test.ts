import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { AgentContext } from '../../src/driver/agent-context.ts';
import { EventLog, openEventLog } from '../../src/driver/event-log/event-log.ts';
import { loggedLookup } from '../../src/driver/event-log/logged-lookup.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { Neighbours } from '../../src/driver/names/neighbours.ts';
import { UntetheredSubscribers } from '../../src/driver/untethered-subscribers.ts';
import { describeFrame } from '../../src/protocol/describe-frame.ts';
import { Prng } from '../../src/util/prng.ts';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { TestAgent, UNTETHERED } from '../support/stream-fixtures.ts';

test('should log the events that are named, and only those', () => {
  const logs = (events: string[], disabledEvents: string[], name: string): boolean =>
    new EventLog(
      { events, disabledEvents, filename: '', fileLengthMax: 0 },
      new SimulatedClock(),
      () => {},
    ).logs(name);
  assert.ok(logs(['all'], [], 'FRAME_IN'));
  assert.ok(!logs(['all'], ['FRAME_IN'], 'FRAME_IN'));
  assert.ok(!logs(['admin'], [], 'FRAME_OUT'));
  assert.ok(!logs(['admin'], [], 'CMD_IN_KEEPALIVE_CLIENT'));
  assert.ok(logs(['CMD_OUT_*'], [], 'CMD_OUT_ERROR'));
  assert.ok(!logs(['CMD_OUT_*'], [], 'CMD_IN_ADD_PUBLICATION'));
  assert.equal(
    openEventLog({ events: [], disabledEvents: [], filename: '', fileLengthMax: 0 }, new SimulatedClock()),
    null,
  );
});

test('should write commands and events by their official names, with their fields', () => {
  const lines: string[] = [];
  const config = { events: ['all'], disabledEvents: [], filename: '', fileLengthMax: 0 };
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

test('should put a file aside that is long enough', (t) => {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  const filename = join(folder, 'events.log');
  const config = { events: ['all'], disabledEvents: [], filename, fileLengthMax: 100 };
  const log = openEventLog(config, new SimulatedClock())!;
  for (let i = 0; i < 7; i++) log.record('RESEND', { number: i, text: 'x'.repeat(20) });
  assert.deepEqual(readdirSync(folder).sort(), [
    'events.log',
    'events.log.0',
    'events.log.1',
    'events.log.2',
  ]);
  const lines = ['.0', '.1', '.2', ''].flatMap((end) =>
    readFileSync(filename + end, 'utf8')
      .trim()
      .split('\n'),
  );
  assert.deepEqual(
    lines.map((line) => /number=(\d)/.exec(line)?.[1]),
    ['0', '1', '2', '3', '4', '5', '6'],
  );
});

test('should log names that are looked up, and drivers that come and go', () => {
  const lines: string[] = [];
  const clock = new SimulatedClock(1e9, 0);
  const config = { events: ['NAME_RESOLUTION_*'], disabledEvents: [], filename: '', fileLengthMax: 0 };
  const eventLog = new EventLog(config, clock, (line) => lines.push(line));
  const lookup = loggedLookup(
    (name, callback) => {
      clock.advanceNs(1500);
      callback(name === 'here' ? null : 'ENOTFOUND', '10.0.0.7');
    },
    eventLog,
    clock,
    'default',
  );
  lookup('here', () => {});
  lookup('gone', () => {});
  const context = { options: { resolverBootstrapNeighbors: [] }, eventLog } as unknown;
  const neighbours = new Neighbours(context as ConstructorParameters<typeof Neighbours>[0], 1000);
  neighbours.heard(Uint8Array.of(10, 0, 0, 8), 0, 8050, true, true, 0);
  neighbours.expire(2000);
  assert.deepEqual(
    lines.map((line) => line.slice(line.indexOf(']') + 2)),
    [
      'NAME_RESOLUTION_RESOLVE: resolver="default" durationNs=1500 name="here" address="10.0.0.7"\n',
      'NAME_RESOLUTION_RESOLVE: resolver="default" durationNs=1500 name="gone" error="ENOTFOUND"\n',
      'NAME_RESOLUTION_NEIGHBOR_ADDED: address="10.0.0.8:8050"\n',
      'NAME_RESOLUTION_NEIGHBOR_REMOVED: address="10.0.0.8:8050"\n',
    ],
  );
});

test('should log what becomes of endpoints, streams and receivers, and what is sent again', {
  timeout: 60_000,
}, async (t) => {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(folder, { recursive: true }));
  const eventLogFilename = join(folder, 'events.log');
  const driver = await MediaDriver.launch({
    dir: join(folder, 'aeron'),
    threadingMode: 'SHARED',
    eventLog: ['admin'],
    eventLogFilename,
    publicationLingerTimeoutNs: 1e9,
    imageLivenessTimeoutNs: 1e9,
    timerIntervalNs: 1e7,
    rcvStatusMessageTimeoutNs: 1e7,
    udpChannelIncomingInterceptors: ['loss'],
    lossArgs: 'rate=0.2|seed=7|recv-msg-mask=2',
  });
  t.after(() => driver.close());
  const seen = async (event: RegExp): Promise<void> => {
    const deadlineMs = performance.now() + 20_000;
    while (!event.test(readFileSync(eventLogFilename, 'utf8'))) {
      assert.ok(performance.now() < deadlineMs, `${event} within 20 s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const aeron = await Aeron.connect({ directory: driver.directory });
  t.after(() => aeron.close());
  const [port, controlPort] = [await freeUdpPort(), await freeUdpPort()];
  const control = `control=127.0.0.1:${controlPort}`;
  const publication = await aeron.addExclusivePublication(
    `aeron:udp?${control}|control-mode=dynamic|fc=min`,
    1001,
  );
  const subscription = await aeron.addSubscription(`aeron:udp?endpoint=127.0.0.1:${port}|${control}`, 1001);
  const reading = (async () => {
    let count = 0;
    for await (const _ of subscription) if (++count === 200) break;
  })();
  const session = `sessionId=${publication.sessionId} streamId=1001`;
  for (let i = 0; i < 200; i++) await publication.send(Buffer.alloc(1300));
  await reading;
  await seen(new RegExp(`FLOW_CONTROL_RECEIVER_ADDED: receiverCount=1 receiverId=-?\\d+ ${session}\n`));
  await seen(new RegExp(`NAK_SENT: .* NAK .*${session}`));
  await seen(new RegExp(`NAK_RECEIVED: 127.0.0.1:${port} NAK .*${session}`));
  await seen(new RegExp(`RESEND: ${session} termId=-?\\d+ termOffset=\\d+ length=\\d+\n`));
  await seen(
    new RegExp(`SEND_CHANNEL_CREATION: localData="127.0.0.1:${controlPort}" remoteData="0.0.0.0:0" ttl=0`),
  );
  await seen(new RegExp(`RECEIVE_CHANNEL_CREATION: localData="127.0.0.1:${port}"`));

  publication.revoke();
  await seen(new RegExp(`PUBLICATION_REVOKE: revokedPosition=\\d+ ${session} channel="aeron:udp`));
  await seen(new RegExp(`PUBLICATION_IMAGE_REVOKE: revokedPosition=\\d+ ${session} channel="aeron:udp`));
  await seen(new RegExp(`REMOVE_IMAGE_CLEANUP: ${session} id=\\d+ channel="aeron:udp`));
  await seen(new RegExp(`REMOVE_PUBLICATION_CLEANUP: ${session} channel="aeron:udp`));
  await seen(/SEND_CHANNEL_CLOSE: /);
  const { registrationId } = subscription;
  await subscription.close();
  await seen(
    new RegExp(`REMOVE_SUBSCRIPTION_CLEANUP: streamId=1001 id=${registrationId} channel="aeron:udp`),
  );
  await seen(/RECEIVE_CHANNEL_CLOSE: /);
});

test('should log untethered subscribers that fall behind', async (t) => {
  const lines: string[] = [];
  const agent = new TestAgent(null);
  t.after(() => agent.close());
  const config = { events: ['UNTETHERED_*'], disabledEvents: [], filename: '', fileLengthMax: 0 };
  const log = new EventLog(config, agent.clock, (line) => lines.push(line));
  const context = Object.assign(new AgentContext(agent.config, agent.clock, () => {}), { eventLog: log });
  const positions = context.subscribers(0);
  const untethered = new UntetheredSubscribers(context, 5, positions, UNTETHERED);
  const { id: counterId } = agent.claimCounter();
  const subscriber = { counterId, subscriptionId: 9, tether: false };
  positions.addAll([subscriber], 0);
  untethered.add(subscriber);
  untethered.windowLimit = 1000;
  untethered.joinPosition = 0;
  for (let i = 0; i < 4; i++) {
    agent.clock.advanceNs(11e9);
    untethered.check();
  }
  const changes = ['ACTIVE -> LINGER', 'LINGER -> RESTING', 'RESTING -> ACTIVE', 'ACTIVE -> LINGER'];
  assert.deepEqual(
    lines.map((line) => line.slice(line.indexOf(']') + 2)),
    changes.map(
      (change) =>
        `UNTETHERED_SUBSCRIPTION_STATE_CHANGE: subscriptionId=9 counterId=${counterId} registrationId=5 ` +
        `change="${change}"\n`,
    ),
  );
});
