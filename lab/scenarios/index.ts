import { checkCapture } from '../capture-check.ts';
import type { GuestOptions } from '../guest-machine.ts';
import type { Boot, Scenario } from '../scenario.ts';

function once(
  name: string,
  title: string,
  program: Boot['program'],
  options: Partial<GuestOptions> = {},
): Scenario {
  return { name, title, boots: [{ program, options }] };
}

/** Loses power before a change, or at the end when there are fewer, and starts again with what was on disk. */
function powerCut(part: 'bind' | 'restore', number: number, when: string): Scenario {
  return {
    name: `power-cut-${part}-${number}`,
    title: `power cut ${when}, next start: the card is back with its configuration`,
    boots: [
      { program: ['power-cut', part, String(number)], options: { cutAt: 'now' } },
      { program: ['power-cut', 'recover'], options: {} },
    ],
  };
}

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  once('cards', 'three cards, each in an IOMMU group of its own, reach each other through the kernel', [
    'cards',
  ]),
  once('exchange', 'drivers on two cards exchange 100,000 checked messages', ['exchange', 'dpdk', '50000']),
  once('exchange-kernel', 'a driver on a card and one on kernel sockets exchange 100,000 checked messages', [
    'exchange',
    'kernel',
    '50000',
  ]),
  once('exchange-jumbo', 'drivers on two cards exchange 20,000 checked messages in frames to 8,938 bytes', [
    'exchange',
    'dpdk',
    '10000',
    '-Daeron.dpdk.mtu=9000',
    '-Daeron.mtu.length=8896',
  ]),
  {
    ...once(
      'chain',
      'list, refuse, bind, exchange 100,000 messages, capture, kill -9, restart, restore',
      ['chain'],
      { limitSeconds: 900 },
    ),
    check: checkCapture,
  },
  once('half-way', 'each change of a bind fails once, and the card is back as it was', ['half-way']),
  once('nonsense', 'what is no card, or not bound, is refused', ['missing', 'sense']),
  once('no-iommu', 'no IOMMU: refused by name; uio_pci_generic works', ['missing', 'iommu'], {
    iommu: 'off',
  }),
  once('no-remapping', 'no interrupt remapping: the driver says so', ['missing', 'remapping'], {
    iommu: 'without interrupt remapping',
  }),
  once('no-hugepages', 'no hugepages: the driver says so', ['missing', 'hugepages'], { hugepages: 0 }),
  once('no-module', 'no vfio-pci: refused by name', ['missing', 'module'], { hiddenModules: ['vfio-pci'] }),
  powerCut('bind', 3, 'before the interface goes down'),
  powerCut('bind', 5, 'when no driver has the card'),
  powerCut('bind', 99, 'when the card is bound'),
  powerCut('restore', 4, 'half-way through restore'),
];
