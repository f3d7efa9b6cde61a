/**
 * Argument `bind N` or `restore N`: loses power before the Nth change of the one or the other. `recover`: the start after
 * that, with what was left on disk.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { Host } from '../../src/host/host.ts';
import { binderOn, PLAIN } from './binder.ts';
import { FaultyHost } from './faulty-host.ts';
import { CARD_A, OUT, step } from './lab.ts';
import { configurationOf, configure, nic } from './nic.ts';

const BEFORE = `${OUT}/before.json`;
const [part, number] = process.argv.slice(2);

/** The harness reads the console, and never lets this go on. */
function losePower(): void {
  fs.writeSync(1, 'LAB-CUT: now\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const cutting = new FaultyHost((count) => {
  if (count === Number(number)) losePower();
});

if (part === 'recover') {
  const before = JSON.parse(fs.readFileSync(BEFORE, 'utf8')) as object;
  await step('nic restore after the power cut brings the configuration back', () => {
    nic('restore');
    assert.deepEqual(configurationOf(CARD_A), before);
  });
  await step('nothing is recorded any more, and the card can be bound', () => {
    assert.match(nic('restore'), /nothing to give back/);
    nic('bind', CARD_A);
    nic('unbind', CARD_A);
    assert.deepEqual(configurationOf(CARD_A), before);
  });
} else {
  configure();
  fs.writeFileSync(BEFORE, JSON.stringify(configurationOf(CARD_A)));
  await binderOn(part === 'bind' ? cutting : new Host()).bind(CARD_A, PLAIN);
  if (part === 'restore') await binderOn(cutting).restore([]);
  // All was done: the power goes afterwards.
  losePower();
}
