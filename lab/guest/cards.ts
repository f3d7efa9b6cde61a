/** The lab itself: three cards, two on one cable, as the kernel sees them. */
import assert from 'node:assert/strict';
import {
  CARD_A,
  CARD_B,
  driverOf,
  interfaceOf,
  iommuGroupOf,
  KERNEL_DRIVER,
  MANAGEMENT,
  ping,
  run,
  step,
} from './lab.ts';

const CARDS = [CARD_A, CARD_B, MANAGEMENT];

await step('the kernel drives three cards', () => {
  assert.deepEqual(
    CARDS.map(driverOf),
    CARDS.map(() => KERNEL_DRIVER),
  );
  assert.equal(new Set(CARDS.map(interfaceOf)).size, 3);
});

await step('each card has its own IOMMU group', () => {
  assert.equal(new Set(CARDS.map(iommuGroupOf).filter((group) => group !== '')).size, 3);
});

await step('ping from card to card', () => {
  const [a, b] = [interfaceOf(CARD_A), interfaceOf(CARD_B)];
  run('ip', 'netns', 'add', 'b');
  run('ip', 'link', 'set', b, 'netns', 'b');
  run('ip', 'address', 'add', '10.0.0.1/24', 'dev', a);
  run('ip', '-n', 'b', 'address', 'add', '10.0.0.2/24', 'dev', b);
  run('ip', 'link', 'set', a, 'up');
  run('ip', '-n', 'b', 'link', 'set', b, 'up');
  ping('10.0.0.2');
});
