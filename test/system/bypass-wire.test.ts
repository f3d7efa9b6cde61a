import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import { TestProcess } from '../support/processes.ts';

const SIDE = new URL('../support/bypass-wire-side.js', import.meta.url).pathname;

interface SideResult {
  readonly received: number;
  readonly lost: number;
  readonly corrupt: number;
  readonly statistics: Record<string, number>;
}

function makeSocketPath(t: TestContext): string {
  const folder = mkdtempSync('/dev/shm/bypass-wire-');
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'wire.sock');
}

function startSide(t: TestContext, role: 'a' | 'b', socketPath: string): TestProcess {
  return TestProcess.start(t, `side ${role}`, process.execPath, [SIDE, role, socketPath, 'false'], {
    deadlineMs: 60_000,
  });
}

/** Resolves when something has made the file. */
async function fileAppears(path: string): Promise<void> {
  const changes = watch(dirname(path), { signal: AbortSignal.timeout(30_000) });
  if (existsSync(path)) return;
  for await (const _ of changes) {
    if (existsSync(path)) return;
  }
}

async function finish(side: TestProcess): Promise<SideResult> {
  side.kill('SIGTERM');
  const output = await side.success();
  return JSON.parse(output.split('\n').findLast((line) => line.startsWith('{'))!) as SideResult;
}

describe('a shared-memory wire between two processes', { skip: SKIP_WITHOUT_DPDK }, () => {
  for (const first of ['a', 'b'] as const) {
    test(`carries every datagram both ways, unchanged and in order (${first} starts first)`, async (t) => {
      const socketPath = makeSocketPath(t);
      const second = first === 'a' ? 'b' : 'a';
      const sides = [startSide(t, first, socketPath)];
      // Side b is ready without a; a listens, and waits for b.
      await (first === 'b' ? sides[0]!.waitForLine('ready') : fileAppears(socketPath));
      sides.push(startSide(t, second, socketPath));
      await Promise.all(sides.map((side) => side.waitForLine('received 200000')));
      for (const result of await Promise.all(sides.map(finish))) {
        assert.equal(result.lost, 0);
        assert.equal(result.corrupt, 0);
        assert.equal(result.statistics['net.udpChecksumWrong'], 0);
      }
    });
  }

  for (const victim of ['a', 'b'] as const) {
    test(`survives the end of a side amid a burst and its return (${victim} is killed)`, async (t) => {
      const socketPath = makeSocketPath(t);
      const survivor = startSide(t, victim === 'a' ? 'b' : 'a', socketPath);
      for (let round = 1; round <= 3; round++) {
        const side = startSide(t, victim, socketPath);
        await survivor.waitForLine(`flow #${round}`);
        side.kill('SIGKILL');
        await survivor.waitForLine(`link down #${round}`);
        assert.deepEqual(await side.exited, { code: null, signal: 'SIGKILL' });
      }
      const { corrupt } = await finish(survivor);
      assert.equal(corrupt, 0);
    });
  }
});
