import type { Command } from '../../cnc/commands.ts';
import { ChannelStatus, CounterType, localSockaddrKey, localSockaddrLabel } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { messageOf } from '../../util/errors.ts';
import { formatSocketAddress } from '../../util/ip-text.ts';
import type { NetworkEvent } from '../messages.ts';
import { type Channel, parseChannel, type UdpAddresses, UdpChannel, type UdpChannelUse } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { DpdkTransports } from './dpdk-transports.ts';
import type { Endpoints } from './endpoints.ts';
import { subscriptionParameters } from './parameters.ts';
import type { PendingCommand } from './pending-command.ts';
import type { Subscription } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';

type AddCommand = Extract<Command, { type: 'addReceiveDestination' }>;
type RemoveCommand = Extract<Command, { type: 'removeReceiveDestination' }>;
type RemoveByIdCommand = Extract<Command, { type: 'removeDestinationById' }>;

/** Bounds what one subscription takes of sockets and of the network agent's time. */
const DESTINATIONS_MAX = 64;

/** What a destination's channel must not say: it is the subscription's business. */
const FORBIDDEN_KEYS = ['mtu', 'rcv-wnd', 'so-rcvbuf', 'so-sndbuf', 'response-correlation-id'];

/** A UDP port that a multi-destination subscription receives at. */
interface UdpDestination {
  readonly id: number;
  /** Correlation id of the command that added it. */
  readonly registrationId: number;
  readonly endpoint: ChannelEndpoint;
  readonly channel: UdpChannel;
  readonly addresses: UdpAddresses;
  isOpen: boolean;
  /** Why it could not be opened. */
  error: CommandError | null;
  localSockaddrCounterId: number;
  /** -1 unless a DPDK port carries it. */
  transportCounterId: number;
}

/** The destinations of multi-destination subscriptions: UDP ports, and streams of this machine. */
export class ReceiveDestinations {
  private readonly context: ConductorContext;
  private readonly endpoints: Endpoints;
  private readonly subscriptions: Subscriptions;
  private readonly transports: DpdkTransports;
  private readonly destinations: Map<number, UdpDestination> = new Map();

  constructor(
    context: ConductorContext,
    endpoints: Endpoints,
    subscriptions: Subscriptions,
    transports: DpdkTransports,
  ) {
    this.context = context;
    this.endpoints = endpoints;
    this.subscriptions = subscriptions;
    this.transports = transports;
  }

  /** @throws CommandError */
  add(command: AddCommand): PendingCommand {
    const { correlationId } = command;
    const channel = parseChannel(command.channel, 'receiveDestination');
    const subscription = this.multiDestinationSubscription(command.registrationId);
    if (isLocal(channel)) return { correlationId, step: this.addLocal(channel, subscription, correlationId) };
    for (const key of FORBIDDEN_KEYS) {
      if (!channel.uri.has(key)) continue;
      throw new CommandError(
        ErrorCode.INVALID_CHANNEL,
        `destinations must not contain the key: ${key} channel=${channel.text}`,
      );
    }
    return {
      correlationId,
      step: this.addUdp(this.udpChannel(channel, 'receiveDestination'), subscription, correlationId),
    };
  }

  /** A destination without a port: streams of this machine, by IPC or spied on. */
  private addLocal(channel: Channel, subscription: Subscription, correlationId: number): () => boolean {
    const { registrationId, clientId, streamId } = subscription;
    const parameters = subscriptionParameters(channel, this.context.options);
    const spied = channel.uri.media === 'udp' ? this.udpChannel(channel, 'spy') : null;
    return () => {
      const addresses = spied?.addresses() ?? null;
      if (spied !== null && addresses === null) return false;
      this.multiDestinationSubscription(registrationId);
      this.succeed(correlationId);
      this.subscriptions.addLocal({
        registrationId,
        destinationId: correlationId,
        clientId,
        streamId,
        channel: channel.text,
        endpoint: null,
        spied: spied === null ? null : { channel: spied, addresses: addresses! },
        parameters,
        responseSessionId: null,
      });
      return true;
    };
  }

  private addUdp(udp: UdpChannel, subscription: Subscription, correlationId: number): () => boolean {
    let opening: UdpDestination | null = null;
    return () => {
      if (opening === null) {
        const addresses = udp.addresses();
        if (addresses === null) return false;
        // It may have gone while the name was looked up.
        const { endpoint } = this.multiDestinationSubscription(subscription.registrationId);
        opening = this.open(udp, addresses, endpoint!, correlationId);
      }
      if (opening.error !== null) throw opening.error;
      if (!opening.isOpen) return false;
      this.context.events.operationSucceeded(correlationId);
      return true;
    };
  }

  private open(
    channel: UdpChannel,
    addresses: UdpAddresses,
    endpoint: ChannelEndpoint,
    registrationId: number,
  ): UdpDestination {
    const count = this.of(endpoint).length;
    if (count >= DESTINATIONS_MAX) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `the subscription has ${count} destinations, which is the limit: remove one before adding ` +
          `channel=${channel.channel.text}`,
      );
    }
    const { id, localPort } = this.endpoints.claimDestination(channel, addresses);
    const destination: UdpDestination = {
      id,
      registrationId,
      endpoint,
      channel,
      addresses: { ...addresses, localPort },
      isOpen: false,
      error: null,
      localSockaddrCounterId: -1,
      transportCounterId: -1,
    };
    this.destinations.set(id, destination);
    this.context.network.send({
      kind: 'addReceiveDestination',
      endpointId: endpoint.id,
      destinationId: id,
      options: {
        ...endpoint.buffers,
        localAddress: addresses.localAddress,
        localPort,
        remoteAddress: 0,
        remotePort: 0,
        multicast: addresses.multicast,
      },
      control: addresses.control,
    });
    return destination;
  }

  /** @throws CommandError */
  remove({ correlationId, registrationId, channel: text }: RemoveCommand): PendingCommand {
    const channel = parseChannel(text, 'receiveDestination');
    if (isLocal(channel)) {
      const isThis = (one: Subscription): boolean =>
        one.registrationId === registrationId && one.channel === text;
      if (!this.subscriptions.removeLocal(isThis)) {
        throw new CommandError(ErrorCode.UNKNOWN_SUBSCRIPTION, `unknown subscription: ${registrationId}`);
      }
      return { correlationId, step: () => this.succeed(correlationId) };
    }
    const { endpoint } = this.multiDestinationSubscription(registrationId);
    const udp = this.udpChannel(channel, 'receiveDestination');
    const step = (): boolean => {
      const addresses = udp.addresses();
      if (addresses === null) return false;
      const candidates = this.of(endpoint!);
      const found =
        candidates.find((one) => one.channel.channel.text === text) ??
        candidates.find((one) => isAt(one, addresses));
      if (found !== undefined) this.close(found);
      return this.succeed(correlationId);
    };
    return { correlationId, step };
  }

  /** Whether the subscription that a destination is to be removed from is one of this driver's. */
  has(registrationId: number): boolean {
    return this.subscriptions.get(registrationId) !== undefined;
  }

  /** @throws CommandError */
  removeById({ correlationId, registrationId, destinationRegistrationId }: RemoveByIdCommand): void {
    const { endpoint } = this.multiDestinationSubscription(registrationId);
    const found = this.of(endpoint!).find((one) => one.registrationId === destinationRegistrationId);
    const isThis = (one: Subscription): boolean =>
      one.registrationId === registrationId && one.destinationId === destinationRegistrationId;
    if (found !== undefined) {
      this.close(found);
    } else if (!this.subscriptions.removeLocal(isThis)) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `subscription ${registrationId} has no destination with the registration id ${destinationRegistrationId}`,
      );
    }
    this.succeed(correlationId);
  }

  onOpened({ destinationId, ...bound }: Extract<NetworkEvent, { kind: 'destinationOpened' }>): void {
    const destination = this.destinations.get(destinationId);
    if (destination === undefined) return;
    const { counters } = this.context;
    const { statusCounterId, registrationId } = destination.endpoint;
    const address = formatSocketAddress(bound.localAddress, bound.localPort);
    try {
      destination.localSockaddrCounterId = counters.allocate({
        typeId: CounterType.LOCAL_SOCKADDR,
        label: localSockaddrLabel('rcv-local-sockaddr', statusCounterId, address),
        key: localSockaddrKey(statusCounterId, address),
        registrationId,
      });
      counters.setValue(destination.localSockaddrCounterId, ChannelStatus.ACTIVE);
      const { multicast } = destination.addresses;
      destination.transportCounterId = this.transports.allocate(
        'receive',
        address,
        multicast,
        registrationId,
      );
      destination.isOpen = true;
    } catch (error) {
      destination.error = new CommandError(ErrorCode.GENERIC_ERROR, messageOf(error), { cause: error });
      this.close(destination);
    }
  }

  onFailed({ destinationId, message }: Extract<NetworkEvent, { kind: 'destinationFailed' }>): void {
    const destination = this.destinations.get(destinationId);
    if (destination === undefined) return;
    const text = `${message}, channel=${destination.channel.channel.text}`;
    destination.error = new CommandError(ErrorCode.GENERIC_ERROR, text);
    this.forget(destination);
  }

  /** The network agent has closed an endpoint, and its destinations with it. */
  onEndpointClosed(endpointId: number): void {
    for (const destination of this.destinations.values()) {
      if (destination.endpoint.id === endpointId) this.forget(destination);
    }
  }

  private close(destination: UdpDestination): void {
    const { id: destinationId, endpoint } = destination;
    this.context.network.send({ kind: 'removeReceiveDestination', endpointId: endpoint.id, destinationId });
    this.forget(destination);
  }

  private forget(destination: UdpDestination): void {
    const { id, localSockaddrCounterId, transportCounterId, addresses } = destination;
    this.destinations.delete(id);
    for (const counterId of [localSockaddrCounterId, transportCounterId]) {
      if (counterId >= 0) this.context.counters.free(counterId);
    }
    this.endpoints.releaseDestination(addresses.localPort);
  }

  private udpChannel(channel: Channel, use: UdpChannelUse): UdpChannel {
    const { names, localAddresses, options } = this.context;
    return new UdpChannel(channel, use, names, localAddresses, options.socketMulticastTtl);
  }

  private of(endpoint: ChannelEndpoint): UdpDestination[] {
    return [...this.destinations.values()].filter((one) => one.endpoint === endpoint);
  }

  private succeed(correlationId: number): true {
    this.context.events.operationSucceeded(correlationId);
    return true;
  }

  private multiDestinationSubscription(registrationId: number): Subscription {
    const subscription = this.subscriptions.get(registrationId);
    if (subscription?.endpoint?.channel.isMultiDestination !== true) {
      throw new CommandError(ErrorCode.UNKNOWN_SUBSCRIPTION, `unknown MDS subscription: ${registrationId}`);
    }
    return subscription;
  }
}

function isLocal({ uri }: Channel): boolean {
  return uri.media === 'ipc' || uri.prefix === 'aeron-spy';
}

function isAt(
  { addresses }: UdpDestination,
  { localAddress, localPort, multicast, control }: UdpAddresses,
): boolean {
  return (
    localPort !== 0 &&
    addresses.localAddress === localAddress &&
    addresses.localPort === localPort &&
    addresses.multicast?.groupAddress === multicast?.groupAddress &&
    addresses.control?.address === control?.address &&
    addresses.control?.port === control?.port
  );
}
