import { moduleFolder } from '../host/kernel-module.ts';
import type { InterfaceAddress } from '../host/network-interface.ts';
import type { Route, RouteHop } from '../host/route.ts';
import type { Binding, CardRecord, InterfaceRecord } from './binding.ts';
import { type Action, deviceFolder, driverFolder, type Step } from './step.ts';

const NO_IOMMU = '/sys/module/vfio/parameters/enable_unsafe_noiommu_mode';
const AMAZON = '1d0f';

/** The steps of a binding, in the order they are done. */
export function bindingSteps(binding: Binding): Step[] {
  const steps: Step[] = [{ what: `load ${binding.driver}`, do: loadActions(binding), undo: [] }];
  if (binding.noIommuBefore !== null) {
    steps.push({
      what: 'let vfio do without an IOMMU',
      do: [{ kind: 'write', path: NO_IOMMU, text: 'Y' }],
      undo: [{ kind: 'write', path: NO_IOMMU, text: binding.noIommuBefore, onlyIf: NO_IOMMU }],
    });
  }
  return [...steps, ...binding.cards.flatMap((card) => cardSteps(card, binding.driver))];
}

/** The steps that give a card to the kernel of which nothing is recorded. */
export function releaseSteps(card: CardRecord, driver: string): Step[] {
  const folder = deviceFolder(card);
  return [
    {
      what: `take ${card.address} from ${driver}`,
      do: [{ kind: 'write', path: `${driverFolder(card, driver)}/unbind`, text: card.address }],
      undo: [],
    },
    {
      what: `give ${card.address} to whichever driver knows it`,
      do: [
        { kind: 'write', path: `${folder}/driver_override`, text: '' },
        { kind: 'write', path: `/sys/bus/${card.bus}/drivers_probe`, text: card.address },
      ],
      undo: [],
    },
  ];
}

function loadActions({ driver, cards }: Binding): Action[] {
  // Without write-combining ENA's low-latency queue is slower than none.
  const isEna = driver === 'igb_uio' && cards.some(({ vendorId }) => vendorId === AMAZON);
  const load = loadAction(driver, ...(isEna ? ['wc_activate=1'] : []));
  // DPDK asks for this one when it opens the card, and a hardened kernel loads nothing by itself.
  return driver === 'vfio-pci' ? [load, loadAction('vfio_iommu_type1')] : [load];
}

/** Loads a module that is not there yet. */
export function loadAction(module: string, ...parameters: string[]): Action {
  return { kind: 'run', words: ['modprobe', module, ...parameters], onlyIfNot: moduleFolder(module) };
}

function cardSteps(card: CardRecord, driver: string): Step[] {
  const { address, kernelDriver } = card;
  const folder = deviceFolder(card);
  const steps: Step[] = card.interfaces.map((one) => ({
    what: `take ${one.name} down`,
    do: [{ kind: 'run', words: ['ip', 'link', 'set', 'dev', one.name, 'down'] }],
    undo: configureActions(card, one),
    interfaceName: one.name,
  }));
  if (kernelDriver !== null) {
    const kernel = driverFolder(card, kernelDriver);
    steps.push({
      what: `take ${address} from ${kernelDriver}`,
      do: [{ kind: 'write', path: `${kernel}/unbind`, text: address }],
      undo: [
        { kind: 'run', words: ['modprobe', kernelDriver], mayFail: true },
        { kind: 'write', path: `${kernel}/bind`, text: address, onlyIfNot: `${folder}/driver` },
        { kind: 'expectDriver', card: nameOf(card), driver: kernelDriver },
      ],
    });
  }
  steps.push({
    what: `reserve ${address} for ${driver}`,
    do: [{ kind: 'write', path: `${folder}/driver_override`, text: driver }],
    undo: [{ kind: 'write', path: `${folder}/driver_override`, text: card.driverOverride ?? '' }],
  });
  const user = driverFolder(card, driver);
  steps.push({
    what: `give ${address} to ${driver}`,
    do: [
      { kind: 'write', path: `${user}/bind`, text: address },
      { kind: 'expectDriver', card: nameOf(card), driver },
    ],
    undo: [{ kind: 'write', path: `${user}/unbind`, text: address, onlyIf: `${user}/${address}` }],
  });
  return steps;
}

function nameOf({ bus, address }: CardRecord): { bus: string; address: string } {
  return { bus, address };
}

/** What makes a bare interface what it was. Routes by a router come after those that lead to the router. */
function configureActions(card: CardRecord, one: InterfaceRecord): Action[] {
  const { name, mac, mtu, master, isUp, addresses } = one;
  const link = (...words: string[]): Action => ({
    kind: 'run',
    words: ['ip', 'link', 'set', 'dev', name, ...words],
  });
  const isDirect = ({ hops }: Route): boolean => hops.every(({ gateway }) => gateway === null);
  const routes = [...one.routes.filter(isDirect), ...one.routes.filter((route) => !isDirect(route))];
  return [
    { kind: 'awaitInterface', card: nameOf(card), name, mac },
    link('mtu', String(mtu)),
    ...(master === null ? [] : [link('master', master)]),
    ...(isUp ? [link('up')] : []),
    ...addresses.map((address) => addressAction(name, address)),
    ...(isUp ? routes.map(routeAction) : []),
  ];
}

function addressAction(name: string, address: InterfaceAddress): Action {
  const { address: local, prefixLength, broadcast, scope, label, validSeconds, preferredSeconds } = address;
  const { hasOwnPrefixRoute } = address;
  const words = ['ip', 'address', 'replace', `${local}/${prefixLength}`] as [string, ...string[]];
  if (broadcast !== null) words.push('broadcast', broadcast);
  words.push('dev', name, 'scope', scope);
  if (label !== null) words.push('label', label);
  if (validSeconds !== null) {
    words.push('valid_lft', String(validSeconds), 'preferred_lft', String(preferredSeconds ?? validSeconds));
  }
  if (hasOwnPrefixRoute) words.push('noprefixroute');
  return { kind: 'run', words };
}

function routeAction(route: Route): Action {
  const version = route.family === 'inet6' ? '-6' : '-4';
  const words = ['ip', version, 'route', 'replace', route.destination] as [string, ...string[]];
  const [first] = route.hops;
  if (route.hops.length === 1 && first !== undefined) words.push(...hopWords(first));
  words.push('protocol', route.protocol, 'table', route.table);
  if (route.scope !== null) words.push('scope', route.scope);
  if (route.source !== null) words.push('src', route.source);
  if (route.metric !== null) words.push('metric', String(route.metric));
  if (route.mtu !== null) words.push('mtu', String(route.mtu));
  if (route.hops.length > 1) {
    for (const hop of route.hops) words.push('nexthop', ...hopWords(hop), 'weight', String(hop.weight));
  }
  return { kind: 'run', words };
}

function hopWords({ gateway, interfaceName, isOnLink }: RouteHop): string[] {
  const via = gateway === null ? [] : ['via', ...gateway.split(' ')];
  const device = interfaceName === null ? [] : ['dev', interfaceName];
  return [...via, ...device, ...(isOnLink ? ['onlink'] : [])];
}
