/**
 * Runs the compiled tests with Node's own runner, a group after the other, and ends with one line for all of them.
 *
 *   node tools/test.mjs [group | part of a file name]…
 *
 * Without arguments: the groups of `npm test`. A test that skips itself says why. With CI=true a skip is a failure,
 * because that machine is meant to have everything, unless the reason starts with "nothing to test": the case cannot
 * occur there.
 */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { V8_CODE_FLAGS } = await import('../dist/src/util/v8-flags.js');
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const REPORTER = path.join(ROOT, 'tools/test-record.mjs');
const isCi = process.env.CI === 'true';

/**
 * Each file of `folders` runs in a process of its own, `concurrency` at once; none may take longer than
 * `timeoutSeconds`, nor the group longer than `deadlineMinutes`.
 */
const GROUPS = {
  unit: {
    folders: ['tidy', 'unit', 'property', 'fuzz'],
    concurrency: 2,
    timeoutSeconds: 120,
    deadlineMinutes: 8,
  },
  system: { folders: ['system'], concurrency: 1, timeoutSeconds: 240, deadlineMinutes: 12 },
  interop: {
    folders: ['interop'],
    concurrency: 1,
    timeoutSeconds: 900,
    deadlineMinutes: 35,
    prepare: buildOfficialPeers,
  },
  alloc: {
    folders: ['alloc'],
    concurrency: 1,
    timeoutSeconds: 180,
    deadlineMinutes: 8,
    nodeOptions: ['--expose-gc', ...V8_CODE_FLAGS],
  },
  speed: { folders: ['speed'], concurrency: 1, timeoutSeconds: 900, deadlineMinutes: 18 },
};
const DEFAULT_GROUPS = ['unit', 'system'];

/** Compiles the Java programs of the interoperability tests. Returns why it could not, or null. */
function buildOfficialPeers() {
  const folder = path.join(ROOT, 'test/interop/java');
  if (spawnSync('mvn', ['-version']).error !== undefined) {
    return 'Maven and a JDK 17 are missing (apt-get install maven openjdk-17-jdk-headless)';
  }
  console.log('interop: building the Java programs on the official Aeron library (mvn compile) …');
  const { status, stdout } = spawnSync('mvn', ['-q', '-B', 'compile'], { cwd: folder, encoding: 'utf8' });
  if (status === 0) return null;
  console.log(stdout);
  return 'Maven could not build test/interop/java, its output is above';
}

function testFiles(group, patterns) {
  const files = [];
  for (const folder of group.folders) {
    const compiled = path.join(ROOT, 'dist/test', folder);
    if (!fs.existsSync(compiled)) continue;
    for (const name of fs.readdirSync(compiled)) {
      if (name.endsWith('.test.js')) files.push(path.join('dist/test', folder, name));
    }
  }
  return patterns.length === 0 ? files : files.filter((file) => patterns.some((part) => file.includes(part)));
}

/** Runs one group. Resolves to its counts and the tests that skipped themselves. */
async function runGroup(name, patterns) {
  const group = GROUPS[name];
  const files = testFiles(group, patterns);
  if (files.length === 0) return { tests: 0, passed: 0, failed: 0, skipped: [], broken: null };
  const hindrance = group.prepare?.() ?? null;
  if (hindrance !== null) {
    return { tests: 0, passed: 0, failed: 0, skipped: [`all of ${name}: ${hindrance}`], broken: null };
  }

  const record = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'test-record-')), 'record.json');
  const args = [
    ...(group.nodeOptions ?? []),
    '--test',
    `--test-concurrency=${group.concurrency}`,
    `--test-timeout=${group.timeoutSeconds * 1000}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${REPORTER}`,
    `--test-reporter-destination=${record}`,
    ...files,
  ];
  console.log(`\n== ${name}: ${files.length} file${files.length === 1 ? '' : 's'} ==`);
  // A process group of its own, so that the deadline ends whatever the tests have started.
  const runner = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const end = (signal) => {
    try {
      process.kill(-runner.pid, signal);
    } catch {
      // Nothing is left to end.
    }
  };
  const onSignal = (signal) => {
    end(signal);
    process.exitCode = 1;
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  let broken = null;
  const deadline = setTimeout(() => {
    broken = `${name} did not end within ${group.deadlineMinutes} minutes`;
    end('SIGKILL');
  }, group.deadlineMinutes * 60_000);
  const [code, signal] = await new Promise((resolve) => runner.once('exit', (...result) => resolve(result)));
  clearTimeout(deadline);
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  end('SIGKILL');

  const result = fs.existsSync(record) ? fs.readFileSync(record, 'utf8') : '';
  fs.rmSync(path.dirname(record), { recursive: true });
  const counts = result === '' ? { tests: 0, passed: 0, failed: 0, skipped: [] } : JSON.parse(result);
  if (broken === null && code !== 0 && counts.failed === 0) {
    broken = `${name}: the runner ended with ${signal ?? `exit status ${code}`}`;
  }
  return { ...counts, broken };
}

async function main() {
  const words = process.argv.slice(2);
  const patterns = words.filter((word) => !(word in GROUPS));
  const named = words.filter((word) => word in GROUPS);
  const groups = named.length > 0 ? named : patterns.length > 0 ? Object.keys(GROUPS) : DEFAULT_GROUPS;

  const total = { tests: 0, passed: 0, failed: 0, skipped: [], broken: [] };
  for (const name of groups) {
    const result = await runGroup(name, patterns);
    total.tests += result.tests;
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped.push(...result.skipped);
    if (result.broken !== null) total.broken.push(result.broken);
  }

  console.log('');
  for (const reason of total.skipped) console.log(`skipped: ${reason}`);
  for (const reason of total.broken) console.log(`broken: ${reason}`);
  const isNothingRun = total.tests === 0 && total.skipped.length === 0;
  if (isNothingRun) console.log(`no test matches: ${words.join(' ') || groups.join(' ')}`);
  const lacking = total.skipped.filter((reason) => !reason.includes(': nothing to test'));
  if (isCi && lacking.length > 0) console.log('With CI=true nothing that could run may be skipped.');
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
  const isBad = total.failed > 0 || total.broken.length > 0 || isNothingRun || (isCi && lacking.length > 0);
  if (isBad) process.exitCode = 1;
}

await main();
