import type { Scenario } from '../scenario.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'cards',
    title: 'three cards of the model, each in an IOMMU group of its own, reach each other through the kernel',
    boots: [{ program: ['cards'], options: {} }],
  },
  {
    name: 'exchange',
    title: 'drivers on two cards by DPDK exchange 100,000 checked messages',
    boots: [{ program: ['exchange', 'dpdk'], options: {} }],
  },
  {
    name: 'exchange-kernel',
    title: 'a driver on a card by DPDK and one on kernel sockets exchange 100,000 checked messages',
    boots: [{ program: ['exchange', 'kernel'], options: {} }],
  },
];
