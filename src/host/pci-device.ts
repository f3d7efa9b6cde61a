import type { Host } from './host.ts';

/** A PCI function as sysfs shows it. Ids are lower-case hexadecimal without `0x`. */
export interface PciDevice {
  /** Domain, bus, device and function: `0000:01:00.0`. */
  readonly address: string;
  readonly vendorId: string;
  readonly deviceId: string;
  /** Six digits: class, subclass, programming interface. */
  readonly classCode: string;
  /** The kernel driver that has it, or null. */
  readonly driver: string | null;
  /** The only driver that may take it, or null when any that knows it may. */
  readonly driverOverride: string | null;
  /** The NUMA node it is attached to; null when the machine has one node, or does not say. */
  readonly numaNode: number | null;
  /** The IOMMU group it is in; null without an IOMMU. */
  readonly iommuGroup: number | null;
  /** For a virtual function, the address of the physical one. */
  readonly physicalFunction: string | null;
  /** How many virtual functions of it are switched on. */
  readonly virtualFunctions: number;
  /** PCIe link as it is now and as it could be: `8.0 GT/s PCIe x8`; null where there is none. */
  readonly pcieLink: string | null;
  readonly pcieLinkMax: string | null;
}

export const PCI_DEVICES = '/sys/bus/pci/devices';

const FULL = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const SHORT = /^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** A PCI address with its domain, from one with or without (`01:00.0`), or null when `text` is none. */
export function parsePciAddress(text: string): string | null {
  const lower = text.toLowerCase();
  if (FULL.test(lower)) return lower;
  return SHORT.test(lower) ? `0000:${lower}` : null;
}

/** Every PCI function of the machine, by address. */
export function readPciDevices(host: Host): PciDevice[] {
  return host
    .names(PCI_DEVICES)
    .map((address) => readPciDevice(host, address))
    .filter((device) => device !== null);
}

/** One PCI function by its full address, or null when it is not there. */
export function readPciDevice(host: Host, address: string): PciDevice | null {
  const folder = `${PCI_DEVICES}/${address}`;
  const vendorId = host.text(`${folder}/vendor`);
  if (vendorId === null) return null;
  const hex = (name: string): string => (host.text(`${folder}/${name}`) ?? '').replace(/^0x/, '');
  const override = host.text(`${folder}/driver_override`);
  const numaNode = host.number(`${folder}/numa_node`);
  const group = host.linkName(`${folder}/iommu_group`);
  return {
    address,
    vendorId: hex('vendor'),
    deviceId: hex('device'),
    classCode: hex('class'),
    driver: host.linkName(`${folder}/driver`),
    driverOverride: override === null || override === '(null)' || override === '' ? null : override,
    numaNode: numaNode === null || numaNode < 0 ? null : numaNode,
    iommuGroup: group === null ? null : Number(group),
    physicalFunction: host.linkName(`${folder}/physfn`),
    virtualFunctions: host.number(`${folder}/sriov_numvfs`) ?? 0,
    pcieLink: pcieLink(host, folder, 'current'),
    pcieLinkMax: pcieLink(host, folder, 'max'),
  };
}

/** Whether it moves network frames. */
export function isNetworkDevice({ classCode }: PciDevice): boolean {
  return classCode.startsWith('02');
}

/** Bridges stay with their drivers when their group is given away. */
export function isBridge({ classCode }: PciDevice): boolean {
  return classCode.startsWith('06');
}

function pcieLink(host: Host, folder: string, which: 'current' | 'max'): string | null {
  const speed = host.text(`${folder}/${which}_link_speed`);
  const width = host.text(`${folder}/${which}_link_width`);
  const isThere = speed !== null && width !== null && width !== '0' && !speed.startsWith('Unknown');
  return isThere ? `${speed} x${width}` : null;
}
