import type { Host } from './host.ts';
import { ipJson } from './ip-command.ts';

/** Where a route sends what it matches. */
export interface RouteHop {
  /** Router, or null for what is on the link. */
  readonly gateway: string | null;
  /** Interface, or null for a route to nowhere (blackhole). */
  readonly interfaceName: string | null;
  /** Whether the router counts as reachable though no prefix of the interface covers it. */
  readonly isOnLink: boolean;
  readonly weight: number;
}

export interface Route {
  readonly family: 'inet' | 'inet6';
  /** `unicast`, `local`, `broadcast`, `blackhole` … */
  readonly type: string;
  /** Prefix, address or `default`. */
  readonly destination: string;
  readonly table: string;
  /** Who made it: `kernel`, `boot`, `static`, `dhcp`, `ra` … */
  readonly protocol: string;
  readonly scope: string | null;
  readonly source: string | null;
  readonly metric: number | null;
  readonly mtu: number | null;
  /** One, or several for a multipath route. */
  readonly hops: readonly RouteHop[];
}

/** Every route of every table, IPv4 and IPv6. Throws AeronError `IP_COMMAND`. */
export function readRoutes(host: Host): Route[] {
  const read = (family: Route['family'], version: string): Route[] =>
    ipJson(host, [version, 'route', 'show', 'table', 'all']).map((route) => readRoute(family, route));
  return [...read('inet', '-4'), ...read('inet6', '-6')];
}

/** Names of the interfaces that packets to the world leave by. */
export function defaultRouteInterfaces(routes: readonly Route[]): string[] {
  const names = routes
    .filter(({ type, destination }) => type === 'unicast' && isWorld(destination))
    .flatMap(({ hops }) => hops.map(({ interfaceName }) => interfaceName))
    .filter((name) => name !== null);
  return [...new Set(names)];
}

/** VPNs cover the world by two halves. */
function isWorld(destination: string): boolean {
  return ['default', '0.0.0.0/1', '128.0.0.0/1', '::/0', '::/1', '8000::/1', '2000::/3'].includes(
    destination,
  );
}

function readRoute(family: Route['family'], route: Readonly<Record<string, unknown>>): Route {
  const text = (value: unknown): string | null => (value === undefined ? null : String(value));
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const hops = (route.nexthops ?? [route]) as readonly Readonly<Record<string, unknown>>[];
  const metrics = (route.metrics ?? [{}]) as readonly Readonly<Record<string, unknown>>[];
  return {
    family,
    type: text(route.type) ?? 'unicast',
    destination: String(route.dst),
    table: text(route.table) ?? 'main',
    protocol: text(route.protocol) ?? 'boot',
    scope: text(route.scope),
    source: text(route.prefsrc),
    metric: number(route.metric),
    mtu: number(metrics[0]?.mtu),
    hops: hops.map((hop) => ({
      gateway: text(hop.gateway) ?? viaOf(hop),
      interfaceName: text(hop.dev),
      isOnLink: ((hop.flags ?? []) as readonly string[]).includes('onlink'),
      weight: number(hop.weight) ?? 1,
    })),
  };
}

/** A router of the other address family. */
function viaOf(hop: Readonly<Record<string, unknown>>): string | null {
  const via = hop.via as { family?: string; host?: string } | undefined;
  return via?.host === undefined ? null : `${via.family} ${via.host}`;
}
