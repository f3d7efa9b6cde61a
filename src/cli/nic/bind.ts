import { type Command, defineCommand, UsageError } from '../command.ts';
import { BINDER_OPTIONS, CARD_WORD, withBinder } from './binder.ts';

const DRIVERS = ['vfio-pci', 'igb_uio', 'uio_pci_generic'];

export const bind: Command = defineCommand({
  usage: 'nic bind [options] <card>',
  about: `Takes a card from the kernel and hands it to DPDK; <card> is a PCI address or the name of an interface. What the
card was like is recorded first, for "nic restore". Refuses a card that carries the default route, the connection
you came by, or a part of a bond or bridge. When a step fails the card is back with its kernel driver.`,
  options: {
    driver: {
      type: 'text',
      value: 'name',
      help: `${DRIVERS.join(', ')} (default: vfio-pci; uio_hv_generic on VMBus)`,
    },
    force: { type: 'flag', short: 'f', help: 'take it though something speaks against it' },
    group: { type: 'flag', help: 'take all of its IOMMU group' },
    'no-iommu': {
      type: 'flag',
      help: 'let vfio-pci do without an IOMMU: the card can write anywhere in memory',
    },
    ...BINDER_OPTIONS,
  },
  examples: [
    'aeron-bypass nic bind --dry-run eth1',
    'aeron-bypass nic bind 0000:01:00.0',
    'aeron-bypass nic bind 0000:00:06.0 --no-iommu',
  ],
  takesWords: true,
  run: async (values, words) => {
    const { driver, force, group } = values;
    const [card] = words;
    if (card === undefined || words.length > 1) throw new UsageError(`expected one ${CARD_WORD}`);
    if (driver !== null && !DRIVERS.includes(driver)) {
      throw new UsageError(`--driver ${driver}: expected one of ${DRIVERS.join(', ')}`);
    }
    const noIommu = values['no-iommu'];
    return withBinder(values, (binder) => binder.bind(card, { driver, force, group, noIommu }));
  },
});
