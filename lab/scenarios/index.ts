import { checkCapture, checkTapCapture } from '../capture-check.ts';
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

/** What others show too, or much the same as others. */
function onRequest(scenario: Scenario): Scenario {
  return { ...scenario, isOnRequest: true };
}

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  onRequest(
    once('cards', 'three cards, each in an IOMMU group of its own, reach each other through the kernel', [
      'cards',
    ]),
  ),
  onRequest(
    once('exchange', 'drivers on two cards exchange 100,000 checked messages', ['exchange', 'dpdk', '50000']),
  ),
  onRequest(
    once(
      'exchange-kernel',
      'a driver on a card and one on kernel sockets exchange 100,000 checked messages',
      ['exchange', 'kernel', '50000'],
    ),
  ),
  onRequest(
    once('exchange-jumbo', 'drivers on two cards exchange 20,000 checked messages in frames to 8,938 bytes', [
      'exchange',
      'dpdk',
      '10000',
      '-Daeron.dpdk.mtu=9000',
      '-Daeron.mtu.length=8896',
    ]),
  ),
  {
    ...once(
      'chain',
      'list, refuse, bind, exchange 100,000 messages, capture, kill -9, restart, restore',
      ['chain'],
      { limitSeconds: 900 },
    ),
    check: checkCapture,
  },
  {
    ...once(
      'tap-through',
      'one card for the driver and the kernel: TCP and ping pass beside 60,000 messages, captured',
      ['tap-through'],
    ),
    check: checkTapCapture,
  },
  {
    ...once(
      'systemd',
      'the units: card taken, driver without root, kill -9, started again, stopped, card back',
      ['systemd'],
      { hasSystemd: true },
    ),
    needs: '/usr/lib/systemd/systemd',
  },
  once(
    'rx-interrupts',
    'a driver that sleeps until the card has a frame: messages arrive before the sleep ends, and its core rests',
    ['rx-interrupts', '900'],
  ),
  {
    ...once('zero-copy', 'the cards read 40,000 messages from the logs, through the IOMMU', [
      'zero-copy',
      '20000',
    ]),
    // QEMU's other models drop what crosses a page behind an IOMMU.
    models: ['virtio-net', 'e1000'],
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
  onRequest(powerCut('bind', 3, 'before the interface goes down')),
  powerCut('bind', 5, 'when no driver has the card'),
  onRequest(powerCut('bind', 99, 'when the card is bound')),
  onRequest(powerCut('restore', 4, 'half-way through restore')),
];
