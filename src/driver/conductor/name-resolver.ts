import { lookup } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { IpAddress } from '../../transport/transport.ts';
import { internIpv6, ipv6Word, ipv6Zone, isIpv6, retainAddress } from '../../util/ip-address.ts';
import { parseIpAddress } from '../../util/ip-text.ts';
import { zoneIndex } from '../../util/zones.ts';
import { CommandError } from './command-error.ts';

const LOOPBACK: IpAddress = 0x7f000001;

/** IPv6 addresses that channels have named: they are held for good. */
const named = new Set<IpAddress>();

/** A look-up, under way or finished. */
export interface Resolution {
  /** Null until found. */
  address: IpAddress | null;
  /** Null unless it failed. */
  error: CommandError | null;
}

/** Looks a host up and calls back once with its first address, of IPv4 if it has one, or the reason there is none. */
export type HostLookup = (host: string, callback: (reason: string | null, address: string) => void) => void;

/** The system's resolver (hosts file, DNS), on a thread of its own: the event loop delivers the answer. */
export const systemLookup: HostLookup = (host, callback) => {
  lookup(host, { verbatim: false }, (error, address) =>
    callback(error === null ? null : error.message, address),
  );
};

/** Told how long each look-up took, in nanoseconds. */
export type LookupTimer = { begin(): number; end(startNs: number): void };

/** Turns host names into addresses. Addresses as such and `localhost` are known at once. */
export class NameResolver {
  private readonly lookup: HostLookup;
  private readonly timer: LookupTimer;

  constructor(lookup: HostLookup, timer: LookupTimer) {
    this.lookup = lookup;
    this.timer = timer;
  }

  resolve(host: string): Resolution {
    const address = knownAddress(host);
    if (address !== null) return { address, error: null };
    const resolution: Resolution = { address: null, error: null };
    const startNs = this.timer.begin();
    this.lookup(host, (reason, found) => {
      this.timer.end(startNs);
      resolution.address = reason === null ? addressOf(found) : null;
      if (resolution.address !== null) return;
      const why = reason ?? `${found} is not an IP address`;
      resolution.error = new CommandError(ErrorCode.UNKNOWN_HOST, `unresolved host ${host}: ${why}`);
    });
    return resolution;
  }
}

/** The address of a name that needs no look-up, or `null`. */
export function knownAddress(host: string): IpAddress | null {
  return host === 'localhost' ? LOOPBACK : addressOf(host);
}

/** The address that `text` is, and that is kept from now on; `null` when it is none. */
function addressOf(text: string): IpAddress | null {
  const address = parseIpAddress(text);
  if (address !== null && isIpv6(address) && !named.has(address)) named.add(retainAddress(address));
  return address;
}

/** An address of this machine that the transport can bind, and the name of the interface that has it. */
export interface LocalAddress {
  readonly name: string;
  readonly address: IpAddress;
  /** The kernel's number of that interface; left out where there is no kernel. */
  readonly interfaceIndex?: number;
}

/** The kernel's addresses. */
export function kernelAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address: text, family, scopeid = 0 }) => {
      const address = addressOf(family === 'IPv6' && scopeid !== 0 ? `${text}%${scopeid}` : text);
      return address === null ? [] : [{ name, address, interfaceIndex: zoneIndex(name) ?? 0 }];
    }),
  );
}

/**
 * The local address that an `interface` parameter selects: the first of the interface `{name}` that is of IPv6 as `isV6`
 * says, or the first one in the network it names. For multicast a loopback address is the last choice.
 */
export function findInterface(
  wanted: { readonly name: string } | { readonly address: IpAddress; readonly prefixLength: number },
  available: readonly LocalAddress[],
  isForMulticast: boolean,
  isV6: boolean,
): LocalAddress | null {
  const found = available.filter((local) =>
    'name' in wanted
      ? local.name === wanted.name && isIpv6(local.address) === isV6
      : inSameNetwork(local.address, wanted.address, wanted.prefixLength),
  );
  const [first] = isForMulticast ? found.sort((a, b) => loopbackLast(a) - loopbackLast(b)) : found;
  return first ?? null;
}

function loopbackLast({ address }: LocalAddress): number {
  return address >>> 24 === 127 || address === addressOf('::1') ? 1 : 0;
}

/** True when both addresses have the same first `prefixLength` bits. */
function inSameNetwork(a: IpAddress, b: IpAddress, prefixLength: number): boolean {
  if (isIpv6(a) !== isIpv6(b)) return false;
  if (!isIpv6(a)) return prefixLength === 0 || (a ^ b) >>> (32 - prefixLength) === 0;
  // An interface that is named must be the one.
  if (ipv6Zone(b) !== 0 && ipv6Zone(a) !== ipv6Zone(b)) return false;
  for (let i = 0; i < 4; i++) {
    const bits = Math.min(prefixLength - 32 * i, 32);
    if (bits > 0 && (ipv6Word(a, i) ^ ipv6Word(b, i)) >>> (32 - bits) !== 0) return false;
  }
  return true;
}

/** The address of a group's members, whatever interface was named with it. */
export function groupOf(address: IpAddress): IpAddress {
  return isIpv6(address) ? internGroup(address, 0) : address;
}

/** The group of the same address but for the last octet, which is one more (255 is followed by 0). */
export function nextGroup(address: IpAddress): IpAddress {
  return isIpv6(address) ? internGroup(address, 1) : (address & ~0xff) | ((address + 1) & 0xff);
}

/** The last octet of an address. */
export function lastOctet(address: IpAddress): number {
  return (isIpv6(address) ? ipv6Word(address, 3) : address) & 0xff;
}

function internGroup(address: IpAddress, step: number): IpAddress {
  const word3 = ipv6Word(address, 3);
  const last = (word3 & ~0xff) | ((word3 + step) & 0xff);
  const group = internIpv6(ipv6Word(address, 0), ipv6Word(address, 1), ipv6Word(address, 2), last, 0);
  if (!named.has(group)) named.add(retainAddress(group));
  return group;
}
