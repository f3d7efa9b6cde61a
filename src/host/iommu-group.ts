import type { Host } from './host.ts';

/** Devices that the IOMMU cannot tell apart: VFIO takes all of them or none. */
export interface IommuGroup {
  readonly id: number;
  /** How the kernel translates for it: `DMA`, `DMA-FQ`, `identity`, or null when it does not say. */
  readonly type: string | null;
  /** Whether VFIO made it up for a device without an IOMMU. */
  readonly isNoIommu: boolean;
  /** PCI addresses of its members, by address. */
  readonly devices: readonly string[];
}

const GROUPS = '/sys/kernel/iommu_groups';

/** Every group; none where no IOMMU is switched on. */
export function readIommuGroups(host: Host): IommuGroup[] {
  return host
    .names(GROUPS)
    .map(Number)
    .sort((a, b) => a - b)
    .map((id) => readIommuGroup(host, id));
}

export function readIommuGroup(host: Host, id: number): IommuGroup {
  const folder = `${GROUPS}/${id}`;
  return {
    id,
    type: host.text(`${folder}/type`),
    isNoIommu: host.text(`${folder}/name`) === 'vfio-noiommu',
    devices: host.names(`${folder}/devices`),
  };
}
