import type { NetworkCard } from '../../nic/network-card.ts';
import { type Check, type Finding, ok, problem } from '../finding.ts';
import { ofEna } from './ena.ts';

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
