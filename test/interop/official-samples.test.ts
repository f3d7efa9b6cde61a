/** The sample programs and the tools of the official Java library, as they come, on our driver. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { freeUdpPort } from '../support/lossy-proxy.ts';
import { TestProcess } from '../support/processes.ts';
import { type DriverProcess, startDriver } from './drivers.ts';
import { officialAeronMissing, sampleArguments } from './java.ts';

const skip = officialAeronMissing();
const DEADLINE_MS = 120_000;
const MESSAGES = 20_000;
/** The samples spin, which on a machine of few cores keeps the driver from its work. */
const IDLE_STRATEGY = 'org.agrona.concurrent.BackoffIdleStrategy';

/** Busy machines let a process wait for long. */
const PATIENCE: Readonly<Record<string, string>> = {
  'aeron.client.liveness.timeout': '60s',
  'aeron.publication.unblock.timeout': '90s',
};

/** Starts a sample on a driver. It ends with the test. */
function start(
  t: TestContext,
  driver: DriverProcess,
  sample: string,
  properties: Readonly<Record<string, string | number>> = {},
  args: readonly string[] = [],
): TestProcess {
  const all: Record<string, string> = {
    'aeron.dir': driver.directory,
    'aeron.driver.timeout': '60000',
    'aeron.sample.idleStrategy': IDLE_STRATEGY,
  };
  for (const [name, value] of Object.entries(properties)) all[`aeron.sample.${name}`] = String(value);
  return TestProcess.start(t, sample, 'java', sampleArguments(sample, all, args), {
    deadlineMs: DEADLINE_MS,
  });
}

/** The output of a sample that ends by itself. */
function outputOf(
  t: TestContext,
  driver: DriverProcess,
  sample: string,
  ...args: readonly string[]
): Promise<string> {
  return start(t, driver, sample, {}, args).success();
}

async function udpChannel(): Promise<string> {
  return `aeron:udp?endpoint=localhost:${await freeUdpPort()}`;
}

describe('a sample program of the official library on our driver', { skip }, () => {
  for (const media of ['udp', 'ipc']) {
    test(`BasicPublisher reaches BasicSubscriber over ${media}`, async (t) => {
      const driver = await startDriver(t, 'ours', { properties: PATIENCE });
      const channel = media === 'ipc' ? 'aeron:ipc' : await udpChannel();
      const subscriber = start(t, driver, 'BasicSubscriber', { channel });
      await subscriber.waitForLine('Subscribing to');
      const publisher = start(t, driver, 'BasicPublisher', { channel, messages: 5, lingerTimeout: 100 });
      await subscriber.waitForLine('<<Hello World! 4>>');
      await publisher.success();
      await subscriber.waitForLine('Unavailable image');
      await subscriber.stop();
      assert.match(publisher.output, /Offering 4\/5 - yay!/);
    });

    test(`Pong answers Ping over ${media}`, async (t) => {
      const driver = await startDriver(t, 'ours', { properties: PATIENCE });
      const channels = {
        'ping.channel': media === 'ipc' ? 'aeron:ipc' : await udpChannel(),
        'pong.channel': media === 'ipc' ? 'aeron:ipc' : await udpChannel(),
        'exclusive.publications': String(media === 'ipc'),
      };
      const pong = start(t, driver, 'Pong', channels);
      const counts = { messages: 1000, 'warmup.messages': 200, 'warmup.iterations': 1, messageLength: 4000 };
      const ping = start(t, driver, 'Ping', { ...channels, ...counts });
      assert.match(await ping.waitForLine('Total count'), /Total count *= *1000\b/);
      await ping.stop();
      await pong.stop();
    });
  }

  test('StreamingPublisher streams to RateSubscriber', async (t) => {
    const driver = await startDriver(t, 'ours', { properties: PATIENCE });
    const channel = await udpChannel();
    const subscriber = start(t, driver, 'RateSubscriber', { channel });
    await subscriber.waitForLine('Subscribing to');
    const settings = { channel, messages: MESSAGES, messageLength: 1000, randomMessageLength: 'true' };
    const publisher = start(t, driver, 'StreamingPublisher', { ...settings, lingerTimeout: 3000 });
    await publisher.waitForLine('Done streaming');
    await subscriber.waitForLine(`totals ${MESSAGES} messages`);
    await publisher.stop();
    await subscriber.stop();
  });

  test('MultiplePublishersWithFragmentation reach MultipleSubscribersWithFragmentAssembly', async (t) => {
    const driver = await startDriver(t, 'ours', { properties: PATIENCE });
    const channel = await udpChannel();
    const subscriber = start(t, driver, 'MultipleSubscribersWithFragmentAssembly', { channel });
    await subscriber.waitForLine('Subscribing to');
    const publisher = start(t, driver, 'MultiplePublishersWithFragmentation', { channel, messages: 3 });
    await subscriber.waitForLine('stream 1001');
    await subscriber.waitForLine('stream 1002');
    await publisher.stop();
    await subscriber.stop();
  });

  test('SimplePublisher reaches SimpleSubscriber', async (t) => {
    const driver = await startDriver(t, 'ours', { properties: PATIENCE });
    const subscriber = start(t, driver, 'SimpleSubscriber');
    await subscriber.waitForLine('Subscribing to');
    const publisher = start(t, driver, 'SimplePublisher');
    await subscriber.waitForLine('Hello World!');
    await publisher.success();
    await subscriber.stop();
  });
});

describe('a tool of the official library', { skip }, () => {
  test('shows what our driver does', async (t) => {
    const driver = await startDriver(t, 'ours', {
      properties: { ...PATIENCE, 'aeron.debug.receive.loss.rate': '0.05' },
    });
    const channel = await udpChannel();
    const subscriber = start(t, driver, 'RateSubscriber', { channel });
    await subscriber.waitForLine('Subscribing to');
    const publisher = start(t, driver, 'StreamingPublisher', {
      channel,
      messages: MESSAGES,
      messageLength: 1000,
      lingerTimeout: 60_000,
    });
    await publisher.waitForLine('Done streaming');
    await subscriber.waitForLine(`totals ${MESSAGES} messages`);

    const tools = (...words: readonly [string, ...string[]]): Promise<string> =>
      outputOf(t, driver, ...words);
    const counters = await tools('AeronStat', 'watch=false');
    for (const label of [
      'Bytes sent',
      'snd-pos: ',
      'sub-pos: ',
      'client-heartbeat: ',
      'rcv-local-sockaddr: ',
    ]) {
      assert.ok(counters.includes(label), `${label} is among\n${counters}`);
    }
    assert.match(await tools('AeronStat', 'watch=false', 'type=1'), /pub-lmt: .* 1001 aeron:udp/);
    assert.match(await tools('StreamStat'), /streamId=1001 channel=aeron:udp\S* :/);
    assert.match(await tools('BacklogStat'), /└─subscriber/);
    assert.match(await tools('LossStat'), /127\.0\.0\.1:\d+"?\n[\s\S]*1 loss entries/);
    assert.match(await tools('DriverTool'), new RegExp(`Version: 512, PID: ${driver.process.pid}\\b`));
    assert.equal((await tools('DriverTool', 'pid')).trim(), String(driver.process.pid));
    const images = join(driver.directory, 'images');
    const [log] = readdirSync(images);
    assert.match(await tools('LogInspector', join(images, log!), '16'), /Initial term id: -?\d+/);
  });

  test('shows the errors of our driver', async (t) => {
    const driver = await startDriver(t, 'ours', { properties: PATIENCE });
    const wrong = start(t, driver, 'BasicSubscriber', { channel: 'aeron:udp?endpoint=nowhere' });
    await wrong.exited;
    assert.match(wrong.output, /RegistrationException[\s\S]*nowhere/);
    const errors = await outputOf(t, driver, 'ErrorStat');
    assert.match(errors, /1 observations[\s\S]*nowhere[\s\S]*1 distinct errors observed/);
  });
});
