import { CounterType } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { IpAddress } from '../../transport/transport.ts';
import { isIpv6, releaseAddress, retainAddress } from '../../util/ip-address.ts';
import { formatSocketAddress, ipv6FromBytes } from '../../util/ip-text.ts';
import { knownAddress } from '../conductor/name-resolver.ts';
import type { DriverNameResolverContext } from './driver-name-resolver.ts';
import { splitHostAndPort } from './resolver-address.ts';

/** Strangers must not fill memory, nor make us send to the whole world. */
const NEIGHBOURS_MAX = 256;
/** Of them, those that were only heard of: whoever makes some up leaves room for drivers that speak themselves. */
const HEARD_OF_MAX: number = NEIGHBOURS_MAX / 2;

/** The resolver of another driver. */
interface Neighbour {
  readonly address: IpAddress;
  readonly port: number;
  lastActivityMs: number;
  /** Whether a frame came from its address that said who it is; others may have been made up by somebody else. */
  hasSpoken: boolean;
}

/** A neighbour that is configured, by the name of its host. */
interface Bootstrap {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Null until the host was found. */
  address: IpAddress | null;
  isLookedUp: boolean;
  counterId: number;
}

/** Who is told of names: the drivers that were heard of, and those that are configured. */
export class Neighbours {
  readonly all: Neighbour[] = [];
  /** Of {@link all}, who is told names next. */
  private turn = 0;
  private readonly context: DriverNameResolverContext;
  private readonly timeoutMs: number;
  private readonly bootstrap: readonly Bootstrap[];

  constructor(context: DriverNameResolverContext, timeoutMs: number) {
    this.context = context;
    this.timeoutMs = timeoutMs;
    this.bootstrap = context.options.resolverBootstrapNeighbors.map((name) => ({
      name,
      ...splitHostAndPort(name),
      address: null,
      isLookedUp: false,
      counterId: -1,
    }));
  }

  allocateCounters(): void {
    for (const [index, neighbour] of this.bootstrap.entries()) {
      const key = Buffer.alloc(4);
      key.writeInt32LE(index);
      neighbour.counterId = this.context.counters.allocate({
        typeId: CounterType.NAME_RESOLVER_BOOTSTRAP_NEIGHBOR,
        label: labelOf(neighbour),
        key,
      });
    }
  }

  /**
   * A driver is somewhere, `zone` being ours; when it said so itself, it was alive at `lastActivityMs`. `speaks`: the frame came
   * from there, too.
   */
  heard(
    bytes: Uint8Array,
    zone: number,
    port: number,
    isSelf: boolean,
    speaks: boolean,
    lastActivityMs: number,
  ): void {
    const address = addressFrom(bytes, zone);
    const known = this.find(address, port);
    if (known !== undefined) {
      if (isSelf) known.lastActivityMs = lastActivityMs;
      if (speaks) known.hasSpoken = true;
    } else if (this.all.length < (speaks ? NEIGHBOURS_MAX : HEARD_OF_MAX) && address !== 0 && port !== 0) {
      this.all.push({ address: retainAddress(address), port, lastActivityMs, hasSpoken: speaks });
      this.record('NAME_RESOLUTION_NEIGHBOR_ADDED', address, port);
    }
  }

  /** Forgets those who have been silent for too long. */
  expire(nowMs: number): void {
    for (let i = this.all.length - 1; i >= 0; i--) {
      const { address, port, lastActivityMs } = this.all[i]!;
      if (lastActivityMs + this.timeoutMs > nowMs) continue;
      this.all.splice(i, 1);
      this.record('NAME_RESOLUTION_NEIGHBOR_REMOVED', address, port);
      releaseAddress(address);
    }
  }

  private record(name: string, address: IpAddress, port: number): void {
    this.context.eventLog?.record(name, { address: formatSocketAddress(address, port) });
  }

  /** Looks up the hosts of configured neighbours that are not heard of: they may have moved. */
  lookUpBootstrap(): void {
    for (const neighbour of this.bootstrap) {
      if (neighbour.isLookedUp || this.isHeardOf(neighbour)) continue;
      const address = knownAddress(neighbour.host);
      if (address !== null) {
        this.onFound(neighbour, address);
        continue;
      }
      neighbour.isLookedUp = true;
      this.context.lookup(neighbour.host, (reason, found) => {
        neighbour.isLookedUp = false;
        this.onFound(neighbour, reason === null ? knownAddress(found) : null);
        if (neighbour.address !== null) return;
        const why = reason ?? `${found} is not an IP address`;
        this.context.errors.record(ErrorCode.UNKNOWN_HOST, `bootstrap neighbor ${neighbour.name}: ${why}`);
      });
    }
  }

  /**
   * Who is to be told names: everybody configured, and in turn up to `max` of the others, as far as they have spoken themselves.
   * Who is only heard of is greeted, answers if it is a driver, and has spoken then.
   */
  toTell(max: number): Neighbour[] {
    const configured: Neighbour[] = [];
    const others: Neighbour[] = [];
    for (const neighbour of this.all) {
      if (this.isBootstrap(neighbour)) configured.push(neighbour);
      else if (neighbour.hasSpoken) others.push(neighbour);
    }
    const count = Math.min(max, others.length);
    const first = this.turn < others.length ? this.turn : 0;
    this.turn = others.length === 0 ? 0 : (first + count) % others.length;
    for (let i = 0; i < count; i++) configured.push(others[(first + i) % others.length]!);
    return configured;
  }

  /** Calls `greet` for every configured neighbour and every other that was heard of. */
  forEachToGreet(greet: (address: IpAddress, port: number) => void): void {
    for (const { address, port } of this.bootstrap) if (address !== null) greet(address, port);
    for (const neighbour of this.all) {
      if (!this.isBootstrap(neighbour)) greet(neighbour.address, neighbour.port);
    }
  }

  /** The counter of a configured neighbour is 1 while it is heard of. */
  countBootstrap(): void {
    for (const neighbour of this.bootstrap) {
      this.context.counters.setValue(neighbour.counterId, this.isHeardOf(neighbour) ? 1 : 0);
    }
  }

  private onFound(neighbour: Bootstrap, address: IpAddress | null): void {
    if (neighbour.address === address) return;
    neighbour.address = address;
    this.context.counters.setLabel(neighbour.counterId, labelOf(neighbour));
  }

  private isBootstrap({ address, port }: Neighbour): boolean {
    return this.bootstrap.some((known) => known.address === address && known.port === port);
  }

  private isHeardOf({ address, port }: Bootstrap): boolean {
    return address !== null && this.find(address, port) !== undefined;
  }

  private find(address: IpAddress, port: number): Neighbour | undefined {
    return this.all.find((known) => known.address === address && known.port === port);
  }
}

/** The address of 4 or 16 bytes; a link-local one is on the interface of `zone`. 0: no host has it, or there is no room. */
function addressFrom(bytes: Uint8Array, zone: number): IpAddress {
  if (bytes.length === 4) {
    const address = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
    // 0.x.y.z, which no host has, is how addresses of IPv6 are numbered.
    return isIpv6(address) ? 0 : address;
  }
  const isLinkLocal = bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
  return ipv6FromBytes(bytes, isLinkLocal ? zone : 0) ?? 0;
}

function labelOf({ name, address, port }: Bootstrap): string {
  return `Bootstrap neighbor: name=${name} resolved=${address === null ? '' : formatSocketAddress(address, port)}`;
}
