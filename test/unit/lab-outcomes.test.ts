/** What the lab takes for passed, failed and broken, with a shell script for QEMU. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ORDINARY, type Outcome, runGuest } from '../../lab/guest-machine.ts';
import { MODELS, modelMissing } from '../../lab/models.ts';

const SKIP = process.platform === 'linux' ? false : 'nothing to test: guests are ended with Linux means';

interface Try {
  /** What the script does in the folder of results. */
  readonly script: string;
  readonly cutAt?: string;
  readonly limitSeconds?: number;
}

async function outcomeOf(t: TestContext, { script, ...options }: Try): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'lab-outcomes-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const qemu = join(folder, 'qemu');
  writeFileSync(qemu, `#!/bin/sh\ncd ${folder}\n${script}\n`, { mode: 0o755 });
  const files = {
    qemu,
    env: process.env,
    dataFolders: [],
    kernel: 'kernel',
    initrd: 'initrd',
    devices: new Set(['e1000e']),
  };
  const lines: string[] = [];
  const outcome = await runGuest(files, MODELS[0]!, ['true'], folder, { ...ORDINARY, ...options }, (line) =>
    lines.push(line),
  );
  for (const line of lines) assert.ok(readFileSync(join(folder, 'console.log'), 'utf8').includes(line));
  return outcome;
}

describe('a guest', { skip: SKIP }, () => {
  test('passed when it says so in both ways', async (t) => {
    assert.deepEqual(await outcomeOf(t, { script: 'echo 0 >status; exit 33' }), {
      kind: 'passed',
      reason: '',
    });
  });

  test('failed with the reason it left, or its status', async (t) => {
    const script = 'echo 3 >status; exit 35';
    assert.deepEqual(await outcomeOf(t, { script }), { kind: 'failed', reason: 'ended with status 3' });
    const withReason = `echo no card >failure; ${script}`;
    assert.deepEqual(await outcomeOf(t, { script: withReason }), { kind: 'failed', reason: 'no card' });
  });

  for (const [what, script] of Object.entries({
    'QEMU fails to start': 'echo bad option >&2; exit 1',
    'QEMU crashes': 'kill -SEGV $$',
    'the kernel panics and resets': 'exit 0',
    'the guest never comes up': 'echo LAB-BROKEN: no overlay; exit 37',
    'its end is a pass and its status is missing': 'exit 33',
    'its end is a pass and its status is not': 'echo 1 >status; exit 33',
  })) {
    test(`is broken, and did not pass, when ${what}`, async (t) => {
      assert.equal((await outcomeOf(t, { script })).kind, 'broken');
    });
  }

  test('is killed when its time is over', async (t) => {
    const outcome = await outcomeOf(t, { script: 'echo still here; exec sleep 60', limitSeconds: 1 });
    assert.deepEqual(outcome, { kind: 'timeout', reason: 'not done after 1 s; last line: still here' });
  });

  test('loses power where it is to', async (t) => {
    const script = 'echo LAB-CUT: elsewhere; echo LAB-CUT: here; exec sleep 60';
    assert.deepEqual(await outcomeOf(t, { script, cutAt: 'here' }), { kind: 'cut', reason: '' });
  });
});

test('a model that QEMU does not have is missing, with the reason', () => {
  const files = {
    qemu: 'qemu',
    env: {},
    dataFolders: [],
    kernel: '',
    initrd: '',
    devices: new Set(['e1000e']),
  };
  const missing = MODELS.filter((model) => modelMissing(model, files) !== '').map(({ name }) => name);
  assert.deepEqual(missing, ['virtio-net', 'igb', 'vmxnet3', 'e1000']);
});
