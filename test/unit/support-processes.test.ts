import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestProcess } from '../support/processes.ts';

function node(t: Parameters<typeof TestProcess.start>[0], script: string, deadlineMs = 20_000): TestProcess {
  return TestProcess.start(t, 'script', process.execPath, ['-e', script], { deadlineMs });
}

describe('a process of a test', () => {
  test('is waited for by a line, and by its success', async (t) => {
    const child = node(t, 'console.log("one"); console.log("two READY")');
    assert.equal(await child.waitForLine('READY'), 'two READY');
    assert.equal(await child.success(), 'one\ntwo READY');
  });

  test('that fails rejects with its output', async (t) => {
    await assert.rejects(
      node(t, 'console.error("no way"); process.exitCode = 3').success(),
      /no way[\s\S]*exit code 3/,
    );
  });

  test('that ends without the line rejects whoever waits for it', async (t) => {
    await assert.rejects(
      node(t, 'console.log("something else")').waitForLine('READY'),
      /ended before it printed/,
    );
  });

  test('is killed at its deadline', async (t) => {
    const child = node(t, 'setInterval(() => {}, 1000)', 300);
    assert.equal((await child.exited).signal, 'SIGKILL');
    await assert.rejects(child.success(), /ran out of time/);
  });

  test('that cannot be started says so', async (t) => {
    const child = TestProcess.start(t, 'nothing', '/no/such/program', [], { deadlineMs: 10_000 });
    await assert.rejects(child.success(), /cannot start/);
  });

  test('is gone after its test', async (t) => {
    let child: TestProcess | null = null;
    await t.test('which leaves it running', async (inner) => {
      child = node(inner, 'console.log("READY"); setInterval(() => {}, 1000)');
      await child.waitForLine('READY');
    });
    assert.throws(() => process.kill(child!.pid, 0), { code: 'ESRCH' });
  });
});
