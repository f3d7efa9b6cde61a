import { isIPv6 } from 'node:net';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { IpAddress, MulticastOptions } from '../../transport/transport.ts';
import { parseChoice } from '../../uri/channel-parameters.ts';
import { ChannelUri } from '../../uri/channel-uri.ts';
import { parseSessionTag, parseTags, type Tags } from '../../uri/tags.ts';
import { messageOf } from '../../util/errors.ts';
import { ANY_IPV6, ipv6Zone, isIpv6, isMulticast, isWildcard } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import { zoneName } from '../../util/zones.ts';
import type { TimestampOffsets } from '../messages.ts';
import { CommandError } from './command-error.ts';
import {
  findInterface,
  groupOf,
  knownAddress,
  type LocalAddress,
  lastOctet,
  type NameResolver,
  nextGroup,
  type Resolution,
} from './name-resolver.ts';
import { timestampOffsets } from './timestamp-offsets.ts';
import { type ChannelUse, unsupportedParameter } from './unsupported.ts';

/** A channel as the client wrote it, and what it means. */
export interface Channel {
  readonly text: string;
  readonly uri: ChannelUri;
  readonly tags: Tags;
  /** The entity tag of the publication whose session is to be taken; null: none. */
  readonly sessionTag: number | null;
}

/**
 * Reads a channel and refuses what this version does not have.
 * @throws CommandError INVALID_CHANNEL or NOT_SUPPORTED.
 */
export function parseChannel(text: string, use: ChannelUse): Channel {
  let channel: Channel;
  try {
    const uri = ChannelUri.parse(text);
    channel = { text, uri, tags: parseTags(uri), sessionTag: parseSessionTag(uri) };
  } catch (error) {
    throw new CommandError(ErrorCode.INVALID_CHANNEL, messageOf(error), { cause: error });
  }
  const sentence = unsupportedParameter(channel.uri, use);
  if (sentence !== null) throw notSupported(sentence, text);
  return channel;
}

function notSupported(sentence: string, channel: string): CommandError {
  return new CommandError(ErrorCode.NOT_SUPPORTED, `${sentence} channel=${channel}`);
}

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** A spy reads the channel as the publications do that it listens to. */
export type UdpChannelUse = ChannelUse | 'spy';
/** How the receivers of a channel are found: `control-mode`. */
export type ControlMode = 'dynamic' | 'manual' | 'response';

/** Every address, and a port that the system chooses. */
const ANY: HostAndPort = { host: '0.0.0.0', port: 0 };

/** What says where an endpoint is. */
const ADDRESS_KEYS = ['endpoint', 'control', 'control-mode'];

/** Where a UDP channel sends to, or receives at. */
export interface UdpAddresses {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  /** 0 for subscriptions, and for publications with several destinations. */
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  /** Null: unicast. */
  readonly multicast: MulticastOptions | null;
  /** Where a subscription's or destination's status messages and NAKs go; null: to the source of the stream. */
  readonly control: { readonly address: IpAddress; readonly port: number } | null;
}

const TTL_MAX = 255;

/**
 * A UDP channel whose host names may still be looked up. {@link addresses} is `null` until they are known.
 */
export class UdpChannel {
  readonly channel: Channel;
  /** The host of the endpoint, as written. */
  readonly endpointHost: string;
  /** The host of the control address, as written. */
  readonly controlHost: string;
  /** Null: the endpoint is the only receiver. */
  readonly controlMode: ControlMode | null;
  /** A port of 0 takes a free one, so the endpoint is never shared. */
  readonly hasWildcardPort: boolean;
  /** What else the endpoint is known by; null: nothing. */
  readonly tag: number | null;
  /** The channel means an endpoint that another channel has named and tagged. */
  readonly hasTagOnly: boolean;
  /** A subscription that receives at destinations, which come and go, instead of at an endpoint of its own. */
  readonly isMultiDestination: boolean;
  /** Where it wants timestamps; null: nowhere. */
  readonly timestamps: TimestampOffsets | null;
  private readonly use: UdpChannelUse;
  private readonly endpoint: HostAndPort;
  private readonly control: HostAndPort | null;
  private readonly endpointResolution: Resolution;
  private readonly controlResolution: Resolution | null;
  private readonly localAddresses: () => readonly LocalAddress[];
  private readonly ttl: number;

  /** `multicastTtl` is for channels that say none. @throws CommandError when a parameter is missing or malformed. */
  constructor(
    channel: Channel,
    use: UdpChannelUse,
    resolver: NameResolver,
    localAddresses: () => readonly LocalAddress[],
    multicastTtl: number,
  ) {
    const { uri } = channel;
    this.channel = channel;
    this.use = use;
    this.localAddresses = localAddresses;
    this.ttl = uri.has('ttl') ? parseTtl(channel) : multicastTtl;
    this.controlMode = controlMode(channel);
    this.control = uri.has('control') ? parseHostAndPort(channel, 'control') : null;
    this.timestamps = timestampOffsets(uri, channel.text);
    this.tag = channel.tags.channel;
    this.hasTagOnly = this.tag !== null && ADDRESS_KEYS.every((key) => !uri.has(key));
    const isReceiving = use === 'subscription' || use === 'receiveDestination';
    this.isMultiDestination = use === 'subscription' && this.controlMode === 'manual';
    const isCast = !isReceiving && this.controlMode !== null;
    const hasNone = isReceiving ? this.isMultiDestination || this.control !== null : isCast;
    const needsEndpoint = !this.hasTagOnly && !hasNone;
    if (needsEndpoint && !uri.has('endpoint')) {
      throw invalid(
        channel,
        uri.has('control')
          ? "'control' parameter requires that either 'endpoint' or 'control-mode' is specified"
          : 'a UDP channel needs endpoint=host:port',
      );
    }
    this.endpoint =
      isCast || this.isMultiDestination || !uri.has('endpoint') ? ANY : parseHostAndPort(channel, 'endpoint');
    if (isReceiving && this.control?.port === 0) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `control has port=0 for subscription: channel=${channel.text}`,
      );
    }
    if (use === 'publication' && !isCast && !this.hasTagOnly && this.endpoint.port === 0) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `endpoint has port=0 for publication: channel=${channel.text}`,
      );
    }
    this.endpointHost = this.endpoint.host;
    this.controlHost = this.control?.host ?? '';
    this.hasWildcardPort =
      this.control?.port === 0 ||
      this.isMultiDestination ||
      (isCast ? this.control === null : uri.has('endpoint') && this.endpoint.port === 0);
    this.endpointResolution = resolver.resolve(this.endpoint.host);
    this.controlResolution = this.control === null ? null : resolver.resolve(this.control.host);
  }

  /** As the client wrote it. */
  get text(): string {
    return this.channel.text;
  }

  /** True when the local port is to be chosen from the driver's range for wildcard ports. */
  get takesManagedPort(): boolean {
    if (this.isMultiDestination) return false;
    return this.use === 'publication' ? this.control?.port === 0 : this.endpoint.port === 0;
  }

  /** `null` while names are looked up. @throws CommandError UNKNOWN_HOST, NOT_SUPPORTED, INVALID_CHANNEL. */
  addresses(): UdpAddresses | null {
    const endpoint = settled(this.endpointResolution);
    const control = this.controlResolution === null ? 0 : settled(this.controlResolution);
    if (endpoint === null || control === null) return null;
    if (isMulticast(endpoint)) return this.groupAddresses(endpoint);
    const { port } = this.endpoint;
    const unicast = { multicast: null, control: null };
    if (this.use === 'subscription' || this.use === 'receiveDestination') {
      return {
        ...unicast,
        localAddress: endpoint,
        localPort: port,
        remoteAddress: 0,
        remotePort: 0,
        control: this.control === null ? null : { address: control, port: this.control.port },
      };
    }
    const local =
      this.control !== null
        ? { address: control, port: this.control.port }
        : this.interfaceAddress(false, isIpv6(endpoint));
    return {
      ...unicast,
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: endpoint,
      remotePort: port,
    };
  }

  /**
   * Data goes to a group whose last octet is odd; what receivers say goes to that octet plus one (255 is followed by 0, as
   * with the official drivers). Either side is a member of the group that the other sends to. Whatever `control` says
   * does not matter.
   */
  private groupAddresses(endpoint: IpAddress): UdpAddresses {
    const { port } = this.endpoint;
    const dataAddress = groupOf(endpoint);
    if (lastOctet(dataAddress) % 2 === 0) {
      const advice = `send to ${formatIpAddress(nextGroup(dataAddress))}`;
      throw invalid(
        this.channel,
        `Multicast data address must be odd: ${formatIpAddress(dataAddress)}; ${advice}`,
      );
    }
    if (port === 0)
      throw invalid(this.channel, 'a multicast endpoint needs a port: all members have the same');
    const controlAddress = nextGroup(dataAddress);
    const zone = isIpv6(endpoint) ? ipv6Zone(endpoint) : 0;
    const { address: interfaceAddress, interfaceIndex } = this.interfaceAddress(true, isIpv6(endpoint), zone);
    const isSubscription = this.use === 'subscription' || this.use === 'receiveDestination';
    const groupAddress = isSubscription ? dataAddress : controlAddress;
    return {
      localAddress: isIpv6(endpoint) ? ANY_IPV6 : 0,
      localPort: port,
      remoteAddress: isSubscription ? 0 : dataAddress,
      remotePort: isSubscription ? 0 : port,
      multicast: { groupAddress, interfaceAddress, interfaceIndex, ttl: this.ttl },
      control: isSubscription ? { address: controlAddress, port } : null,
    };
  }

  /**
   * What `interface` selects: `address[:port][/prefix]`, `[address][:port][/prefix]` or `{name}[:port]`. Without it every
   * address, or for multicast, which needs one, the first that is not loopback if there is such; `zone`, unless 0, is the
   * interface that was named with the group.
   */
  private interfaceAddress(
    isForMulticast: boolean,
    isV6: boolean,
    zone = 0,
  ): { address: IpAddress; port: number; interfaceIndex: number } {
    const any = isV6 ? '[::]' : '0.0.0.0';
    const whereGroupIs = zone === 0 ? `${any}/0` : `{${zoneName(zone)}}`;
    const text = this.channel.uri.get('interface') ?? (isForMulticast ? whereGroupIs : any);
    const { wanted, port } = parseInterface(this.channel, text);
    if (!isForMulticast && 'address' in wanted && isWildcard(wanted.address)) {
      return { address: isV6 ? ANY_IPV6 : 0, port, interfaceIndex: 0 };
    }
    const found = findInterface(wanted, this.localAddresses(), isForMulticast, isV6);
    if (found === null || isIpv6(found.address) !== isV6)
      throw invalid(this.channel, this.noInterface(text, isV6));
    return { address: found.address, port, interfaceIndex: found.interfaceIndex ?? 0 };
  }

  private noInterface(text: string, isV6: boolean): string {
    const known = this.localAddresses()
      .filter(({ address }) => isIpv6(address) === isV6)
      .map(({ name, address }) => `${formatIpAddress(address)} ({${name}})`);
    return `no local address matches interface=${text}; there are ${known.join(', ')}`;
  }
}

/** @throws CommandError INVALID_CHANNEL. */
function parseInterface(
  channel: Channel,
  text: string,
): { wanted: { name: string } | { address: IpAddress; prefixLength: number }; port: number } {
  const match = /^(?:\{([^}]+)\}|\[([^\]]+)\]|([^:/[]+))(?::(\d{1,5}))?(?:\/(\d{1,3}))?$/.exec(text);
  const [, name, host6, host4 = '', port = '0', prefix] = match ?? [];
  const address = knownAddress(host6 ?? host4);
  const prefixLengthMax = host6 === undefined ? 32 : 128;
  const prefixLength = Number(prefix ?? prefixLengthMax);
  if (
    match === null ||
    (name === undefined && (address === null || isIpv6(address) !== (host6 !== undefined))) ||
    prefixLength > prefixLengthMax ||
    Number(port) > 65535
  ) {
    throw invalid(
      channel,
      `interface=${text} is not address[:port][/prefix], [address][:port][/prefix] or {name}`,
    );
  }
  return { wanted: name !== undefined ? { name } : { address: address!, prefixLength }, port: Number(port) };
}

/** A larger value than a packet can hold is the largest one, as with the official drivers. */
function parseTtl(channel: Channel): number {
  const text = channel.uri.get('ttl') ?? '';
  if (!/^\d{1,9}$/.test(text)) throw invalid(channel, `ttl=${text} is not a number from 0 to ${TTL_MAX}`);
  return Math.min(Number(text), TTL_MAX);
}

function settled(resolution: Resolution): IpAddress | null {
  if (resolution.error !== null) throw resolution.error;
  return resolution.address;
}

function invalid(channel: Channel, reason: string): CommandError {
  return new CommandError(ErrorCode.INVALID_CHANNEL, `${reason}, channel=${channel.text}`);
}

function controlMode(channel: Channel): ControlMode | null {
  const text = channel.uri.get('control-mode');
  if (text !== undefined) {
    try {
      parseChoice('control-mode', text);
    } catch (error) {
      throw invalid(channel, `control-mode=${text}: ${messageOf(error)}`);
    }
  }
  if (text !== 'dynamic' && text !== 'manual' && text !== 'response') return null;
  if (text === 'dynamic' && !channel.uri.has('control')) {
    throw invalid(channel, 'explicit control expected with dynamic control mode');
  }
  return text;
}

/** @throws CommandError INVALID_CHANNEL unless the parameter is `host:port` or `[address]:port`. */
export function parseHostAndPort(channel: Channel, key: 'endpoint' | 'control'): HostAndPort {
  const text = channel.uri.get(key) ?? '';
  const [, host6, host4, port] = /^(?:\[([^\]]+)\]|([^:[]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = host6 ?? host4;
  if (host === undefined || (host6 !== undefined && !isIPv6(host6)) || Number(port) > 65535) {
    throw invalid(channel, `${key}=${text} is not host:port or [address]:port`);
  }
  return { host, port: Number(port) };
}
