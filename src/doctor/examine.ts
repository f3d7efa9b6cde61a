import type { DriverOptions } from '../driver/driver-options.ts';
import { transportKind } from '../driver/network-agent-config.ts';
import type { Host } from '../host/host.ts';
import { parsePciAddress } from '../host/pci-device.ts';
import type { NetworkCard } from '../nic/network-card.ts';
import { cards } from './checks/cards.ts';
import { cpus } from './checks/cpus.ts';
import { hugepages } from './checks/hugepages.ts';
import { iommu } from './checks/iommu.ts';
import { mtu } from './checks/mtu.ts';
import { permissions } from './checks/permissions.ts';
import { sharedMemory } from './checks/shared-memory.ts';
import { sockets } from './checks/sockets.ts';
import type { Check, Finding, Patient } from './finding.ts';

/** In the order in which they matter. */
export const CHECKS: readonly Check[] = [
  cards,
  iommu,
  hugepages,
  permissions,
  sharedMemory,
  sockets,
  mtu,
  cpus,
];

export interface ExaminationInput {
  readonly host: Host;
  readonly options: DriverOptions;
  readonly cards: readonly NetworkCard[];
  readonly usableBytes: (folder: string) => number;
  readonly isRoot: boolean;
}

/** What was found, and by which check. */
export interface CheckedFinding extends Finding {
  readonly check: string;
}

/** Looks at the machine with the eyes of a driver with these settings. Changes nothing. */
export function examine(input: ExaminationInput): CheckedFinding[] {
  const { options, cards: all } = input;
  const patient: Patient = {
    ...input,
    wantsDpdk: transportKind(options) === 'dpdk',
    chosenCards: chooseCards(all, options.ealArguments),
  };
  return CHECKS.flatMap(({ name, run }) => run(patient).map((finding) => ({ check: name, ...finding })));
}

/** Those of the cards that EAL is told to use. */
export function chooseCards(all: readonly NetworkCard[], ealArguments: readonly string[]): NetworkCard[] {
  const allowed = allowedAddresses(ealArguments);
  return all.filter(({ address }) => allowed.includes(address));
}

/** The PCI addresses that EAL is told to use: `-a 0000:01:00.0,llq_policy=1`, `--allow=01:00.0`. */
function allowedAddresses(ealArguments: readonly string[]): string[] {
  return ealArguments.flatMap((argument, i) => {
    const given = /^(?:-a|--allow)(?:=?(.*))$/.exec(argument);
    if (given === null) return [];
    const device = given[1] === '' ? ealArguments[i + 1] : given[1];
    const address = parsePciAddress(device?.split(',')[0] ?? '');
    return address === null ? [] : [address];
  });
}
