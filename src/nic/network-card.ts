import { type DpdkDriver, dpdkDriverOf } from '../host/dpdk-driver.ts';
import type { Host } from '../host/host.ts';
import { readIommuGroup } from '../host/iommu-group.ts';
import { type NetworkInterface, readNetworkInterfaces } from '../host/network-interface.ts';
import {
  isBridge,
  isNetworkDevice,
  type PciDevice,
  readPciDevice,
  readPciDevices,
} from '../host/pci-device.ts';
import { PciNames } from '../host/pci-names.ts';
import { readFileUsers } from '../host/process.ts';
import { canonicalAddress, type RemoteSession } from '../host/remote-session.ts';
import { defaultRouteInterfaces, type Route, readRoutes } from '../host/route.ts';
import { readVmbusNetworkDevices, type VmbusDevice } from '../host/vmbus-device.ts';

/** Drivers of the kernel that hand a card to a program. */
export const USER_DRIVERS: readonly string[] = ['vfio-pci', 'igb_uio', 'uio_pci_generic', 'uio_hv_generic'];

/** Why a card should not be taken from where it is. */
export interface Hazard {
  readonly code:
    | 'DEFAULT_ROUTE'
    | 'REMOTE_SESSION'
    | 'PART_OF'
    | 'VIRTUAL_FUNCTIONS'
    | 'ELSEWHERE'
    | 'IN_USE';
  /** A clause that goes on after the card's name: `carries the default route (eth0)`. */
  readonly text: string;
}

/** A network device, as `nic list` shows it. */
export interface NetworkCard {
  /** What its bus calls it: a PCI address, a UUID of VMBus. */
  readonly address: string;
  readonly bus: string;
  readonly vendorId: string | null;
  readonly deviceId: string | null;
  /** What people call it, where the machine has a list of names. */
  readonly name: string | null;
  /** The driver that has it, one of {@link USER_DRIVERS} when a program may use it; null when none has. */
  readonly driver: string | null;
  /** The only driver that may take it, or null when any that knows it may. */
  readonly driverOverride: string | null;
  /** Whether its driver hands it to a program. */
  readonly isForUser: boolean;
  /** The driver of DPDK that takes it, or null. */
  readonly dpdkDriver: DpdkDriver | null;
  readonly numaNode: number | null;
  readonly iommuGroup: number | null;
  /** Other devices of its IOMMU group, bridges aside. */
  readonly groupFellows: readonly string[];
  readonly pcieLink: string | null;
  readonly interfaces: readonly NetworkInterface[];
  readonly carriesDefaultRoute: boolean;
  readonly hazards: readonly Hazard[];
  /** Whether nothing speaks against taking it. */
  readonly isSafe: boolean;
}

/** What is known of the machine's network, read once for all cards. */
export interface NetworkView {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly Route[];
  readonly sessions: readonly RemoteSession[];
}

export function readNetworkView(host: Host, sessions: readonly RemoteSession[]): NetworkView {
  return { interfaces: readNetworkInterfaces(host), routes: readRoutes(host), sessions };
}

/** Every network device of the machine: those of PCI, of VMBus, and of other buses that have an interface. */
export function readNetworkCards(host: Host, view: NetworkView): NetworkCard[] {
  const names = new PciNames(host);
  const cards = readPciDevices(host)
    .filter(isNetworkDevice)
    .map((device) => pciCard(host, device, view, names));
  const synthetic = readVmbusNetworkDevices(host).map((device) => vmbusCard(host, device, view));
  const others = view.interfaces
    .filter(({ bus }) => bus !== null && bus !== 'pci' && bus !== 'vmbus')
    .map((one) => otherCard(one, view));
  return [...cards, ...synthetic, ...others];
}

function pciCard(host: Host, device: PciDevice, view: NetworkView, names: PciNames): NetworkCard {
  const { address, vendorId, deviceId, driver, driverOverride } = device;
  const interfaces = interfacesOf('pci', address, view);
  const hazards = hazardsOf(host, { ...device, bus: 'pci' }, interfaces, view);
  if (device.virtualFunctions > 0 && !isUserDriver(driver)) {
    const text = `has ${device.virtualFunctions} virtual functions, which end with its kernel driver`;
    hazards.push({ code: 'VIRTUAL_FUNCTIONS', text });
  }
  return {
    address,
    bus: 'pci',
    vendorId,
    deviceId,
    name: names.nameOf(vendorId, deviceId),
    driver,
    driverOverride,
    isForUser: isUserDriver(driver),
    dpdkDriver: dpdkDriverOf(vendorId, deviceId),
    numaNode: device.numaNode,
    iommuGroup: device.iommuGroup,
    groupFellows: fellowsOf(host, device),
    pcieLink: device.pcieLink,
    interfaces,
    ...verdictOf(hazards),
  };
}

function vmbusCard(host: Host, device: VmbusDevice, view: NetworkView): NetworkCard {
  const { address, driver } = device;
  const interfaces = interfacesOf('vmbus', address, view);
  return {
    ...NOT_PCI,
    ...device,
    bus: 'vmbus',
    name: 'Hyper-V network adapter',
    isForUser: isUserDriver(driver),
    dpdkDriver: { name: 'net_netvsc', path: 'exclusive' },
    interfaces,
    ...verdictOf(hazardsOf(host, { ...device, bus: 'vmbus', iommuGroup: null }, interfaces, view)),
  };
}

/** A card of another bus, as far as its interface tells. */
function otherCard(one: NetworkInterface, view: NetworkView): NetworkCard {
  return {
    ...NOT_PCI,
    address: one.deviceAddress!,
    bus: one.bus!,
    name: null,
    driver: one.driver,
    driverOverride: null,
    isForUser: false,
    dpdkDriver: null,
    numaNode: null,
    interfaces: [one],
    ...verdictOf(interfaceHazards(one, view)),
  };
}

const NOT_PCI = {
  vendorId: null,
  deviceId: null,
  iommuGroup: null,
  groupFellows: [],
  pcieLink: null,
} as const;

function verdictOf(hazards: Hazard[]): Pick<NetworkCard, 'carriesDefaultRoute' | 'hazards' | 'isSafe'> {
  const carriesDefaultRoute = hazards.some(({ code }) => code === 'DEFAULT_ROUTE');
  return { carriesDefaultRoute, hazards, isSafe: hazards.length === 0 };
}

function isUserDriver(driver: string | null): boolean {
  return driver !== null && USER_DRIVERS.includes(driver);
}

function interfacesOf(bus: string, address: string, { interfaces }: NetworkView): NetworkInterface[] {
  return interfaces.filter((one) => one.bus === bus && one.deviceAddress === address);
}

function fellowsOf(host: Host, { address, iommuGroup }: PciDevice): string[] {
  if (iommuGroup === null) return [];
  return readIommuGroup(host, iommuGroup).devices.filter((other) => {
    const device = other === address ? null : readPciDevice(host, other);
    return device !== null && !isBridge(device);
  });
}

type Device = Pick<NetworkCard, 'bus' | 'address' | 'driver' | 'iommuGroup'>;

function hazardsOf(
  host: Host,
  device: Device,
  interfaces: readonly NetworkInterface[],
  view: NetworkView,
): Hazard[] {
  if (isUserDriver(device.driver)) return userHazards(host, device);
  const hazards = interfaces.flatMap((one) => interfaceHazards(one, view));
  if (device.driver !== null && interfaces.length === 0) {
    const text = `is driven by ${device.driver} and its interface is not here: another network namespace may use it`;
    hazards.push({ code: 'ELSEWHERE', text });
  }
  return hazards;
}

function interfaceHazards(one: NetworkInterface, { interfaces, routes, sessions }: NetworkView): Hazard[] {
  const hazards: Hazard[] = [];
  const names = [one.name, ...one.uppers];
  const own = interfaces.filter(({ name }) => names.includes(name));
  const byDefault = defaultRouteInterfaces(routes).filter((name) => names.includes(name));
  if (byDefault.length > 0) {
    hazards.push({ code: 'DEFAULT_ROUTE', text: `carries the default route (${byDefault.join(', ')})` });
  }
  for (const session of sessions) {
    const name = own.find((candidate) => carries(candidate, session))?.name;
    if (name === undefined) continue;
    const text = `carries the connection you came by (${session.address} on ${name}, by ${session.evidence})`;
    hazards.push({ code: 'REMOTE_SESSION', text });
  }
  if (one.uppers.length > 0) {
    hazards.push({ code: 'PART_OF', text: `is part of ${one.uppers.join(', ')}` });
  }
  return hazards;
}

function carries({ name, addresses }: NetworkInterface, session: RemoteSession): boolean {
  if (session.interfaceName !== null) return session.interfaceName === name;
  return addresses.some(({ address }) => canonicalAddress(address) === session.address);
}

function userHazards(host: Host, device: Device): Hazard[] {
  return readFileUsers(host, deviceFiles(host, device)).map(({ pid, name, path }) => ({
    code: 'IN_USE',
    text: `is in use: process ${pid} (${name}) has ${path} open`,
  }));
}

/** The files by which a program drives a card that was handed to it. */
export function deviceFiles(host: Host, { bus, address, iommuGroup }: Device): string[] {
  const files = host.names(`/sys/bus/${bus}/devices/${address}/uio`).map((name) => `/dev/${name}`);
  if (iommuGroup !== null) files.push(`/dev/vfio/${iommuGroup}`, `/dev/vfio/noiommu-${iommuGroup}`);
  return files;
}
