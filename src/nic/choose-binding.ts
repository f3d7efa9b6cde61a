import type { Host } from '../host/host.ts';
import { readIommuGroup } from '../host/iommu-group.ts';
import { readModuleState } from '../host/kernel-module.ts';
import { parsePciAddress, readPciDevice } from '../host/pci-device.ts';
import { AeronError } from '../util/errors.ts';
import { type Binding, type CardRecord, recordInterface } from './binding.ts';
import type { NetworkCard, NetworkView } from './network-card.ts';

/** What `nic bind` was asked for. */
export interface BindOptions {
  /** The driver to give the card to, or null for the usual one of its bus. */
  readonly driver: string | null;
  /** Take it though something speaks against it. */
  readonly force: boolean;
  /** Take the other devices of its IOMMU group as well. */
  readonly group: boolean;
  /** Let vfio-pci do without an IOMMU. */
  readonly noIommu: boolean;
}

/** A binding that could be made, and what whoever asks for it should know. */
export interface Choice {
  readonly binding: Binding;
  readonly notes: readonly string[];
}

/** Finds the card a user means: by address, with or without PCI domain, or by interface. Throws AeronError `NIC_NOT_FOUND`. */
export function findCard(cards: readonly NetworkCard[], text: string): NetworkCard {
  const address = parsePciAddress(text) ?? text;
  const found = cards.find(
    (card) => card.address === address || card.interfaces.some(({ name }) => name === text),
  );
  if (found !== undefined) return found;
  const names = cards.map((card) => [card.address, ...card.interfaces.map(({ name }) => name)].join(' '));
  throw new AeronError(
    'NIC_NOT_FOUND',
    `no network card is "${text}". This machine has: ${names.join(', ') || 'none'}.`,
  );
}

/** Which driver a card would be given to. */
export function userDriverOf(card: NetworkCard, { driver }: BindOptions): string {
  if (card.bus === 'vmbus') return 'uio_hv_generic';
  return driver ?? 'vfio-pci';
}

/**
 * Decides what taking a card comes to, and refuses what would not work or would cut something off. Nothing is changed.
 * @throws AeronError with a code that begins with `NIC_`.
 */
export function chooseBinding(
  host: Host,
  card: NetworkCard,
  cards: readonly NetworkCard[],
  view: NetworkView,
  options: BindOptions,
): Choice {
  const driver = userDriverOf(card, options);
  if (card.dpdkDriver === null && (!options.force || card.bus !== 'pci')) {
    const ids = card.vendorId === null ? `of ${card.bus}` : `[${card.vendorId}:${card.deviceId}]`;
    throw new AeronError(
      'NIC_NO_DPDK_DRIVER',
      `DPDK has no driver for ${card.address} ${ids}. --force takes it.`,
    );
  }
  const fellows = driver === 'vfio-pci' ? fellowsToTake(host, card, options) : [];
  const taken = [card, ...cards.filter(({ address }) => fellows.includes(address))];
  refuseHazards(taken, options);
  const needsNoIommu = checkIommu(host, card, driver, options);
  checkModule(host, driver);
  const records = [
    card,
    ...fellows.map((address) => cards.find((one) => one.address === address) ?? address),
  ];
  const binding: Binding = {
    cards: records.map((one) => recordOf(host, one, view)),
    driver,
    noIommuBefore: needsNoIommu ? noIommuMode(host) : null,
    recordedAt: '',
    bootId: '',
    phase: 'binding',
    startedSteps: 0,
  };
  return { binding, notes: notesOn(host, card, driver, needsNoIommu) };
}

/** VFIO hands a group to a program only when no driver of the kernel has any of it. */
function fellowsToTake(host: Host, card: NetworkCard, { group }: BindOptions): string[] {
  const held = card.groupFellows.filter((address) => {
    const driver = readPciDevice(host, address)?.driver ?? null;
    return driver !== null && driver !== 'vfio-pci' && driver !== 'pci-stub';
  });
  if (held.length === 0 || group) return held;
  const names = held.map((address) => `${address} (${readPciDevice(host, address)?.driver})`);
  throw new AeronError(
    'NIC_GROUP',
    `${card.address} shares IOMMU group ${card.iommuGroup} with ${names.join(', ')}, and vfio-pci takes all of a group or ` +
      'none. --group takes them all; a slot of its own, or ACS in the firmware, makes a group of its own.',
  );
}

function refuseHazards(taken: readonly NetworkCard[], { force }: BindOptions): void {
  if (force) return;
  for (const { address, hazards } of taken) {
    if (hazards.length === 0) continue;
    const text = hazards.map((hazard) => hazard.text).join('; it ');
    throw new AeronError('NIC_UNSAFE', `${address} ${text}. --force takes it nevertheless.`);
  }
}

/** Whether vfio has to do without an IOMMU. */
function checkIommu(host: Host, card: NetworkCard, driver: string, options: BindOptions): boolean {
  const { address, iommuGroup } = card;
  const group = iommuGroup === null ? null : readIommuGroup(host, iommuGroup);
  const hasIommu = group !== null && !group.isNoIommu;
  if (driver === 'vfio-pci' && !hasIommu) {
    if (options.noIommu) return true;
    throw new AeronError(
      'NIC_NO_IOMMU',
      `vfio-pci needs an IOMMU, and ${address} is in no IOMMU group. Switch it on in the firmware and by ` +
        'intel_iommu=on (AMD has it on), or give --no-iommu, or --driver uio_pci_generic: both let the card write anywhere in memory.',
    );
  }
  if (driver !== 'vfio-pci' && hasIommu && group.type !== 'identity' && !options.force) {
    throw new AeronError(
      'NIC_IOMMU',
      `${driver} sets up no IOMMU, and that of ${address} (group ${iommuGroup}, type ${group.type ?? 'unknown'}) would stop every ` +
        'access of the card to memory. Use vfio-pci, or boot with iommu=pt; --force takes it nevertheless.',
    );
  }
  return false;
}

function checkModule(host: Host, driver: string): void {
  if (readModuleState(host, driver) !== 'missing') return;
  const release = host.text('/proc/sys/kernel/osrelease');
  const where =
    driver === 'igb_uio'
      ? 'It is built from dpdk-kmods (apt-get install dpdk-igb-uio-dkms)'
      : "Install the kernel's extra modules (linux-modules-extra), or the kernel that is no cloud flavour";
  throw new AeronError(
    'NIC_NO_MODULE',
    `the kernel, ${release}, has no module ${driver}. ${where}, or use another --driver.`,
  );
}

/** Null as a mode would mean that it stays as it is; a module that is not loaded starts with N. */
function noIommuMode(host: Host): 'Y' | 'N' {
  return host.text('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode') === 'Y' ? 'Y' : 'N';
}

function recordOf(host: Host, card: NetworkCard | string, view: NetworkView): CardRecord {
  if (typeof card === 'string') {
    const device = readPciDevice(host, card)!;
    const { address, vendorId, driver, driverOverride } = device;
    return { bus: 'pci', address, vendorId, kernelDriver: driver, driverOverride, interfaces: [] };
  }
  const { bus, address, vendorId, driver, driverOverride, interfaces } = card;
  const records = interfaces.map((one) => recordInterface(one, view.routes));
  return { bus, address, vendorId, kernelDriver: driver, driverOverride, interfaces: records };
}

function notesOn(host: Host, card: NetworkCard, driver: string, needsNoIommu: boolean): string[] {
  const notes = [];
  if (needsNoIommu) {
    notes.push(
      'Without an IOMMU nothing keeps the card, or the program that drives it, from any byte of memory.',
    );
  }
  if (card.dpdkDriver?.name === 'net_ena' && driver === 'igb_uio') {
    if (readModuleState(host, driver) === 'loaded') {
      notes.push('igb_uio is loaded already, and does not tell whether with wc_activate=1, which ENA wants.');
    }
  } else if (card.dpdkDriver?.name === 'net_ena') {
    if (driver === 'uio_pci_generic') {
      notes.push(
        'It has no interrupt for ENA: tell EAL "-a <card>,control_path_poll_interval=1000" (DPDK 24.03 or later).',
      );
    }
    notes.push(`${driver} of most kernels maps an ENA card without write-combining: see docs/guide/aws.md.`);
  }
  return notes;
}
