import type { Scenario } from '../scenario.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'cards',
    title: 'three cards of the model, each in an IOMMU group of its own, reach each other through the kernel',
    boots: [{ program: ['cards'], options: {} }],
  },
];
