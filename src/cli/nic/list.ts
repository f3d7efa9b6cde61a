import { Host } from '../../host/host.ts';
import type { InterfaceAddress, NetworkInterface } from '../../host/network-interface.ts';
import { readRemoteSessions } from '../../host/remote-session.ts';
import type { Binding, CardRecord } from '../../nic/binding.ts';
import { type NetworkCard, readNetworkCards, readNetworkView } from '../../nic/network-card.ts';
import { DEFAULT_STATE_PATH, NicState } from '../../nic/nic-state.ts';
import { type Painter, painter } from '../../util/ansi.ts';
import { type Command, defineCommand } from '../command.ts';
import { JSON_OUTPUT, NIC_STATE } from '../options.ts';

export const list: Command = defineCommand({
  usage: 'nic list [options]',
  about: `Shows every network device: the driver that has it, link and speed, where it is attached, its interface and
addresses, the driver of DPDK that would take it, and whether anything speaks against taking it; of a card that
"nic bind" took, what it was like before.`,
  options: { json: JSON_OUTPUT, state: NIC_STATE },
  examples: ['aeron-bypass nic list', 'aeron-bypass nic list --json'],
  takesWords: false,
  run: async ({ json, state: path }) => {
    const host = new Host();
    const sessions = readRemoteSessions(host, process.pid, process.env.SSH_CONNECTION);
    const state = new NicState(path ?? DEFAULT_STATE_PATH);
    state.load();
    const cards = readNetworkCards(host, readNetworkView(host, sessions)).map((card) => ({
      ...card,
      binding: state.find(card.address),
    }));
    const paint = painter(process.stdout.isTTY === true, process.env.NO_COLOR);
    process.stdout.write(json ? `${JSON.stringify({ cards })}\n` : formatCards(cards, paint));
    return 0;
  },
});

/** A card, and the binding it is part of. */
export interface ListedCard extends NetworkCard {
  readonly binding: Binding | null;
}

/** A paragraph for each card. */
export function formatCards(cards: readonly ListedCard[], paint: Painter): string {
  if (cards.length === 0) return 'This machine has no network device that could be taken.\n';
  return cards.map((card) => formatCard(card, paint)).join('\n');
}

function formatCard(card: ListedCard, paint: Painter): string {
  const ids = card.vendorId === null ? `on ${card.bus}` : `[${card.vendorId}:${card.deviceId}]`;
  const rows: [string, string][] = [['driver', driversOf(card)]];
  for (const one of card.interfaces) rows.push(['interface', interfaceText(one)]);
  const place = placeOf(card);
  if (place !== '') rows.push(['place', place]);
  const before = card.binding?.cards.find(({ address }) => address === card.address);
  if (before !== undefined) rows.push(['before', beforeText(before)]);
  rows.push(['safe to take', verdictOf(card, paint)]);
  const lines = rows.map(([name, text]) => `  ${name.padEnd(14)}${text}\n`);
  return `${paint('bold', card.address)}  ${card.name === null ? ids : `${card.name} ${ids}`}\n${lines.join('')}`;
}

function driversOf({ driver, dpdkDriver }: NetworkCard): string {
  const dpdk =
    dpdkDriver === null
      ? 'DPDK has none for it'
      : `DPDK: ${dpdkDriver.name}${dpdkDriver.path === 'bifurcated' ? ', beside the kernel driver' : ''}`;
  return `${driver ?? 'none'}; ${dpdk}`;
}

function interfaceText({ name, isUp, hasLink, speedMbps, mtu, mac, addresses }: NetworkInterface): string {
  const link = hasLink === null ? null : hasLink ? 'link' : 'no link';
  const speed = speedMbps === null ? null : `${speedMbps} Mbit/s`;
  const parts = [name, isUp ? 'up' : 'down', link, speed, `MTU ${mtu}`, mac, ...addresses.map(addressText)];
  return parts.filter((part) => part !== null && part !== '').join(', ');
}

/** What restoring gives back. */
function beforeText({ kernelDriver, interfaces }: CardRecord): string {
  const names = interfaces.map(({ name, mtu, addresses }) =>
    [name, `MTU ${mtu}`, ...addresses.map(addressText)].join(', '),
  );
  return [kernelDriver ?? 'no driver', ...names].join('; ');
}

function addressText({ address, prefixLength }: InterfaceAddress): string {
  return `${address}/${prefixLength}`;
}

function placeOf({ numaNode, iommuGroup, groupFellows, pcieLink }: NetworkCard): string {
  const fellows = groupFellows.length === 0 ? '' : ` with ${groupFellows.join(', ')}`;
  const parts = [
    numaNode === null ? null : `NUMA node ${numaNode}`,
    iommuGroup === null ? 'no IOMMU group' : `IOMMU group ${iommuGroup}${fellows}`,
    pcieLink,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function verdictOf({ isForUser, isSafe, hazards, dpdkDriver, binding }: ListedCard, paint: Painter): string {
  if (binding !== null && binding.phase !== 'bound') {
    return paint('red', 'no: it was left half-way, "aeron-bypass nic restore" finishes what was begun');
  }
  if (!isSafe) return paint('red', `no: it ${hazards.map(({ text }) => text).join('; it ')}`);
  if (isForUser) return paint('green', 'taken: a program can use it now');
  if (dpdkDriver === null) return paint('yellow', 'yes, to no use: DPDK has no driver for it');
  return paint('green', 'yes');
}
