/**
 * Two drivers at the ends of one cable whose cards read messages from the logs themselves, through the IOMMU. Argument: how
 * many messages each way.
 */
import assert from 'node:assert/strict';
import { bindBySysfs } from './binding.ts';
import { CARD_A, CARD_B, step } from './lab.ts';
import { assertExchanged, type End, startSide } from './sides.ts';

const messages = Number(process.argv[2]);
const settings = ['-Daeron.dpdk.tx.zero.copy.threshold=256'];
const a: End = { wire: CARD_A, address: '10.7.0.1' };
const b: End = { wire: CARD_B, address: '10.7.0.2' };

await step('bind', () => {
  for (const card of [CARD_A, CARD_B]) bindBySysfs(card, 'vfio-pci');
});

await step(`exchange ${2 * messages} messages from the logs`, async () => {
  const sides = [startSide(a, b, messages, settings), startSide(b, a, messages, settings)];
  await assertExchanged(sides, messages);
  for (const { lines } of sides) {
    const count = Number(/^frames from the log: (\d+)$/m.exec(lines.join('\n'))?.[1]);
    assert.ok(count > messages / 4, `${count} frames were sent from the log`);
  }
});
