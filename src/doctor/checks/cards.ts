import { readModuleParameter } from '../../host/kernel-module.ts';
import type { NetworkCard } from '../../nic/network-card.ts';
import { type Check, type Finding, ok, type Patient, problem, warning } from '../finding.ts';

const ENA_VENDOR = '1d0f';

/** The cards that EAL is told to use: who has them, and what their kind needs. */
export const cards: Check = {
  name: 'cards',
  run: (patient) => {
    const { wantsDpdk, chosenCards, options } = patient;
    if (!wantsDpdk) return [];
    const named = options.ealArguments.some(
      (argument) => argument === '-a' || argument.startsWith('--allow'),
    );
    if (chosenCards.length === 0) return named ? [unknown(options.ealArguments)] : [];
    return chosenCards.flatMap((card) => [ofCard(card), ...ofEna(card, patient)]);
  },
};

function unknown(ealArguments: readonly string[]): Finding {
  return problem(
    `no network card has an address of "${ealArguments.join(' ')}"`,
    'DPDK finds no port then',
    '"aeron-bypass nic list" shows the cards of this machine',
  );
}

function ofCard({ address, dpdkDriver, driver, isForUser, hazards }: NetworkCard): Finding {
  if (dpdkDriver === null) {
    return problem(
      `${address}: no driver of DPDK is known to take it`,
      'DPDK shows no port for it',
      'use another card; "aeron-bypass nic list" shows which have one',
    );
  }
  if (dpdkDriver.path === 'bifurcated') {
    return driver === null
      ? problem(
          `${address} has no kernel driver`,
          `${dpdkDriver.name} works beside it`,
          'load the kernel driver of the card',
        )
      : ok(`${address}: ${dpdkDriver.name} works beside ${driver}, nothing is to be bound`);
  }
  if (isForUser) return ok(`${address} is bound to ${driver}, ${dpdkDriver.name} takes it`);
  const reasons = hazards.map(({ text }) => text).join(', ');
  return problem(
    `${address} belongs to ${driver === null ? 'no driver' : `the kernel (${driver})`}${reasons === '' ? '' : `, and ${reasons}`}`,
    'DPDK shows no port for it, and no error',
    `aeron-bypass nic bind ${address}`,
  );
}

function ofEna({ address, vendorId, driver }: NetworkCard, { host }: Patient): Finding[] {
  if (vendorId !== ENA_VENDOR || driver === null) return [];
  const module = driver === 'igb_uio' ? 'igb_uio' : 'vfio_pci';
  const parameter = module === 'igb_uio' ? 'wc_activate' : 'write_combine';
  const value = readModuleParameter(host, module, parameter);
  if (value === '1' || value === 'Y') return [ok(`${address}: write combining is on`)];
  return [
    warning(
      `${address}: write combining is ${value === null ? `no setting of ${module} here` : 'off'}`,
      "ENA's low-latency queue writes the start of each frame into the card; without write combining, word by word",
      'load igb_uio with wc_activate=1, or a vfio-pci with write combining',
    ),
  ];
}
