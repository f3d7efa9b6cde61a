/** The commands on this machine as it is. None of them may change anything here: what changes something runs in a lab. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../bin/aeron-bypass.js', import.meta.url));

function nic(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, 'nic', ...args], { encoding: 'utf8', timeout: 60_000 });
}

function statePath(t: TestContext): string {
  const folder = mkdtempSync('/dev/shm/aeron-bypass-nic-');
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state/nic.json');
}

test('should list the cards of this machine, for people and for programs', () => {
  assert.equal(nic('list').status, 0);
  const { status, stdout, stderr } = nic('list', '--json');
  assert.equal(stderr, '');
  assert.equal(status, 0);
  const { cards } = JSON.parse(stdout);
  assert.ok(Array.isArray(cards));
  for (const { address, hazards, isSafe } of cards) {
    assert.equal(typeof address, 'string');
    assert.equal(isSafe, hazards.length === 0);
  }
});

test('should refuse a card that is not there in one sentence, and leave nothing behind', (t) => {
  const state = statePath(t);
  const { status, stdout, stderr } = nic('bind', '--dry-run', '--state', state, '0000:ff:1f.7');
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^aeron-bypass nic: NIC_NOT_FOUND: no network card is "0000:ff:1f\.7"\..*\n$/);
  assert.equal(existsSync(state), false);
});

test('should have nothing to restore where nothing was bound', (t) => {
  const { status, stdout } = nic('restore', '--dry-run', '--state', statePath(t));
  assert.equal(status, 0);
  assert.match(stdout, /records no card: nothing to give back/);
});

test('should say what is wrong with a command line, with exit code 2', () => {
  for (const [args, problem] of [
    [[], /a command is missing/],
    [['take'], /"take" is no command/],
    [['bind'], /expected one <card>/],
    [['bind', 'a', 'b'], /expected one <card>/],
    [['bind', '--driver', 'igb', 'eth9'], /--driver igb: expected one of vfio-pci/],
    [['unbind'], /expected one <card>/],
  ] as const) {
    const { status, stderr } = nic(...args);
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, problem);
  }
});
