/** What a machine lacks is named in a sentence, and nothing changes. Argument: which. */
import assert from 'node:assert/strict';
import { CARD_A, CARD_B, driverOf, step } from './lab.ts';
import { aeronBypass, configurationOf, configure, nic, nicRefused, refused } from './nic.ts';
import { exchange } from './sides.ts';

configure();
const before = [CARD_A, CARD_B].map(configurationOf);

function unchanged(): void {
  assert.deepEqual([CARD_A, CARD_B].map(configurationOf), before);
}

/** Starts a driver that is to fail. */
function driverRefused(why: RegExp): void {
  // With one thread nobody waits for another's start, which takes long here.
  const settings = ['-Daeron.dpdk.local.ipv4.address=10.7.0.1/24', '-Daeron.threading.mode=SHARED'];
  refused(why, aeronBypass('driver', '-a', CARD_A, '--', ...settings));
}

const CASES: Readonly<Record<string, () => Promise<void>>> = {
  iommu: async () => {
    await step('nic bind says that there is no IOMMU, and changes nothing', () => {
      nicRefused(/IOMMU/, 'bind', CARD_A);
      unchanged();
    });
    await step('a kernel that cannot do without is named, and the card is back', () => {
      nicRefused(/CONFIG_VFIO_NOIOMMU/, 'bind', CARD_A, '--no-iommu');
      unchanged();
    });
    await step('uio_pci_generic takes the cards, and drivers use them', async () => {
      nic('bind', CARD_A, '--driver', 'uio_pci_generic');
      nic('bind', CARD_B, '--driver', 'uio_pci_generic');
      await exchange({ wire: CARD_A, address: '10.7.0.1' }, { wire: CARD_B, address: '10.7.0.2' }, 2_000);
    });
  },
  remapping: async () => {
    await step('a driver says why its card is missing', () => {
      nic('bind', CARD_A);
      driverRefused(/interrupt remapping/);
    });
  },
  hugepages: async () => {
    await step('a driver says that there are no hugepages', () => {
      nic('bind', CARD_A);
      driverRefused(/hugepages/);
    });
  },
  module: async () => {
    await step('nic bind says that there is no module, and changes nothing', () => {
      nicRefused(/vfio-pci/, 'bind', CARD_A);
      unchanged();
    });
  },
  sense: async () => {
    await step('nic bind refuses what is no card, and changes nothing', () => {
      for (const word of ['0000:09:00.0', 'lo']) nicRefused(/NIC_NOT_FOUND/, 'bind', word);
      unchanged();
    });
    await step('a driver says that its card is not bound', () => {
      driverRefused(/DPDK_NO_PORT/);
      unchanged();
    });
  },
};

await CASES[process.argv[2]!]!();
await step('nic restore gives every card back as it was', () => {
  nic('restore');
  unchanged();
  assert.notEqual(driverOf(CARD_A), 'vfio-pci');
});
