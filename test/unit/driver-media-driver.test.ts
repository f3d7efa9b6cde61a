import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { commandTypeId, encodeCommand } from '../../src/cnc/commands.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { DistinctErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import type { DriverOptions, ThreadingMode } from '../../src/driver/driver-options.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { codeOf } from '../../src/util/errors.ts';
import { TestProcess } from '../support/processes.ts';

const PROGRAM = fileURLToPath(new URL('../interop/driver-program.js', import.meta.url));

/** A name for an Aeron directory below a fresh one, which is removed with all that is in it. */
function freshDirectory(t: TestContext): string {
  const parent = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(parent, { recursive: true }));
  return join(parent, 'aeron');
}

async function launch(t: TestContext, options: Partial<DriverOptions>): Promise<MediaDriver> {
  const driver = await MediaDriver.launch(options);
  t.after(() => driver.close());
  return driver;
}

function rejectsWith(promise: Promise<unknown>, code: string, text: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.equal(codeOf(error), code, String(error));
    assert.ok(String(error).includes(text), String(error));
    return true;
  });
}

/** The CnC file of a driver that has not got far. */
function unpublished(directory: string): CncFile {
  return CncFile.create(directory, {
    toDriverLength: 65_536 + 768,
    toClientsLength: 65_536 + 128,
    countersValuesLength: 1024,
    errorLogLength: 4096,
    clientLivenessTimeoutNs: 1e10,
    startTimestampMs: 1,
    pid: process.pid,
    filePageSize: 4096,
  });
}

/** Resolves when `isTrue` is; a driver in this process gets on with its work meanwhile. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

for (const threadingMode of ['SHARED', 'SHARED_NETWORK', 'DEDICATED', 'INVOKER'] satisfies ThreadingMode[]) {
  test(`should run, let clients in and end cleanly in ${threadingMode}`, async (t) => {
    const dir = freshDirectory(t);
    const driver = await launch(t, { dir, threadingMode });
    assert.equal(driver.directory, dir);
    assert.deepEqual(readdirSync(dir).sort(), ['cnc.dat', 'images', 'loss-report.dat', 'publications']);
    const cnc = CncFile.map(dir);
    assert.equal(cnc.pid, process.pid);
    assert.equal(cnc.toDriver.nextCorrelationId(), 1, 'the first client has id 1');

    const bytes = Buffer.alloc(256);
    const command = {
      type: 'addPublication',
      clientId: 1,
      correlationId: 2,
      streamId: 10,
      channel: 'aeron:udp?endpoint=127.0.0.1:1',
    } as const;
    cnc.toDriver.write(commandTypeId(command), bytes, 0, encodeCommand(command, bytes));
    const log = join(dir, 'publications', '2.logbuffer');
    await until(() => {
      if (threadingMode === 'INVOKER') driver.doWork();
      return existsSync(log);
    });
    if (threadingMode !== 'INVOKER') assert.throws(() => driver.doWork(), /runs by itself/);

    await driver.close();
    await driver.close();
    assert.equal(cnc.toDriver.consumerHeartbeatMs(), -1);
    assert.ok(!existsSync(log));
    assert.ok(existsSync(join(dir, 'cnc.dat')));
    cnc.close();
  });
}

test('should delete the directory at the end when told so', async (t) => {
  const dir = freshDirectory(t);
  const driver = await launch(t, { dir, threadingMode: 'INVOKER', dirDeleteOnShutdown: true });
  await driver.close();
  assert.ok(!existsSync(dir));
});

test('should refuse a directory that a living driver has, and not harm it', async (t) => {
  const dir = freshDirectory(t);
  const driver = await launch(t, { dir, threadingMode: 'INVOKER' });
  const message = `an active media driver, process ${process.pid}, has ${dir}. `;
  await rejectsWith(MediaDriver.launch({ dir, threadingMode: 'INVOKER' }), 'DRIVER_ACTIVE', message);
  const other = TestProcess.start(t, 'second driver', process.execPath, [PROGRAM, `-Daeron.dir=${dir}`], {
    deadlineMs: 20_000,
  });
  assert.notEqual((await other.exited).code, 0);
  assert.ok(other.output.includes(message), other.output);
  const cnc = CncFile.map(dir);
  assert.ok(cnc.toDriver.consumerHeartbeatMs() > 0);
  cnc.close();
  assert.equal(driver.doWork() >= 0, true);
});

test('should refuse a directory in which a living process is starting a driver', async (t) => {
  const dir = freshDirectory(t);
  const cnc = unpublished(dir);
  await rejectsWith(
    MediaDriver.launch({ dir, threadingMode: 'INVOKER' }),
    'DRIVER_ACTIVE',
    `process ${process.pid}`,
  );
  assert.ok(existsSync(join(dir, 'cnc.dat')));
  cnc.close();
});

test('should start again at once after an orderly end', async (t) => {
  const dir = freshDirectory(t);
  for (let i = 0; i < 3; i++) {
    const driver = await launch(t, { dir, threadingMode: 'INVOKER' });
    await driver.close();
  }
});

test('should take over from a driver that was killed, and save its errors', async (t) => {
  const dir = freshDirectory(t);
  const killed = TestProcess.start(
    t,
    'driver',
    process.execPath,
    [PROGRAM, `-Daeron.dir=${dir}`, '-Daeron.threading.mode=SHARED'],
    { deadlineMs: 20_000 },
  );
  await killed.waitForLine('READY');
  const left = CncFile.map(dir);
  assert.equal(left.pid, killed.pid);
  const { region, offset, length } = left.errorLog;
  new DistinctErrorLog(region, offset, length).record(11, 'the disk is on fire', Date.UTC(2026, 0, 2));
  left.close();
  killed.kill('SIGKILL');
  await killed.exited;
  writeFileSync(join(dir, 'publications', '9.logbuffer'), 'left behind');

  await launch(t, { dir, threadingMode: 'SHARED' });
  const cnc = CncFile.map(dir);
  assert.equal(cnc.pid, process.pid);
  cnc.close();
  assert.deepEqual(readdirSync(join(dir, 'publications')), []);
  const saved = readdirSync(dirname(dir)).filter((name) => name.startsWith(`${basename(dir)}-`));
  assert.equal(saved.length, 1);
  assert.match(saved[0]!, /^aeron-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-\d{3}\+0000-error\.log$/);
  const text = readFileSync(join(dirname(dir), saved[0]!), 'utf8');
  assert.match(text, /1 observations from 2026-01-02T00:00:00\.000Z to .* for:\n \(11\) the disk is on fire/);
  assert.match(text, /\n1 distinct errors observed\.\n$/);
});

test('should wait for a heartbeat of a process that cannot be seen before it takes over', async (t) => {
  const dir = freshDirectory(t);
  const options = { dir, threadingMode: 'INVOKER', dirDeleteOnShutdown: false } as const;
  const first = await launch(t, options);
  await first.close();
  const cnc = CncFile.map(dir);
  // A driver of another container: its process is not there for us, its heartbeat goes on.
  cnc.region.view.setBigInt64(40, 4_000_000n, true);
  cnc.toDriver.setConsumerHeartbeatMs(Date.now());
  const beat = setInterval(() => cnc.toDriver.setConsumerHeartbeatMs(Date.now() + 1), 50);
  t.after(() => clearInterval(beat));
  await rejectsWith(MediaDriver.launch(options), 'DRIVER_ACTIVE', 'process 4000000');
  clearInterval(beat);
  await launch(t, { ...options, driverTimeoutMs: 100 });
  cnc.close();
});

test('should start where something else was left', async (t) => {
  for (const content of [null, '', 'no driver wrote this', 'x'.repeat(5000)]) {
    const dir = freshDirectory(t);
    mkdirSync(dir);
    if (content !== null) writeFileSync(join(dir, 'cnc.dat'), content);
    const launching = MediaDriver.launch({ dir, threadingMode: 'INVOKER' });
    if (content?.startsWith('x')) {
      await rejectsWith(launching, 'DRIVER_DIRECTORY', `remove ${dir}`);
    } else {
      await (await launching).close();
    }
  }
});

test('should leave nothing behind when the transport cannot be opened', async (t) => {
  for (const threadingMode of ['INVOKER', 'SHARED_NETWORK'] as const) {
    const dir = freshDirectory(t);
    const options = {
      dir,
      threadingMode,
      transport: 'dpdk',
      dpdkLocalIpv4Address: { address: 0x0a000001, prefixLength: 24 },
      dpdkPortId: 99,
      ealArguments:
        '--no-huge --no-shconf --no-pci -m 64 --iova-mode=va --no-telemetry --log-level=critical'.split(' '),
    } as const;
    await assert.rejects(MediaDriver.launch(options), (error) => /^(DPDK|NATIVE)_/.test(codeOf(error)));
    assert.ok(!existsSync(dir));
  }
});

test('should leave nothing behind when a thread cannot be had as wanted', async (t) => {
  for (const options of [
    { threadingMode: 'SHARED_NETWORK', senderCpuAffinity: 255 },
    { threadingMode: 'SHARED_NETWORK', conductorCpuAffinity: 255 },
    { threadingMode: 'SHARED', sharedIdleStrategyInitArgs: 'a-b' },
    { threadingMode: 'SHARED_NETWORK', sharedNetworkIdleStrategyInitArgs: 'a-b' },
  ] as const) {
    const dir = freshDirectory(t);
    await assert.rejects(
      MediaDriver.launch({ dir, transport: 'none', ...options }),
      /CPU 255|arguments "a-b"/,
    );
    assert.ok(!existsSync(dir));
  }
});

test('should end when a client asks for it and may', async (t) => {
  for (const driverTerminationValidator of ['allow', 'deny'] as const) {
    const dir = freshDirectory(t);
    const driver = await launch(t, { dir, threadingMode: 'INVOKER', driverTerminationValidator });
    const cnc = CncFile.map(dir);
    const bytes = Buffer.alloc(64);
    const command = {
      type: 'terminateDriver',
      clientId: 1,
      correlationId: 2,
      token: Buffer.alloc(0),
    } as const;
    cnc.toDriver.write(commandTypeId(command), bytes, 0, encodeCommand(command, bytes));
    while (driver.doWork() > 0);
    const state = await Promise.race([
      driver.terminated.then(() => 'allow'),
      Promise.resolve().then(() => 'deny'),
    ]);
    assert.equal(state, driverTerminationValidator);
    cnc.close();
  }
});

test('should close itself and say why when the network thread fails', async (t) => {
  const dir = freshDirectory(t);
  const driver = await launch(t, { dir, threadingMode: 'SHARED_NETWORK' });
  const { network } = driver as unknown as { network: { worker: { terminate(): Promise<number> } } };
  await network.worker.terminate();
  await rejectsWith(driver.terminated, 'NETWORK_THREAD_FAILED', 'the network thread ended with exit code 1');
  const cnc = CncFile.map(dir);
  await until(() => cnc.toDriver.consumerHeartbeatMs() === -1);
  cnc.close();
});

test('should say that the network thread does not start, and which setting bounds the wait', async (t) => {
  const dir = freshDirectory(t);
  const modules = mkdtempSync('/dev/shm/aeron-bypass-test-');
  t.after(() => rmSync(modules, { recursive: true }));
  const module = join(modules, 'stalls.mjs');
  writeFileSync(
    module,
    `import { isMainThread } from 'node:worker_threads';
    if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    export function register() {}`,
  );
  const settings = { driverDynamicLibraries: [module], networkStartTimeoutNs: 300e6 };
  await rejectsWith(
    MediaDriver.launch({ dir, threadingMode: 'SHARED_NETWORK', ...settings }),
    'NETWORK_THREAD_FAILED',
    'the network thread did not start in 300 ms. If this machine needs longer, set aeron.network.start.timeout.',
  );
  assert.ok(!existsSync(dir));
});

test('should refuse settings that cannot work together', async (t) => {
  const dir = freshDirectory(t);
  await rejectsWith(MediaDriver.launch({ dir, mtuLength: 1000 }), 'CONFIGURATION', 'aeron.mtu.length=1000');
  assert.ok(!existsSync(dir));
});

test('should leave a directory alone that no driver made', async (t) => {
  const dir = freshDirectory(t);
  mkdirSync(dir);
  writeFileSync(join(dir, 'thesis.tex'), 'years of work');
  for (const dirDeleteOnStart of [false, true]) {
    const launched = MediaDriver.launch({ dir, threadingMode: 'INVOKER', dirDeleteOnStart });
    await rejectsWith(launched, 'DRIVER_DIRECTORY', `${dir} has thesis.tex in it and no cnc.dat`);
  }
  assert.deepEqual(readdirSync(dir), ['thesis.tex']);
  const file = join(dir, 'thesis.tex');
  await rejectsWith(MediaDriver.launch({ dir: file }), 'DRIVER_DIRECTORY', `${file} is no directory`);
});

test('should say which directory it cannot make', async () => {
  const launched = MediaDriver.launch({ dir: '/proc/aeron', threadingMode: 'INVOKER' });
  await rejectsWith(launched, 'DRIVER_DIRECTORY', 'the Aeron directory /proc/aeron cannot be made: ENOENT');
});

test('should refuse options that there are not, or of another type, before anything starts', async (t) => {
  const dir = freshDirectory(t);
  const cases: [Record<string, unknown>, string][] = [
    [
      { threadingmode: 'SHARED' },
      'threadingmode is not an option of the driver; did you mean threadingMode?',
    ],
    [{ colour: 'red' }, 'colour is not an option of the driver.'],
    [
      { threadingMode: 'FAST' },
      'threadingMode is "FAST"; expected one of DEDICATED, SHARED_NETWORK, SHARED, INVOKER',
    ],
    [{ mtuLength: '1408' }, 'mtuLength is "1408"; expected an integer'],
    [{ mtuLength: 1408.5 }, 'mtuLength is 1408.5; expected an integer'],
    [{ ealArguments: '--no-huge' }, 'ealArguments is "--no-huge"; expected an array of strings'],
    [
      { senderWildcardPortRange: { low: 9, high: 5 } },
      'senderWildcardPortRange is {"low":9,"high":5}; expected { low',
    ],
    [{ timerIntervalNs: Number.NaN }, 'timerIntervalNs is null; expected an integer'],
    [{ printConfiguration: 1 }, 'printConfiguration is 1; expected true or false'],
  ];
  for (const [options, text] of cases)
    await rejectsWith(MediaDriver.launch({ dir, ...options }), 'CONFIGURATION', text);
  assert.equal(existsSync(dir), false);
  const leftOut: object = { mtuLength: undefined };
  await launch(t, { dir, threadingMode: 'INVOKER', ...leftOut });
});

test('should have the system counters under their ids', async (t) => {
  const dir = freshDirectory(t);
  const driver = await launch(t, { dir, threadingMode: 'INVOKER' });
  const cnc = CncFile.map(dir);
  const counters = new CountersReader(cnc.countersMetadata, cnc.countersValues);
  const labels: string[] = [];
  counters.forEach(({ id, label, registrationId, ownerId, key }) => {
    assert.equal(registrationId, id);
    assert.equal(ownerId, -1);
    assert.equal(key.readInt32LE(0), id);
    labels.push(label);
  });
  assert.equal(labels.length, 46);
  assert.match(labels[15]!, /^Errors: version=\d+\.\d+\.\d+ commit=/);
  assert.equal(labels[26], 'Conductor max cycle time doing its work in ns: INVOKER');
  assert.equal(labels[27], 'Conductor work cycle exceeded threshold count: threshold=100ms INVOKER');
  assert.equal(counters.value(43), 65_536);
  assert.equal(counters.value(35), cnc.region.byteLength + 1024 * 1024);
  cnc.close();
  await driver.close();
});
