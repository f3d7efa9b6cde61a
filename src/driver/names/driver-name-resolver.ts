import { CounterType } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import {
  encodeResolution,
  RESOLUTION_TYPE_IPV4,
  RESOLUTION_TYPE_IPV6,
  type ResolutionEntry,
  resolutionEntryLength,
} from '../../protocol/resolution-frame.ts';
import type { IpAddress } from '../../transport/transport.ts';
import { ipv6Zone, isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress, formatIpv6, formatSocketAddress, ipAddressBytes } from '../../util/ip-text.ts';
import type { ErrorReporter } from '../conductor/error-reporter.ts';
import type { HostLookup } from '../conductor/name-resolver.ts';
import type { DriverOptions } from '../driver-options.ts';
import type { EventLog } from '../event-log/event-log.ts';
import type { NetworkEvent } from '../messages.ts';
import type { NetworkLink } from '../network-link.ts';
import { NameCache } from './name-cache.ts';
import { Neighbours } from './neighbours.ts';
import { parseResolverAddress } from './resolver-address.ts';

/** What the conductor calls the resolver's endpoint; those of channels count from 1. */
export const RESOLVER_ENDPOINT_ID = 0;

const WORK_INTERVAL_MS = 10;
const HEADER_LENGTH = 8;
const AGE_MS_MAX = 0x7fffffff;
/**
 * Frames with names that go to drivers which are not configured, an interval: by them strangers could have a host flooded that
 * never asked. Names of more take longer to get around; every driver says its own to all others anyway.
 */
const GOSSIP_FRAMES_MAX = 512;

export interface DriverNameResolverContext {
  readonly options: DriverOptions;
  readonly clock: Clock;
  readonly counters: CountersManager;
  readonly errors: ErrorReporter;
  readonly network: NetworkLink;
  /** For names that are no driver's, and for the hosts of bootstrap neighbours. */
  readonly lookup: HostLookup;
  /** Null: nothing is logged. */
  readonly eventLog?: EventLog | null;
}

/**
 * Knows drivers by their names: every driver tells its neighbours who it is, and whom it has heard of. New ones find the
 * rest through bootstrap neighbours.
 */
export class DriverNameResolver {
  private readonly context: DriverNameResolverContext;
  private readonly name: string;
  private readonly cache: NameCache;
  private readonly neighbours: Neighbours;
  private address: IpAddress;
  private port: number;
  private isOpen = false;
  private neighboursCounterId = -1;
  private cacheCounterId = -1;
  private nextWorkMs = 0;
  private nextSelfMs = 0;
  private nextGossipMs: number;
  private nextBootstrapMs = 0;

  /** Asks the network agent for the resolver's endpoint. */
  constructor(context: DriverNameResolverContext) {
    const { options, network } = context;
    const { host, port } = parseResolverAddress(options.resolverInterface);
    const timeoutMs = options.resolverNeighborTimeoutNs / 1e6;
    this.context = context;
    this.name = options.resolverName;
    this.address = host;
    this.port = port;
    this.cache = new NameCache(timeoutMs);
    this.neighbours = new Neighbours(context, timeoutMs);
    this.nextGossipMs = this.nowMs() + options.resolverNeighborResolutionIntervalNs / 1e6;
    network.send({
      kind: 'addResolverEndpoint',
      endpointId: RESOLVER_ENDPOINT_ID,
      options: {
        localAddress: host,
        localPort: port,
        remoteAddress: 0,
        remotePort: 0,
        receiveBufferLength: options.socketSoRcvbuf,
        sendBufferLength: options.socketSoSndbuf,
      },
    });
  }

  /** Finds drivers at once, and hands every other name on. */
  readonly lookup: HostLookup = (host, callback) => {
    const address = this.cache.find(host);
    if (address !== null) callback(null, address.length === 4 ? address.join('.') : formatIpv6(address));
    else if (host === this.name) callback(null, formatIpAddress(this.address));
    else this.context.lookup(host, callback);
  };

  onOpened({ localAddress, localPort }: Extract<NetworkEvent, { kind: 'endpointOpened' }>): void {
    const { counters } = this.context;
    this.address = localAddress;
    this.port = localPort;
    this.neighboursCounterId = counters.allocate({
      typeId: CounterType.NAME_RESOLVER_NEIGHBORS,
      label: `Resolver neighbors: bound ${formatSocketAddress(localAddress, localPort)}`,
    });
    this.cacheCounterId = counters.allocate({
      typeId: CounterType.NAME_RESOLVER_CACHE_ENTRIES,
      label: `Resolver cache entries: name=${this.name}`,
    });
    this.neighbours.allocateCounters();
    this.isOpen = true;
  }

  /** Drivers cannot be found by name then; everything else works. */
  onFailed(message: string): void {
    const { errors, options } = this.context;
    const setting = `aeron.driver.resolver.interface=${options.resolverInterface}`;
    errors.record(ErrorCode.GENERIC_ERROR, `no driver names, ${setting}: ${message}`);
  }

  onResolution({ entries, sourceAddress }: Extract<NetworkEvent, { kind: 'resolutionReceived' }>): void {
    const nowMs = this.nowMs();
    for (const entry of entries) this.onEntry(entry, sourceAddress, nowMs);
  }

  /** Part of the conductor's duty cycle; looks at more than the time every 10 ms. */
  doWork(): number {
    const nowMs = this.nowMs();
    if (!this.isOpen || nowMs < this.nextWorkMs) return 0;
    const { counters, options } = this.context;
    this.nextWorkMs = nowMs + WORK_INTERVAL_MS;
    this.cache.expire(nowMs);
    this.neighbours.expire(nowMs);
    if (nowMs >= this.nextBootstrapMs) {
      this.nextBootstrapMs = nowMs + options.resolverBootstrapNeighborResolutionIntervalNs / 1e6;
      this.neighbours.lookUpBootstrap();
    }
    if (nowMs >= this.nextSelfMs) {
      this.nextSelfMs = nowMs + options.resolverSelfResolutionIntervalNs / 1e6;
      this.sendSelf();
    }
    if (nowMs >= this.nextGossipMs) {
      this.nextGossipMs = nowMs + options.resolverNeighborResolutionIntervalNs / 1e6;
      this.sendCache(nowMs);
    }
    counters.setValue(this.neighboursCounterId, this.neighbours.all.length);
    counters.setValue(this.cacheCounterId, this.cache.size);
    return 1;
  }

  private onEntry(entry: ResolutionEntry, sourceAddress: IpAddress, nowMs: number): void {
    // A resolver knows itself by name and port: it may be heard at addresses that it does not know of.
    if (entry.port === this.port && entry.name === this.name) return;
    const isAnywhere = entry.isSelf && entry.address.every((byte) => byte === 0);
    const zone = isIpv6(sourceAddress) ? ipv6Zone(sourceAddress) : 0;
    const address = isAnywhere ? ipAddressBytes(sourceAddress) : entry.address;
    const type = typeOf(address);
    const lastActivityMs = nowMs - Math.max(0, entry.ageMs);
    this.cache.update({ ...entry, type }, address, lastActivityMs);
    // A socket of IPv6 reaches both families.
    if (address.length === 16 && !isIpv6(this.address)) return;
    const speaks = entry.isSelf && Buffer.compare(address, ipAddressBytes(sourceAddress)) === 0;
    this.neighbours.heard(address, zone, entry.port, entry.isSelf, speaks, lastActivityMs);
  }

  private sendSelf(): void {
    const address = ipAddressBytes(this.address);
    const frame = encodeResolution([
      {
        type: typeOf(address),
        isSelf: true,
        port: this.port,
        ageMs: 0,
        address,
        name: this.name,
      },
    ]);
    this.neighbours.forEachToGreet((address, port) => this.send(frame, address, port));
    this.neighbours.countBootstrap();
  }

  /** Everything in the cache, in as many frames as it takes, to those who may be told. */
  private sendCache(nowMs: number): void {
    const frames = this.encodeCache(nowMs);
    if (frames.length === 0) return;
    const told = this.neighbours.toTell(Math.floor(GOSSIP_FRAMES_MAX / frames.length));
    for (const frame of frames) {
      for (const { address, port } of told) this.send(frame, address, port);
    }
  }

  private encodeCache(nowMs: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let entries: ResolutionEntry[] = [];
    let length = HEADER_LENGTH;
    for (const { name, type, address, port, lastActivityMs } of this.cache.all()) {
      const entryLength = resolutionEntryLength(type, name.length);
      if (length + entryLength > this.context.options.mtuLength && entries.length > 0) {
        frames.push(encodeResolution(entries));
        entries = [];
        length = HEADER_LENGTH;
      }
      const ageMs = Math.min(Math.floor(nowMs - lastActivityMs), AGE_MS_MAX);
      entries.push({ type, isSelf: false, port, ageMs, address, name });
      length += entryLength;
    }
    if (entries.length > 0) frames.push(encodeResolution(entries));
    return frames;
  }

  private send(frame: Uint8Array, remoteAddress: IpAddress, remotePort: number): void {
    this.context.network.send({
      kind: 'sendResolution',
      endpointId: RESOLVER_ENDPOINT_ID,
      frame,
      remoteAddress,
      remotePort,
    });
  }

  private nowMs(): number {
    return this.context.clock.nanoTime / 1e6;
  }
}

/** Of a resolution entry with these bytes. */
function typeOf(address: Uint8Array): number {
  return address.length === 4 ? RESOLUTION_TYPE_IPV4 : RESOLUTION_TYPE_IPV6;
}
