import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import { NicState } from '../../src/nic/nic-state.ts';
import { virtualMachine } from '../support/fake-machines.ts';
import { binderOn, statePathOf, USUAL } from '../support/nic-bench.ts';

/** The text of a state file with one card in it. */
async function boundState(t: TestContext): Promise<{ path: string; text: string }> {
  const machine = virtualMachine(t);
  await binderOn(machine).binder.bind('eth1', USUAL);
  const path = statePathOf(machine);
  return { path, text: readFileSync(path, 'utf8') };
}

test('should load what it saved', async (t) => {
  const { path, text } = await boundState(t);
  const state = new NicState(path);
  state.load();
  state.save();
  assert.equal(readFileSync(path, 'utf8'), text);
  assert.equal(existsSync(`${path}.new`), false);
  assert.equal(state.find('0000:00:04.0'), state.bindings[0]);
  assert.equal(state.find('0000:00:03.0'), null);
});

test('should refuse a state file that would give the kernel something else than names and numbers', async (t) => {
  const { path, text } = await boundState(t);
  const changes: [string, string][] = [
    ['"version": 1', '"version": 2'],
    ['"driver": "vfio-pci"', '"driver": "../../../etc/passwd"'],
    ['"driver": "vfio-pci"', '"driver": "-r"'],
    ['"bus": "pci"', '"bus": "../.."'],
    ['"address": "0000:00:04.0"', '"address": "../04.0"'],
    ['"kernelDriver": "virtio-pci"', '"kernelDriver": "a/b"'],
    ['"name": "eth1"', '"name": "-all"'],
    ['"mtu": 9000', '"mtu": "9000; reboot"'],
    ['"master": null', '"master": "-x y"'],
    ['"address": "10.0.0.5"', '"address": "host.example"'],
    ['"prefixLength": 24', '"prefixLength": "24"'],
    ['"gateway": "10.0.0.1"', '"gateway": "--help"'],
    ['"metric": 50', '"metric": "-1 x"'],
    ['"table": "main"', '"table": "-f"'],
    ['"startedSteps": 5', '"startedSteps": -1'],
    ['"cards": [', '"cards": 7, "x": ['],
    ['"bindings": [', '"bindings": null, "x": ['],
  ];
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), from);
    writeFileSync(path, text.replace(from, to));
    assert.throws(() => new NicState(path).load(), { code: 'NIC_STATE' }, to);
  }
  for (const broken of ['', 'null', '[]', text.slice(0, -20)]) {
    writeFileSync(path, broken);
    assert.throws(() => new NicState(path).load(), { code: 'NIC_STATE', message: /nic\.json is no record/ });
  }
});

test('should let one process at a time change it, and take over from one that died', (t) => {
  const path = statePathOf(virtualMachine(t));
  const state = new NicState(path);
  state.lock(process.pid);
  assert.throws(() => new NicState(path).lock(1), {
    code: 'NIC_BUSY',
    message: new RegExp(`process ${process.pid} `),
  });
  state.unlock();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.lock`, '999999999\n');
  state.lock(process.pid);
  assert.equal(readFileSync(`${path}.lock`, 'utf8').trim(), String(process.pid));
  state.unlock();
  assert.equal(existsSync(`${path}.lock`), false);
});
