import { lookup } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { Ipv4Address } from '../../transport/transport.ts';
import { parseIpv4 } from '../../util/ipv4.ts';
import { CommandError } from './command-error.ts';

const LOOPBACK: Ipv4Address = 0x7f000001;

/** A look-up, under way or finished. */
export interface Resolution {
  /** Null until found. */
  address: Ipv4Address | null;
  /** Null unless it failed. */
  error: CommandError | null;
}

/** Looks a host up and calls back once with its first IPv4 address or the reason there is none. */
export type HostLookup = (host: string, callback: (reason: string | null, address: string) => void) => void;

/** The system's resolver (hosts file, DNS), on a thread of its own: the event loop delivers the answer. */
export const systemLookup: HostLookup = (host, callback) => {
  lookup(host, { family: 4 }, (error, address) => callback(error === null ? null : error.message, address));
};

/** Told how long each look-up took, in nanoseconds. */
export type LookupTimer = { begin(): number; end(startNs: number): void };

/** Turns host names into IPv4 addresses. Dotted addresses and `localhost` are known at once. */
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
      resolution.address = reason === null ? parseIpv4(found) : null;
      if (resolution.address !== null) return;
      const why = reason ?? `${found} is not an IPv4 address`;
      resolution.error = new CommandError(ErrorCode.UNKNOWN_HOST, `unresolved host ${host}: ${why}`);
    });
    return resolution;
  }
}

/** The address of a name that needs no look-up, or `null`. */
export function knownAddress(host: string): Ipv4Address | null {
  return host === 'localhost' ? LOOPBACK : parseIpv4(host);
}

/** An address of this machine that the transport can bind, and the name of the interface that has it. */
export interface LocalAddress {
  readonly name: string;
  readonly address: Ipv4Address;
}

/** The kernel's IPv4 addresses. */
export function kernelAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => ({ name, address: parseIpv4(address)! })),
  );
}

/**
 * The local address that an `interface` parameter selects: `{name}`, or the first one in the network it names. For
 * multicast a loopback address is the last choice.
 */
export function findInterface(
  wanted: { readonly name: string } | { readonly address: Ipv4Address; readonly prefixLength: number },
  available: readonly LocalAddress[],
  isForMulticast: boolean,
): Ipv4Address | null {
  const found = available.filter((local) =>
    'name' in wanted
      ? local.name === wanted.name
      : inSameNetwork(local.address, wanted.address, wanted.prefixLength),
  );
  const [first] = isForMulticast ? found.sort((a, b) => loopbackLast(a) - loopbackLast(b)) : found;
  return first?.address ?? null;
}

function loopbackLast({ address }: LocalAddress): number {
  return address >>> 24 === 127 ? 1 : 0;
}

/** True when both addresses have the same first `prefixLength` bits. */
function inSameNetwork(a: Ipv4Address, b: Ipv4Address, prefixLength: number): boolean {
  return prefixLength === 0 || (a ^ b) >>> (32 - prefixLength) === 0;
}
