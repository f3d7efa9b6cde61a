import { readIommuGroups } from '../../host/iommu-group.ts';
import { readModuleParameter, readModuleState } from '../../host/kernel-module.ts';
import { type Check, type Finding, ok, type Patient, problem, warning } from '../finding.ts';

/** Whether cards can be handed to a program, and whether they can then reach only its memory. */
export const iommu: Check = {
  name: 'IOMMU and VFIO',
  run: (patient) => {
    const { wantsDpdk, chosenCards } = patient;
    const isNeeded = chosenCards.some(({ dpdkDriver }) => dpdkDriver?.path !== 'bifurcated');
    if (!wantsDpdk || !isNeeded) return [];
    return [groups(patient), vfio(patient), ...chosenCards.flatMap((card) => fellows(card))];
  },
};

function groups({ host }: Patient): Finding {
  const count = readIommuGroups(host).length;
  if (count > 0) return ok(`the IOMMU is on: ${count} groups`);
  const noIommu = readModuleParameter(host, 'vfio', 'enable_unsafe_noiommu_mode');
  if (noIommu === 'Y' || noIommu === '1') {
    return warning(
      'there is no IOMMU, and VFIO is told to do without',
      'a card, or whoever makes it misbehave, can write to all of memory',
      'switch the IOMMU on in the firmware and with intel_iommu=on or amd_iommu=on; on cloud machines there may be none',
    );
  }
  return warning(
    'there is no IOMMU',
    'vfio-pci refuses cards without one',
    "switch it on in the firmware and with intel_iommu=on or amd_iommu=on on the kernel's command line; where there is none, " +
      '"aeron-bypass nic bind --no-iommu", or uio_pci_generic',
  );
}

function vfio({ host }: Patient): Finding {
  const state = readModuleState(host, 'vfio-pci');
  if (state === 'loaded') return ok('vfio-pci is loaded');
  if (state === 'missing') {
    return problem(
      'the kernel has no module vfio-pci',
      'nothing can hand a card to DPDK',
      "install the package with this kernel's extra modules, or use a kernel that has VFIO",
    );
  }
  return warning('vfio-pci is not loaded', 'a card cannot be bound to it', 'modprobe vfio-pci', {
    text: 'modprobe vfio-pci',
    apply: (machine) => {
      const { status, stderr } = machine.run('modprobe', ['vfio-pci']);
      if (status !== 0) throw new Error(stderr);
    },
  });
}

function fellows({ address, groupFellows, iommuGroup }: Patient['chosenCards'][number]): Finding[] {
  if (groupFellows.length === 0) return [];
  return [
    warning(
      `${address} shares IOMMU group ${iommuGroup} with ${groupFellows.join(', ')}`,
      'all of a group must be handed over, or the card stays out of reach: DPDK then shows no port and no error',
      'bind them all, or use a slot whose root port isolates (ACS)',
    ),
  ];
}
