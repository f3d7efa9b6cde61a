/** `aeron-bypass capture` on a running driver: what is in the file, read by tshark where there is one, and what is refused. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CAPTURE_FILE } from '../../src/capture/capture-file.ts';
import { Aeron } from '../../src/client/aeron.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { startDriver } from '../interop/drivers.ts';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';

const PROGRAM = fileURLToPath(new URL('../../../bin/aeron-bypass.js', import.meta.url));
const DEADLINE_MS = 90_000;
const STREAM_ID = 1001;
const MESSAGES = 200;
const ADDRESS = { a: '10.0.0.1', b: '10.0.0.2' } as const;
const CHANNEL = `aeron:udp?endpoint=${ADDRESS.b}:40123`;
const HAS_TSHARK = spawnSync('tshark', ['--version']).status === 0;
// Where everything is installed that the tests need, a test that finds something missing has to fail.
const SKIP_TSHARK = HAS_TSHARK || process.env.CI === 'true' ? false : 'needs tshark: apt-get install tshark';

interface Named {
  readonly name: string;
  readonly total: number;
}

function totalOf(counts: readonly Named[], name: string): number {
  return counts.find((count) => count.name === name)?.total ?? -1;
}

interface Station {
  readonly directory: string;
  readonly aeron: Aeron;
}

async function startSide(t: TestContext, role: 'a' | 'b', socketPath: string): Promise<Station> {
  const { ealArguments } = sharedMemoryWire({ role, socketPath, useHugepages: false });
  const { directory } = await startDriver(t, 'ours', {
    ealArguments,
    properties: {
      'aeron.dpdk.local.ipv4.address': `${ADDRESS[role]}/24`,
      'aeron.timer.interval': '50ms',
      'aeron.image.liveness.timeout': '60s',
      'aeron.publication.connection.timeout': '60s',
    },
  });
  const aeron = await Aeron.connect({ directory });
  t.after(() => aeron.close());
  return { directory, aeron };
}

async function startPair(t: TestContext): Promise<{ folder: string; a: Station; b: Station }> {
  const folder = mkdtempSync('/dev/shm/bypass-wire-');
  t.after(() => rmSync(folder, { recursive: true }));
  const socketPath = join(folder, 'wire.sock');
  const [a, b] = await Promise.all([startSide(t, 'a', socketPath), startSide(t, 'b', socketPath)]);
  return { folder, a, b };
}

async function startCapture(t: TestContext, directory: string, ...args: string[]): Promise<TestProcess> {
  const words = [PROGRAM, 'capture', '--dir', directory, ...args];
  const capture = TestProcess.start(t, 'capture', process.execPath, words, { deadlineMs: DEADLINE_MS });
  await capture.waitForLine('capturing from');
  return capture;
}

/** Sends messages from `a` to `b`, and ends when all have arrived. */
async function exchange(a: Station, b: Station): Promise<void> {
  const subscription = await b.aeron.addSubscription(CHANNEL, STREAM_ID);
  const publication = await a.aeron.addPublication(CHANNEL, STREAM_ID);
  let received = 0;
  const receiving = (async () => {
    for await (const message of subscription) {
      assert.equal(message.toString(), `message ${received}`);
      if (++received === MESSAGES) return;
    }
  })();
  for (let i = 0; i < MESSAGES; i++) await publication.send(`message ${i}`);
  await receiving;
  publication.close();
  subscription.close();
}

async function stopped(capture: TestProcess): Promise<{ kept: number; seen: number; dropped: number }> {
  capture.kill('SIGINT');
  const output = await capture.success();
  const [, kept, seen, dropped] = /(\d+) frames kept of (\d+) seen, (\d+) dropped/.exec(output) ?? [];
  assert.ok(kept !== undefined, output);
  return { kept: Number(kept), seen: Number(seen), dropped: Number(dropped) };
}

function tshark(file: string, ...args: string[]): string[] {
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    ['-n', '--enable-heuristic', 'aeron_udp', '-r', file, ...args],
    {
      encoding: 'utf8',
      timeout: DEADLINE_MS,
    },
  );
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('a capture of a running driver', { skip: SKIP_WITHOUT_DPDK }, () => {
  test('prints each frame with its direction and what Aeron has in it', async (t) => {
    const { a, b } = await startPair(t);
    const capture = await startCapture(t, a.directory);
    await exchange(a, b);
    const { kept, seen, dropped } = await stopped(capture);
    assert.equal(kept, seen);
    assert.equal(dropped, 0);
    const { output } = capture;
    assert.match(output, /\d\d:\d\d:\d\d\.\d{9} out 10\.0\.0\.1 > 10\.0\.0\.2 arp length=/);
    assert.match(output, /out 10\.0\.0\.1:\d+ > 10\.0\.0\.2:40123 SETUP .*streamId=1001/);
    assert.match(output, /out 10\.0\.0\.1:\d+ > 10\.0\.0\.2:40123 DATA .*streamId=1001/);
    assert.match(output, /in {2}10\.0\.0\.2:40123 > 10\.0\.0\.1:\d+ SM .*streamId=1001/);
    assert.equal(existsSync(join(a.directory, CAPTURE_FILE)), false, 'the file is gone');
  });

  test('writes a file whose frames tshark decodes, with nanoseconds and directions', {
    skip: SKIP_TSHARK,
  }, async (t) => {
    const { folder, a, b } = await startPair(t);
    const file = join(folder, 'frames.pcapng');
    const beforeS = Date.now() / 1000;
    const capture = await startCapture(t, a.directory, '-w', file);
    await exchange(a, b);
    const { kept, dropped } = await stopped(capture);
    assert.equal(dropped, 0);

    const rows = tshark(
      file,
      '-T',
      'fields',
      '-e',
      'frame.time_epoch',
      '-e',
      'frame.packet_flags_direction',
      '-e',
      '_ws.col.Protocol',
    );
    assert.equal(rows.length, kept);
    for (const row of rows) {
      const [time, direction] = row.split('\t');
      assert.ok(Number(time) >= beforeS - 1 && Number(time) <= Date.now() / 1000 + 1, `time ${time}`);
      assert.match(time!, /\.\d{9}$/);
      assert.match(direction!, /^(0x00000001|0x00000002|1|2)$/);
    }
    const types = (filter: string) => tshark(file, '-Y', filter).length;
    assert.ok(types('aeron.setup') > 0, 'setup frames');
    assert.ok(types('aeron.sm') > 0, 'status messages');
    assert.ok(types(`aeron.data.stream_id == ${STREAM_ID}`) >= 1, 'data frames');
    assert.equal(types('_ws.malformed'), 0);
  });

  test('keeps what the filter is true of, and ends after so many frames', async (t) => {
    const { a, b } = await startPair(t);
    const capture = await startCapture(
      t,
      b.directory,
      '-c',
      '3',
      '-f',
      'in and stream 1001 and (data or setup)',
    );
    await exchange(a, b);
    const lines = (await capture.success()).split('\n').filter((line) => line.includes('streamId='));
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, / in {2}10\.0\.0\.1:\d+ > 10\.0\.0\.2:40123 (DATA|SETUP) /);
  });

  test('goes with statistics of the port: what it carries and what it drops, by reason', async (t) => {
    const { a, b } = await startPair(t);
    await exchange(a, b);
    const nobody = await a.aeron.addPublication(`aeron:udp?endpoint=${ADDRESS.b}:40999`, STREAM_ID);
    t.after(() => nobody.close());
    const look = async (): Promise<{ traffic: Named[]; drops: Named[]; isLinkUp: boolean }> => {
      const words = [PROGRAM, 'nic', 'stat', '--dir', b.directory, '--once', '--json', '-i', '200'];
      const run = TestProcess.start(t, 'nic stat', process.execPath, words, { deadlineMs: DEADLINE_MS });
      return JSON.parse(await run.success()).ports[0];
    };
    // Setup frames for a port at which nobody listens come ten times a second; the card is asked for its counts once a second.
    let last = await look();
    const isThere = (): boolean =>
      totalOf(last.drops, 'RX receiver discard') > 0 &&
      totalOf(last.traffic, 'RX packets') > 0 &&
      totalOf(last.traffic, 'TX bytes') > 0;
    for (let i = 0; i < 50 && !isThere(); i++) last = await look();
    assert.ok(isThere(), JSON.stringify(last));
    assert.equal(last.isLinkUp, true);
  });

  test('ends with the driver, and one at a time is enough', async (t) => {
    const { a, b } = await startPair(t);
    const capture = await startCapture(t, a.directory);
    const second = spawnSync(process.execPath, [PROGRAM, 'capture', '--dir', a.directory], {
      encoding: 'utf8',
    });
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`process ${capture.pid} captures from this driver already`));
    await exchange(a, b);
    await a.aeron.close();
    const driverPid = Number(/"pid":(\d+)/.exec(statOf(a.directory))?.[1]);
    process.kill(driverPid, 'SIGTERM');
    assert.match(await capture.success(), /The driver has ended\./);
  });
});

function statOf(directory: string): string {
  return spawnSync(process.execPath, [PROGRAM, 'stat', '--json', '--dir', directory], { encoding: 'utf8' })
    .stdout;
}

test('a driver on kernel sockets has no frames to capture, and says so', async (t) => {
  const { directory } = await startDriver(t, 'ours', { properties: { 'aeron.timer.interval': '50ms' } });
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'capture', '--dir', directory], {
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  });
  assert.equal(status, 1);
  assert.match(stderr, /has no DPDK port: the kernel has its frames\. Use tcpdump or tshark/);
});

test('a capture without a driver, or with a filter that means nothing, says what is wrong', () => {
  const without = spawnSync(process.execPath, [PROGRAM, 'capture', '--dir', '/dev/shm/nobody'], {
    encoding: 'utf8',
  });
  assert.equal(without.status, 1);
  assert.match(without.stderr, /nobody/);
  const meaningless = spawnSync(process.execPath, [PROGRAM, 'capture', '-f', 'stream x'], {
    encoding: 'utf8',
  });
  assert.equal(meaningless.status, 2);
  assert.match(meaningless.stderr, /--filter "stream x": expected a stream id at "x"/);
});
