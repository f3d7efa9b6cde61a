import {
  ChannelStatus,
  CounterType,
  channelStatusKey,
  channelStatusLabel,
  localSockaddrKey,
  localSockaddrLabel,
  SystemCounter,
} from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { messageOf } from '../../util/errors.ts';
import { formatSocketAddress } from '../../util/ip-text.ts';
import type { DestinationsSpec, GroupTag, NetworkEvent } from '../messages.ts';
import type { UdpAddresses, UdpChannel } from './channel.ts';
import { ChannelEndpoint, type EndpointKind } from './channel-endpoint.ts';
import { meansByTag } from './channel-tags.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { DpdkTransports } from './dpdk-transports.ts';
import { EndpointIndex } from './endpoint-index.ts';
import { knownAddress, type Resolution } from './name-resolver.ts';
import type { SocketBuffers } from './parameters.ts';
import { checkTimestampClash } from './timestamp-offsets.ts';
import { WildcardPorts } from './wildcard-ports.ts';

/** An endpoint that nobody answered for so long may have moved. */
const SILENCE_NS = 5e9;

type Opened = Extract<NetworkEvent, { kind: 'endpointOpened' }>;

const PREFIX = { send: 'snd', receive: 'rcv' } as const;
const STATUS_TYPE = {
  send: CounterType.SEND_CHANNEL_STATUS,
  receive: CounterType.RECEIVE_CHANNEL_STATUS,
} as const;

/** The channel endpoints: opened for the first user, shared, closed after the last one. */
export class Endpoints {
  private readonly context: ConductorContext;
  private readonly transports: DpdkTransports;
  private readonly endpoints: EndpointIndex = new EndpointIndex();
  private readonly ports: Readonly<Record<EndpointKind, WildcardPorts>>;
  private readonly resolutions: Map<ChannelEndpoint, Resolution> = new Map();
  private readonly resolutionChanges: { increment(): void };
  private nextId = 1;
  private nextResolutionNs: number;

  constructor(context: ConductorContext, transports: DpdkTransports) {
    const { options, clock } = context;
    this.context = context;
    this.transports = transports;
    this.ports = {
      send: new WildcardPorts(options.senderWildcardPortRange),
      receive: new WildcardPorts(options.receiverWildcardPortRange),
    };
    this.resolutionChanges = context.systemCounter(SystemCounter.RESOLUTION_CHANGES);
    this.nextResolutionNs = clock.nanoTime + options.reresolutionCheckIntervalNs;
  }

  /**
   * The endpoint that a channel means, if there is one, and it fits.
   * @throws CommandError when it is closing, or has other socket buffers.
   */
  find(
    kind: EndpointKind,
    channel: UdpChannel,
    addresses: UdpAddresses,
    buffers: SocketBuffers,
  ): ChannelEndpoint | null {
    const tagged = this.findTagged(kind, channel, addresses);
    const candidates = tagged === null ? this.endpoints.at(kind, addresses) : [tagged];
    for (const endpoint of candidates) {
      if (tagged === null && !isSameEndpoint(endpoint, kind, channel, addresses)) continue;
      if (endpoint.state === 'closing') {
        throw new CommandError(
          ErrorCode.RESOURCE_TEMPORARILY_UNAVAILABLE,
          `the ${kind} endpoint of this address is still closing; try again in a moment`,
        );
      }
      checkTimestampClash(kind, endpoint.channel, channel);
      sameLength('so-sndbuf', endpoint, channel, endpoint.buffers.sendBufferLength, buffers.sendBufferLength);
      sameLength(
        'so-rcvbuf',
        endpoint,
        channel,
        endpoint.buffers.receiveBufferLength,
        buffers.receiveBufferLength,
      );
      return endpoint;
    }
    return null;
  }

  private findTagged(
    kind: EndpointKind,
    channel: UdpChannel,
    addresses: UdpAddresses,
  ): ChannelEndpoint | null {
    for (const endpoint of channel.tag === null ? [] : this.endpoints.tagged(channel.tag)) {
      if (endpoint.kind !== kind || endpoint.state === 'failed') continue;
      if (meansByTag(endpoint, channel, addresses)) return endpoint;
    }
    if (!channel.hasTagOnly) return null;
    throw new CommandError(
      ErrorCode.INVALID_CHANNEL,
      'URI must have explicit control, endpoint, or be manual control-mode when original: ' +
        `channel=${channel.channel.text}`,
    );
  }

  /**
   * Asks the network agent for a new endpoint. It is of use once {@link isOpen} says so. `groupTag` is what receivers of
   * subscriptions tell senders of themselves.
   */
  open(
    kind: EndpointKind,
    channel: UdpChannel,
    addresses: UdpAddresses,
    buffers: SocketBuffers,
    registrationId: number,
    groupTag: GroupTag | null = null,
  ): ChannelEndpoint {
    const localPort = this.ports[kind].claim(channel.takesManagedPort, addresses.localPort);
    const bound = { ...addresses, localPort };
    const endpoint = new ChannelEndpoint(this.nextId++, kind, channel, bound, buffers, registrationId);
    const { localAddress, remoteAddress, remotePort, multicast, control } = addresses;
    const stamps = channel.timestamps === null ? {} : { timestamps: channel.timestamps };
    if (channel.isMultiDestination) {
      this.endpoints.add(endpoint);
      const receiver = { control: null, groupTag, ...stamps };
      this.context.network.send({ kind: 'addMultiDestinationEndpoint', endpointId: endpoint.id, receiver });
      return endpoint;
    }
    const options = { localAddress, localPort, remoteAddress, remotePort, multicast, ...buffers };
    const added = { endpointId: endpoint.id, options };
    if (kind === 'send') {
      const destinations = this.destinationsSpec(endpoint);
      this.context.network.send({
        kind: 'addSendEndpoint',
        ...added,
        ...(destinations === null ? {} : { destinations }),
      });
    } else {
      this.context.network.send({
        kind: 'addReceiveEndpoint',
        ...added,
        receiver: { control, groupTag, ...stamps },
      });
    }
    this.endpoints.add(endpoint);
    return endpoint;
  }

  private destinationsSpec(endpoint: ChannelEndpoint): DestinationsSpec | null {
    const { registrationId } = endpoint;
    const { controlMode, channel } = endpoint.channel;
    if (controlMode === null || controlMode === 'response') return null;
    const counterId = this.context.counters.allocate({
      typeId: CounterType.MDC_DESTINATIONS,
      label: channelStatusLabel('mdc-num-dest', channel.text),
      key: channelStatusKey(channel.text),
      registrationId,
    });
    endpoint.destinationsCounterId = counterId;
    return { isManual: controlMode === 'manual', counterId };
  }

  /** An id for a destination of a receive endpoint, and the local port it is to take. */
  claimDestination(channel: UdpChannel, { localPort }: UdpAddresses): { id: number; localPort: number } {
    return { id: this.nextId++, localPort: this.ports.receive.claim(channel.takesManagedPort, localPort) };
  }

  releaseDestination(localPort: number): void {
    this.ports.receive.giveBack(localPort);
  }

  /** False while the network agent opens it. @throws CommandError when it could not. */
  isOpen(endpoint: ChannelEndpoint): boolean {
    if (endpoint.error !== null) throw endpoint.error;
    return endpoint.state === 'active';
  }

  get(endpointId: number): ChannelEndpoint | null {
    return this.endpoints.get(endpointId) ?? null;
  }

  release(endpoint: ChannelEndpoint): void {
    endpoint.users--;
    this.closeIfUnused(endpoint);
  }

  /** For an endpoint that was opened and then not used after all. */
  closeIfUnused(endpoint: ChannelEndpoint): void {
    if (endpoint.users > 0 || endpoint.state !== 'active') return;
    endpoint.state = 'closing';
    if (endpoint.statusCounterId >= 0) {
      this.context.counters.setValue(endpoint.statusCounterId, ChannelStatus.CLOSING);
    }
    this.context.network.send({ kind: 'removeEndpoint', endpointId: endpoint.id });
  }

  onOpened({ endpointId, localAddress, localPort, receiveBufferLength }: Opened): void {
    const endpoint = this.endpoints.get(endpointId);
    if (endpoint === undefined) return;
    endpoint.state = 'active';
    this.record(endpoint, 'CREATION');
    endpoint.lastActiveNs = this.context.clock.nanoTime;
    endpoint.receiveBufferLength = receiveBufferLength;
    const isBound = !endpoint.channel.isMultiDestination;
    try {
      this.allocateCounters(endpoint, isBound ? formatSocketAddress(localAddress, localPort) : '');
    } catch (error) {
      endpoint.error = new CommandError(ErrorCode.GENERIC_ERROR, messageOf(error), { cause: error });
      this.closeIfUnused(endpoint);
    }
  }

  onFailed(endpointId: number, message: string): void {
    const endpoint = this.endpoints.get(endpointId);
    if (endpoint === undefined) return;
    endpoint.state = 'failed';
    endpoint.error = new CommandError(
      ErrorCode.GENERIC_ERROR,
      `${message}, channel=${endpoint.channel.channel.text}`,
    );
    this.forget(endpoint);
  }

  onClosed(endpointId: number): void {
    const endpoint = this.endpoints.get(endpointId);
    if (endpoint === undefined) return;
    this.record(endpoint, 'CLOSE');
    this.forget(endpoint);
  }

  /** What the event log says of an endpoint: `SEND_CHANNEL_CREATION`, for instance. */
  private record({ kind, addresses, channel }: ChannelEndpoint, what: 'CREATION' | 'CLOSE'): void {
    const { localAddress, localPort, remoteAddress, remotePort, multicast } = addresses;
    this.context.eventLog?.record(`${kind.toUpperCase()}_CHANNEL_${what}`, {
      localData: formatSocketAddress(localAddress, localPort),
      remoteData: formatSocketAddress(remoteAddress, remotePort),
      ttl: multicast?.ttl ?? 0,
      channel: channel.text,
    });
  }

  private forget(endpoint: ChannelEndpoint): void {
    const { statusCounterId, localSockaddrCounterId, transportCounterId, destinationsCounterId } = endpoint;
    for (const id of [statusCounterId, localSockaddrCounterId, transportCounterId, destinationsCounterId]) {
      if (id >= 0) this.context.counters.free(id);
    }
    this.endpoints.delete(endpoint);
    this.resolutions.delete(endpoint);
    this.ports[endpoint.kind].giveBack(endpoint.addresses.localPort);
  }

  private allocateCounters(endpoint: ChannelEndpoint, address: string): void {
    const { counters } = this.context;
    const { kind, registrationId } = endpoint;
    const channel = endpoint.channel.channel.text;
    endpoint.statusCounterId = counters.allocate({
      typeId: STATUS_TYPE[kind],
      label: channelStatusLabel(`${PREFIX[kind]}-channel`, channel, address),
      key: channelStatusKey(channel),
      registrationId,
    });
    if (address !== '') {
      endpoint.localSockaddrCounterId = counters.allocate({
        typeId: CounterType.LOCAL_SOCKADDR,
        label: localSockaddrLabel(`${PREFIX[kind]}-local-sockaddr`, endpoint.statusCounterId, address),
        key: localSockaddrKey(endpoint.statusCounterId, address),
        registrationId,
      });
      counters.setValue(endpoint.localSockaddrCounterId, ChannelStatus.ACTIVE);
      const { multicast } = endpoint.addresses;
      endpoint.transportCounterId = this.transports.allocate(kind, address, multicast, registrationId);
    }
    counters.setValue(endpoint.statusCounterId, ChannelStatus.ACTIVE);
  }

  /**
   * Looks the names of silent endpoints up again, and points those that moved at their new address.
   * `isConnected` says whether somebody answers an endpoint.
   */
  onTimer(nowNs: number, isConnected: (endpoint: ChannelEndpoint) => boolean): void {
    this.applyResolutions();
    const { reresolutionCheckIntervalNs } = this.context.options;
    if (reresolutionCheckIntervalNs === 0 || nowNs < this.nextResolutionNs) return;
    this.nextResolutionNs = nowNs + reresolutionCheckIntervalNs;
    for (const endpoint of this.endpoints.all()) {
      if (endpoint.isMulticast || endpoint.state !== 'active' || this.resolutions.has(endpoint)) continue;
      const { host, port } = endpoint.remote;
      // To ask whether it is connected costs a look at every stream.
      if (port === 0 || knownAddress(host) !== null) continue;
      if (isConnected(endpoint)) endpoint.lastActiveNs = nowNs;
      if (nowNs - endpoint.lastActiveNs > SILENCE_NS) {
        this.resolutions.set(endpoint, this.context.names.resolve(host));
      }
    }
  }

  private applyResolutions(): void {
    for (const [endpoint, { address, error }] of this.resolutions) {
      if (address === null && error === null) continue;
      this.resolutions.delete(endpoint);
      if (error !== null) this.context.errors.record(error.errorCode, error.message);
      const { remote } = endpoint;
      if (address === null || address === remote.address || endpoint.state !== 'active') continue;
      this.endpoints.move(endpoint, () => endpoint.reconnected(address));
      this.resolutionChanges.increment();
      this.context.network.send({
        kind: 'reconnectEndpoint',
        endpointId: endpoint.id,
        remoteAddress: address,
        remotePort: remote.port,
      });
    }
  }
}

/** An endpoint that is known by another tag is another one, whatever its addresses. */
function isSameEndpoint(
  endpoint: ChannelEndpoint,
  kind: EndpointKind,
  channel: UdpChannel,
  addresses: UdpAddresses,
): boolean {
  const existingTag = endpoint.channel.tag;
  if (existingTag !== null && channel.tag !== null && existingTag !== channel.tag) return false;
  return endpoint.serves(kind, channel, addresses);
}

function sameLength(
  key: string,
  endpoint: ChannelEndpoint,
  channel: UdpChannel,
  existing: number,
  wanted: number,
): void {
  if (wanted === 0 || wanted === existing) return;
  throw new CommandError(
    ErrorCode.GENERIC_ERROR,
    `${key}=${wanted} differs from ${existing === 0 ? "the system's" : existing} of the endpoint that is open: ` +
      `existingChannel=${endpoint.channel.channel.text} channel=${channel.channel.text}`,
  );
}
