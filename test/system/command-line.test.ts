import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TestProcess } from '../support/processes.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = join(ROOT, 'bin/aeron-bypass.js');
const DEADLINE_MS = 60_000;

function scratch(t: TestContext): string {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-cli-');
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function start(t: TestContext, args: readonly string[]): TestProcess {
  return TestProcess.start(t, args[0]!, process.execPath, [PROGRAM, ...args], { deadlineMs: DEADLINE_MS });
}

/** Runs a command line of the shell in which `$aeron` is the program. */
function shell(t: TestContext, script: string): TestProcess {
  return TestProcess.start(t, script, 'sh', ['-c', script], {
    deadlineMs: DEADLINE_MS,
    env: { aeron: `${process.execPath} ${PROGRAM}` },
  });
}

/** A driver of its own folder. Resolves when clients may come. */
async function startDriver(t: TestContext): Promise<{ driver: TestProcess; directory: string }> {
  const directory = join(scratch(t), 'driver');
  const driver = start(t, ['driver', `-Daeron.dir=${directory}`, '-Daeron.threading.mode=SHARED']);
  await driver.waitForLine('driver ready');
  return { driver, directory };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

test('should print the lines that were published, in their order', async (t) => {
  const { directory } = await startDriver(t);
  const output = join(directory, '../lines.txt');
  const subscriber = shell(t, `$aeron subscribe --once -d ${directory} -c aeron:ipc > ${output}`);
  const publisher = shell(t, `seq 1 20000 | $aeron publish --json -d ${directory} -c aeron:ipc`);
  assert.deepEqual(JSON.parse(await publisher.success()), { messages: 20_000, bytes: 88_894 });
  await subscriber.success();
  const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
  assert.ok(readFileSync(output, 'utf8') === expected, 'the lines differ');
});

test('should copy a file over UDP between two embedded drivers, byte for byte', async (t) => {
  const folder = scratch(t);
  const channel = `aeron:udp?endpoint=127.0.0.1:${await freePort()}`;
  const content = randomBytes(3_000_001);
  writeFileSync(join(folder, 'original'), content);
  const copy = join(folder, 'copy');
  const subscriber = start(t, ['subscribe', '--embedded', '--json', '--out', copy, '-c', channel]);
  const publisher = start(t, [
    'publish',
    '--embedded',
    '--json',
    '--file',
    join(folder, 'original'),
    '-c',
    channel,
  ]);
  const sent = JSON.parse(await publisher.success());
  const received = JSON.parse(await subscriber.success());
  const sha256 = createHash('sha256').update(content).digest('hex');
  assert.equal(sent.sha256, sha256);
  assert.equal(received.sha256, sha256);
  assert.equal(received.bytes, content.length);
  assert.ok(readFileSync(copy).equals(content), 'the copy differs');
});

test('should copy an empty file', async (t) => {
  const { directory } = await startDriver(t);
  const folder = scratch(t);
  writeFileSync(join(folder, 'original'), '');
  const copy = join(folder, 'copy');
  const subscriber = start(t, ['subscribe', '-d', directory, '--out', copy, '-c', 'aeron:ipc']);
  await start(t, ['publish', '-d', directory, '-f', join(folder, 'original'), '-c', 'aeron:ipc']).success();
  await subscriber.success();
  assert.equal(readFileSync(copy).length, 0);
});

test('should leave no file behind when the publisher dies in mid-transfer', async (t) => {
  const { directory } = await startDriver(t);
  const folder = scratch(t);
  const copy = join(folder, 'copy');
  const channel = 'aeron:ipc?term-length=64k';
  writeFileSync(join(folder, 'endless'), Buffer.alloc(256 << 20));
  const subscriber = start(t, ['subscribe', '-d', directory, '--out', copy, '-c', channel]);
  const publisher = start(t, ['publish', '-d', directory, '-f', join(folder, 'endless'), '-c', channel]);
  while (!existsSync(`${copy}.part`) || readFileSync(`${copy}.part`).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  publisher.kill('SIGTERM');
  const { code } = await subscriber.exited;
  assert.equal(code, 1);
  assert.match(subscriber.output, /TRANSFER_BROKEN: the publisher went away after \d+ of \d+ bytes/);
  assert.equal(existsSync(copy), false);
  assert.equal(existsSync(`${copy}.part`), false);
});

test('should end when the driver was killed, and say so', async (t) => {
  const { driver, directory } = await startDriver(t);
  const subscriber = start(t, ['subscribe', '-d', directory, '-c', 'aeron:ipc', '--json']);
  await start(t, ['publish', '-d', directory, '-c', 'aeron:ipc', 'hello']).success();
  await subscriber.waitForLine('hello');
  driver.kill('SIGKILL');
  assert.equal((await subscriber.exited).code, 1);
  assert.match(subscriber.output, /DRIVER_TIMEOUT: .*driver in /);
});

test('should measure round trips through a pong', async (t) => {
  const { directory } = await startDriver(t);
  const channels = ['--ping-channel', 'aeron:ipc', '--pong-channel', 'aeron:ipc'];
  start(t, ['pong', '-d', directory, ...channels]);
  const ping = start(t, ['ping', '-d', directory, ...channels, '-n', '500', '--warm-up', '100', '--json']);
  const result = JSON.parse(await ping.success());
  assert.equal(result.messages, 500);
  const { min, p50, p999, max } = result.roundTripNs;
  assert.ok(min > 0 && min <= p50 && p50 <= p999 && p999 <= max, JSON.stringify(result));
});

test('should show counters, errors and losses of a driver as JSON', async (t) => {
  const { driver, directory } = await startDriver(t);
  const state = JSON.parse(await start(t, ['stat', '-d', directory, '--json', '--type', '^0$']).success());
  assert.equal(state.driver.pid, driver.pid);
  assert.equal(state.counters[0].label, 'Bytes sent');
  const one = await start(t, [
    'stat',
    '-d',
    directory,
    '--json',
    '--type',
    '^0$',
    '--identity',
    '^14$',
  ]).success();
  assert.deepEqual(
    JSON.parse(one).counters.map(({ label }: { label: string }) => label),
    ['Invalid packets'],
  );
  assert.deepEqual(JSON.parse(await start(t, ['errors', '-d', directory, '--json']).success()), {
    errors: [],
  });
  assert.deepEqual(JSON.parse(await start(t, ['loss', '-d', directory, '--json']).success()), { losses: [] });
});

test('should end a driver on SIGTERM with exit code 0 and nothing on standard error', async (t) => {
  const folder = scratch(t);
  const driver = shell(t, `exec $aeron driver -Daeron.dir=${folder}/driver 2> ${folder}/stderr`);
  await driver.waitForLine('driver ready');
  driver.kill('SIGTERM');
  assert.deepEqual(await driver.exited, { code: 0, signal: null });
  assert.equal(readFileSync(`${folder}/stderr`, 'utf8'), '');
});

test('should refuse a second driver in the same folder and harm nothing', async (t) => {
  const { driver, directory } = await startDriver(t);
  const second = start(t, ['driver', `-Daeron.dir=${directory}`]);
  assert.equal((await second.exited).code, 1);
  assert.match(second.output, /DRIVER_ACTIVE: .*Stop it, or choose another directory/);
  const state = JSON.parse(await start(t, ['stat', '-d', directory, '--json']).success());
  assert.equal(state.driver.pid, driver.pid);
});

test('should refuse a setting that cannot work with what, why and how to fix it', async (t) => {
  const driver = start(t, ['driver', '-Daeron.mtu.length=1000']);
  assert.equal((await driver.exited).code, 1);
  assert.match(driver.output, /aeron\.mtu\.length=1000 is not a multiple of 32\. Use 992 or 1024\./);
});

test('should say what is wrong with a command line, with exit code 2', async (t) => {
  for (const args of [['nonsense'], ['publish', '--stream', 'many'], ['stat', '--type', '(']]) {
    const command = start(t, args);
    assert.equal((await command.exited).code, 2, args.join(' '));
  }
});

test('should run the program of README.md', async (t) => {
  const program = /```js\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))![1]!;
  const folder = scratch(t);
  // Inside of the package its own name resolves to it.
  const file = join(ROOT, 'dist', `readme-${process.pid}.mjs`);
  t.after(() => rmSync(file, { force: true }));
  writeFileSync(
    file,
    program
      .replaceAll('/dev/shm/aeron-hello', `${folder}/driver`)
      .replaceAll('localhost:20121', `localhost:${await freePort()}`),
  );
  const example = TestProcess.start(t, 'README.md', process.execPath, [file], { deadlineMs: DEADLINE_MS });
  assert.equal(await example.success(), 'hello, world');
});
