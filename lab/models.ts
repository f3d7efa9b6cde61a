import type { LabFiles } from './cache.ts';

/** A model of network card that QEMU emulates. */
export interface CardModel {
  readonly name: string;
  /** What QEMU calls it. */
  readonly device: string;
  /** What it takes for the card to go through the IOMMU. */
  readonly iommuOptions: string;
  /** The kernel's driver. */
  readonly kernelDriver: string;
  /** The kind that its RX interrupts take (EAL's `--vfio-intr`), where the one that EAL chooses wakes nobody. */
  readonly interruptKind?: 'msi' | 'legacy';
}

export const MODELS: readonly CardModel[] = [
  {
    name: 'virtio-net',
    device: 'virtio-net-pci',
    iommuOptions: ',disable-legacy=on,iommu_platform=on',
    kernelDriver: 'virtio-pci',
  },
  // EAL chooses MSI-X, and DPDK's driver of this card gives its RX queue no vector.
  { name: 'e1000e', device: 'e1000e', iommuOptions: '', kernelDriver: 'e1000e', interruptKind: 'msi' },
  { name: 'igb', device: 'igb', iommuOptions: '', kernelDriver: 'igb' },
  { name: 'vmxnet3', device: 'vmxnet3', iommuOptions: '', kernelDriver: 'vmxnet3' },
  // EAL chooses MSI-X without looking whether there is any: VFIO says that it has 0 vectors.
  { name: 'e1000', device: 'e1000', iommuOptions: '', kernelDriver: 'e1000', interruptKind: 'legacy' },
];

/** Why there is no such card here, or `''`. */
export function modelMissing(model: CardModel, files: LabFiles): string {
  return files.devices.has(model.device)
    ? ''
    : `${files.qemu} has no ${model.device}; a newer one may (--qemu)`;
}
