/** Every change that binding a card takes fails once: each time the card is back, as it was. */
import assert from 'node:assert/strict';
import { messageOf } from '../../src/util/errors.ts';
import { binderOn, PLAIN } from './binder.ts';
import { FaultyHost } from './faulty-host.ts';
import { CARD_A, driverOf, say, step } from './lab.ts';
import { configurationOf, configure, nic } from './nic.ts';

configure();
const before = configurationOf(CARD_A);

/** Binds with the change of this number failing. Returns what failed, `''` when there is no such change. */
async function bindFailingAt(number: number): Promise<string> {
  let failed = '';
  const host = new FaultyHost((count, what) => {
    if (count !== number) return;
    failed = what;
    throw Object.assign(new Error(`EIO: injected, ${what}`), { code: 'EIO' });
  });
  try {
    await binderOn(host).bind(CARD_A, PLAIN);
    assert.equal(failed, '', `bind went on when "${failed}" had failed`);
  } catch (error) {
    say(messageOf(error));
    assert.match(messageOf(error), /Everything is as it was\.$/);
  }
  return failed;
}

await step('a bind that fails at any change leaves everything as it was', async () => {
  let number = 1;
  for (; ; number++) {
    const failed = await bindFailingAt(number);
    if (failed === '') break;
    say(`failed: ${failed}`);
    assert.deepEqual(configurationOf(CARD_A), before, failed);
  }
  assert.ok(number > 4, `only ${number - 1} changes`);
  assert.equal(driverOf(CARD_A), 'vfio-pci');
});

await step('and the one that did not fail is given back', () => {
  nic('restore');
  assert.deepEqual(configurationOf(CARD_A), before);
});
