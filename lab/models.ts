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
}

export const MODELS: readonly CardModel[] = [
  {
    name: 'virtio-net',
    device: 'virtio-net-pci',
    iommuOptions: ',disable-legacy=on,iommu_platform=on',
    kernelDriver: 'virtio-pci',
  },
  { name: 'e1000e', device: 'e1000e', iommuOptions: '', kernelDriver: 'e1000e' },
  { name: 'igb', device: 'igb', iommuOptions: '', kernelDriver: 'igb' },
  { name: 'vmxnet3', device: 'vmxnet3', iommuOptions: '', kernelDriver: 'vmxnet3' },
  { name: 'e1000', device: 'e1000', iommuOptions: '', kernelDriver: 'e1000' },
];

/** Why there is no such card here, or `''`. */
export function modelMissing(model: CardModel, files: LabFiles): string {
  return files.devices.has(model.device)
    ? ''
    : `${files.qemu} has no ${model.device}; a newer one may (--qemu)`;
}
