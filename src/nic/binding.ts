import type { NetworkInterface } from '../host/network-interface.ts';
import type { Route } from '../host/route.ts';
import type { CardName } from './step.ts';

/** What an interface was like when its card was taken. */
export interface InterfaceRecord
  extends Pick<NetworkInterface, 'name' | 'mac' | 'mtu' | 'isUp' | 'master' | 'addresses'> {
  /** Those that lead out by it, apart from what the kernel and routers make by themselves when it has its addresses. */
  readonly routes: readonly Route[];
}

/** What a card was like when it was taken. */
export interface CardRecord extends CardName {
  readonly vendorId: string | null;
  readonly kernelDriver: string | null;
  readonly driverOverride: string | null;
  readonly interfaces: readonly InterfaceRecord[];
}

/** Cards that were taken together, and all it needs to give them back: an entry of the state file. */
export interface Binding {
  /** One card, or all of an IOMMU group. */
  readonly cards: readonly CardRecord[];
  /** The driver they were given to. */
  readonly driver: string;
  /** What vfio's switch for doing without an IOMMU said before; null when it was left alone. */
  readonly noIommuBefore: 'Y' | 'N' | null;
  /** When it began, ISO 8601. */
  readonly recordedAt: string;
  /** The run of the kernel it began in. */
  readonly bootId: string;
  /** `binding` until the last step is done; what is found as that later was interrupted. */
  phase: 'binding' | 'bound' | 'restoring';
  /** How many steps were begun and not undone. */
  startedSteps: number;
}

/** What a binding should remember of an interface. */
export function recordInterface(one: NetworkInterface, routes: readonly Route[]): InterfaceRecord {
  const { name, mac, mtu, isUp, master, addresses } = one;
  // Such programs say that the kernel made the route to a prefix, and mean themselves.
  const isKernels = addresses.every(({ hasOwnPrefixRoute }) => !hasOwnPrefixRoute);
  return {
    name,
    mac,
    mtu,
    isUp,
    master,
    addresses: addresses.filter(isWorthKeeping),
    routes: routes.filter(
      ({ type, protocol, destination, hops }) =>
        type === 'unicast' &&
        (protocol !== 'kernel' || (!isKernels && !destination.startsWith('fe80:'))) &&
        protocol !== 'ra' &&
        hops.some(({ interfaceName }) => interfaceName === name),
    ),
  };
}

/** Link-local addresses come by themselves, those of IPv6 routers with their next announcement. */
function isWorthKeeping({ family, scope, isDynamic }: NetworkInterface['addresses'][number]): boolean {
  return family === 'inet' || (scope !== 'link' && !isDynamic);
}
