/** The harness of the benchmark, with sides that are a few lines each. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Contestant, SideRun } from '../../bench/contestant.ts';
import { sideArguments } from '../../bench/contestant.ts';
import { type Run, runOnce } from '../../bench/run.ts';
import { WORKLOADS } from '../../bench/workloads.ts';
import { until } from '../support/until.ts';

const COUNTER = `
  console.log('EAL: a library that talks');
  console.log('{"event":"ready"}');
  console.log('{"event":"window"}');
  setTimeout(() => console.log('{"event":"result","messages":10,"elapsedNs":5,"lost":0}'), 50);
  setInterval(() => {}, 1000);`;
const PUBLISHER = `console.log('{"event":"ready"}'); setInterval(() => {}, 1000);`;

/** Remembers what its sides were asked for. */
function contestant(publisher: string, counter: string): Contestant & { readonly asked: SideRun[] } {
  const asked: SideRun[] = [];
  return {
    name: 'fake',
    title: 'Fake',
    note: 'Counts nothing.',
    asked,
    build: async () => {},
    supports: () => true,
    version: async () => '1',
    command: (run) => {
      asked.push(run);
      return { file: process.execPath, args: ['-e', run.role === 'publish' ? publisher : counter] };
    },
  };
}

const STREAM = WORKLOADS.find(({ name }) => name === 'throughput-288')!;

function run(fake: Contestant): Promise<Run> {
  return runOnce(fake, STREAM, 3, false);
}

test('should hand on what the counting side measured, and what both used', async () => {
  const fake = contestant(PUBLISHER, COUNTER);
  const { failure, measured, round, commands } = await run(fake);
  assert.equal(failure, '');
  assert.equal(round, 3);
  assert.equal(commands.length, 2);
  assert.deepEqual([measured?.messages, measured?.elapsedNs, measured?.gcCount], [10, 5, undefined]);
  assert.ok(measured!.usage.every(({ residentBytes }) => residentBytes > 1e6));
  assert.ok(measured!.windowMs >= measured!.readyMs);
});

test('should give either side its role, one empty folder and different ports, and remove the folder', async () => {
  const fake = contestant(PUBLISHER, COUNTER);
  await run(fake);
  const [publisher, counter] = fake.asked;
  assert.deepEqual([publisher!.role, publisher!.side, publisher!.cpu], ['publish', 0, 0]);
  assert.deepEqual([counter!.role, counter!.side, counter!.cpu], ['count', 1, 1]);
  assert.equal(publisher!.folder, counter!.folder);
  assert.notEqual(publisher!.ports[0], publisher!.ports[1]);
  assert.equal(existsSync(publisher!.folder), false);
  assert.ok(sideArguments(counter!).includes(`ports=${counter!.ports[0]},${counter!.ports[1]}`));
});

test('should count the collections of both sides that began within the window, told after it, too', async () => {
  const collectionsAt1200Ms = (toldMs: number) => `
    setTimeout(() => {
      for (const agoMs of [60_000, ${toldMs - 1200}, ${toldMs - 1201}])
        console.log(JSON.stringify({ event: 'gc', epochMs: Date.now() - agoMs }));
    }, ${toldMs});`;
  const ready = '{"event":"ready","reportsCollections":true}';
  const publisher = `console.log('${ready}');${collectionsAt1200Ms(2400)}`;
  const counter = `
    console.log('${ready}');
    setTimeout(() => console.log('{"event":"window"}'), 300);
    setTimeout(() => console.log('{"event":"result","messages":10,"elapsedNs":5,"lost":0}'), 2300);
    setInterval(() => {}, 1000);${collectionsAt1200Ms(1300)}`;
  const { measured, failure } = await run(contestant(`${publisher} setInterval(() => {}, 1000);`, counter));
  assert.equal(failure, '');
  assert.equal(measured!.gcCount, 4);
});

test('should say what a side wrote when it ends early, whichever it is', async () => {
  const broken = `console.log('{"event":"ready"}'); console.error('no such device'); process.exitCode = 7;`;
  const waiting = `console.log('{"event":"ready"}'); setInterval(() => {}, 1000);`;
  for (const fake of [contestant(PUBLISHER, broken), contestant(broken, waiting)]) {
    const { failure, measured } = await run(fake);
    assert.equal(measured, null);
    assert.match(failure, /exit code 7.*no such device/s);
    assert.equal(existsSync(fake.asked[0]!.folder), false);
  }
});

test('should fail a run whose program is not there', async () => {
  const fake: Contestant = { ...contestant('', ''), command: () => ({ file: '/nowhere/side', args: [] }) };
  const { failure } = await run(fake);
  assert.match(failure, /nowhere/);
});

test('should leave no process behind, though a side ignores being asked and has started others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-run-'));
  const note = join(folder, 'pids');
  const stubborn = `
    process.on('SIGTERM', () => {});
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    require('node:fs').writeFileSync('${note}', process.pid + ' ' + child.pid);${PUBLISHER}`;
  const { failure } = await run(contestant(stubborn, COUNTER));
  assert.equal(failure, '');
  for (const pid of readFileSync(note, 'utf8').split(' ')) {
    // A killed process may take a moment to go.
    await until(() => !isRunning(Number(pid)), `the end of process ${pid}`, 5000);
  }
  rmSync(folder, { recursive: true });
});

/** A process that nobody has waited for yet is none. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
