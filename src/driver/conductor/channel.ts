import { ErrorCode } from '../../cnc/error-codes.ts';
import type { Ipv4Address, MulticastOptions } from '../../transport/transport.ts';
import { parseChoice } from '../../uri/channel-parameters.ts';
import { ChannelUri } from '../../uri/channel-uri.ts';
import { parseSessionTag, parseTags, type Tags } from '../../uri/tags.ts';
import { messageOf } from '../../util/errors.ts';
import { formatIpv4, isMulticast } from '../../util/ipv4.ts';
import type { TimestampOffsets } from '../messages.ts';
import { CommandError } from './command-error.ts';
import {
  findInterface,
  knownAddress,
  type LocalAddress,
  type NameResolver,
  type Resolution,
} from './name-resolver.ts';
import { timestampOffsets } from './timestamp-offsets.ts';
import { type ChannelUse, IPV6_SENTENCE, unsupportedParameter } from './unsupported.ts';

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
  readonly localAddress: Ipv4Address;
  readonly localPort: number;
  /** 0 for subscriptions, and for publications with several destinations. */
  readonly remoteAddress: Ipv4Address;
  readonly remotePort: number;
  /** Null: unicast. */
  readonly multicast: MulticastOptions | null;
  /** Where a subscription's or destination's status messages and NAKs go; null: to the source of the stream. */
  readonly control: { readonly address: Ipv4Address; readonly port: number } | null;
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
      this.control !== null ? { address: control, port: this.control.port } : this.interfaceAddress(false);
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
  private groupAddresses(dataAddress: Ipv4Address): UdpAddresses {
    const { port } = this.endpoint;
    if ((dataAddress & 1) === 0) {
      const advice = `send to ${formatIpv4(dataAddress - 1)} or ${formatIpv4(dataAddress + 1)}`;
      throw invalid(
        this.channel,
        `Multicast data address must be odd: ${formatIpv4(dataAddress)}; ${advice}`,
      );
    }
    if (port === 0)
      throw invalid(this.channel, 'a multicast endpoint needs a port: all members have the same');
    const controlAddress = (dataAddress & ~0xff) | ((dataAddress + 1) & 0xff);
    const interfaceAddress = this.interfaceAddress(true).address;
    const isSubscription = this.use === 'subscription' || this.use === 'receiveDestination';
    const groupAddress = isSubscription ? dataAddress : controlAddress;
    return {
      localAddress: 0,
      localPort: port,
      remoteAddress: isSubscription ? 0 : dataAddress,
      remotePort: isSubscription ? 0 : port,
      multicast: { groupAddress, interfaceAddress, ttl: this.ttl },
      control: isSubscription ? { address: controlAddress, port } : null,
    };
  }

  /**
   * What `interface` selects: `address[:port][/prefix]` or `{name}[:port]`. Without it every address, or for multicast,
   * which needs one, the first that is not loopback if there is such.
   */
  private interfaceAddress(isForMulticast: boolean): { address: Ipv4Address; port: number } {
    const text = this.channel.uri.get('interface') ?? (isForMulticast ? '0.0.0.0/0' : '0.0.0.0');
    if (text.startsWith('[')) throw notSupported(IPV6_SENTENCE, this.channel.text);
    const match = /^(?:\{([^}]+)\}|([^:/]+))(?::(\d{1,5}))?(?:\/(\d{1,2}))?$/.exec(text);
    const [, name, host, port = '0', prefix = '32'] = match ?? [];
    const address = knownAddress(host ?? '');
    if (
      match === null ||
      (name === undefined && address === null) ||
      Number(prefix) > 32 ||
      Number(port) > 65535
    ) {
      throw invalid(this.channel, `interface=${text} is not address[:port][/prefix] or {name}`);
    }
    const wanted = name !== undefined ? { name } : { address: address!, prefixLength: Number(prefix) };
    const isWildcard = !isForMulticast && 'address' in wanted && wanted.address === 0;
    const found = isWildcard ? 0 : findInterface(wanted, this.localAddresses(), isForMulticast);
    if (found === null) throw invalid(this.channel, this.noInterface(text));
    return { address: found, port: Number(port) };
  }

  private noInterface(text: string): string {
    const known = this.localAddresses().map(({ name, address }) => `${formatIpv4(address)} ({${name}})`);
    return `no local address matches interface=${text}; there are ${known.join(', ')}`;
  }
}

/** A larger value than a packet can hold is the largest one, as with the official drivers. */
function parseTtl(channel: Channel): number {
  const text = channel.uri.get('ttl') ?? '';
  if (!/^\d{1,9}$/.test(text)) throw invalid(channel, `ttl=${text} is not a number from 0 to ${TTL_MAX}`);
  return Math.min(Number(text), TTL_MAX);
}

function settled(resolution: Resolution): Ipv4Address | null {
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

/** @throws CommandError INVALID_CHANNEL unless the parameter is `host:port`. */
export function parseHostAndPort(channel: Channel, key: 'endpoint' | 'control'): HostAndPort {
  const text = channel.uri.get(key) ?? '';
  if (text.startsWith('[')) throw notSupported(IPV6_SENTENCE, channel.text);
  const [, host, port] = /^([^:]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65535) throw invalid(channel, `${key}=${text} is not host:port`);
  return { host, port: Number(port) };
}
