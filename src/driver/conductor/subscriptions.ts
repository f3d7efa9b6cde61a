import type { Command } from '../../cnc/commands.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { groupTagOf } from '../group-tag.ts';
import { type Channel, parseChannel, UdpChannel } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { Client, Clients } from './clients.ts';
import { CommandError, idInUse } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { Endpoints } from './endpoints.ts';
import type { Linker } from './linker.ts';
import { type SubscriptionParameters, subscriptionParameters } from './parameters.ts';
import type { PendingCommand } from './pending-command.ts';
import type { Stream } from './stream.ts';
import { StreamMap } from './stream-map.ts';
import type { Streams } from './streams.ts';
import { type SpiedChannel, type Subscription, wants, wantsStream } from './subscription.ts';
import { NO_TRANSPORT_SENTENCE } from './unsupported.ts';

export type AddSubscriptionCommand = Extract<Command, { type: 'addSubscription' }>;
export type RemoveSubscriptionCommand = Extract<Command, { type: 'removeSubscription' }>;

const NO_CHANNEL_STATUS = -1;

/** Clients' subscriptions: over UDP and IPC, and spies. */
export class Subscriptions {
  private readonly context: ConductorContext;
  private readonly clients: Clients;
  private readonly endpoints: Endpoints;
  private readonly streams: Streams;
  private readonly linker: Linker;
  private readonly subscriptions: StreamMap<Subscription> = new StreamMap();
  /** Destinations of multi-destination subscriptions that are streams of this machine. */
  private readonly locals: Set<Subscription> = new Set();

  constructor(
    context: ConductorContext,
    clients: Clients,
    endpoints: Endpoints,
    streams: Streams,
    linker: Linker,
  ) {
    this.context = context;
    this.clients = clients;
    this.endpoints = endpoints;
    this.streams = streams;
    this.linker = linker;
  }

  /** Subscriptions that want a stream of this endpoint (`null`: IPC), the oldest first. */
  wanting(endpoint: ChannelEndpoint | null, streamId: number, sessionId: number): Subscription[] {
    const onEndpoint = endpoint === null ? [] : this.subscriptions.onEndpoint(endpoint, streamId);
    const spiesAndIpc = this.subscriptions.onEndpoint(null, streamId);
    const candidates = [...onEndpoint, ...spiesAndIpc, ...this.locals];
    return candidates.filter((one) => wants(one, endpoint, streamId, sessionId));
  }

  get(registrationId: number): Subscription | undefined {
    return this.subscriptions.get(registrationId);
  }

  /** A multi-destination subscription gets streams of this machine, too. */
  addLocal(destination: Subscription): void {
    this.locals.add(destination);
    this.joinStreams(destination);
  }

  /** The client hears that the images are gone. Returns whether there was such a destination. */
  removeLocal(isThis: (destination: Subscription) => boolean): boolean {
    for (const destination of this.locals) {
      if (!isThis(destination)) continue;
      this.locals.delete(destination);
      for (const stream of this.candidates(destination)) {
        this.linker.announceUnavailable(stream, destination);
        this.linker.leave(stream, destination);
      }
      return true;
    }
    return false;
  }

  /** @throws CommandError */
  add(command: AddSubscriptionCommand): PendingCommand {
    if (this.subscriptions.has(command.correlationId)) throw idInUse(command.correlationId);
    const channel = parseChannel(command.channel, 'subscription');
    const parameters = subscriptionParameters(channel, this.context.options);
    const { correlationId } = command;
    if (channel.uri.media === 'ipc') {
      return { correlationId, step: () => this.create(command, null, null, parameters) };
    }
    if (channel.uri.prefix === 'aeron-spy') return this.addSpy(command, channel, parameters);
    return this.addToNetwork(command, channel, parameters);
  }

  /** A spy has no endpoint of its own: it reads the logs of publications on the channel. */
  private addSpy(
    command: AddSubscriptionCommand,
    channel: Channel,
    parameters: SubscriptionParameters,
  ): PendingCommand {
    const { names, localAddresses, options } = this.context;
    const udp = new UdpChannel(channel, 'spy', names, localAddresses, options.socketMulticastTtl);
    const step = (): boolean => {
      const addresses = udp.addresses();
      return addresses !== null && this.create(command, null, { channel: udp, addresses }, parameters);
    };
    return { correlationId: command.correlationId, step };
  }

  private addToNetwork(
    command: AddSubscriptionCommand,
    channel: Channel,
    parameters: SubscriptionParameters,
  ): PendingCommand {
    const { context, endpoints } = this;
    if (context.maxDatagramLength === 0)
      throw new CommandError(ErrorCode.NOT_SUPPORTED, NO_TRANSPORT_SENTENCE);
    const { correlationId } = command;
    const { names, localAddresses, options } = context;
    const udp = new UdpChannel(channel, 'subscription', names, localAddresses, options.socketMulticastTtl);
    checkWindow(parameters, parameters.buffers.receiveBufferLength, '', channel);
    let opening: ChannelEndpoint | null = null;
    const step = (): boolean => {
      const addresses = udp.addresses();
      if (addresses === null) return false;
      if (opening === null) {
        const existing = endpoints.find('receive', udp, addresses, parameters.buffers);
        if (existing !== null) {
          this.checkClash(existing, command, parameters);
          return this.create(command, existing, null, parameters);
        }
        const { buffers, groupTag } = parameters;
        const tag = groupTag === null ? null : groupTagOf(groupTag);
        opening = endpoints.open('receive', udp, addresses, buffers, correlationId, tag);
      }
      if (!endpoints.isOpen(opening)) return false;
      try {
        if (parameters.buffers.receiveBufferLength === 0) {
          checkWindow(parameters, opening.receiveBufferLength, ' (of the system)', channel);
        }
        return this.create(command, opening, null, parameters);
      } catch (error) {
        endpoints.closeIfUnused(opening);
        throw error;
      }
    };
    return { correlationId, step };
  }

  /** Subscriptions to one stream of an endpoint share its image, so they must ask for the same. */
  private checkClash(
    endpoint: ChannelEndpoint,
    { streamId, channel }: AddSubscriptionCommand,
    { sessionId, isReliable, rejoin, isResponse }: SubscriptionParameters,
  ): void {
    for (const existing of this.subscriptions.onEndpoint(endpoint, streamId)) {
      const { parameters } = existing;
      if (parameters.sessionId !== sessionId) continue;
      const option =
        parameters.isReliable !== isReliable
          ? `reliable=${isReliable}`
          : parameters.rejoin !== rejoin
            ? `rejoin=${rejoin}`
            : parameters.isResponse !== isResponse
              ? `isResponse=${isResponse}`
              : null;
      if (option === null) continue;
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `option conflicts with existing subscription: ${option} existingChannel=${existing.channel} channel=${channel}`,
      );
    }
  }

  private create(
    { clientId, correlationId, streamId, channel }: AddSubscriptionCommand,
    endpoint: ChannelEndpoint | null,
    spied: SpiedChannel | null,
    parameters: SubscriptionParameters,
  ): true {
    this.clients.getOrAdd(clientId);
    const subscription: Subscription = {
      registrationId: correlationId,
      destinationId: -1,
      clientId,
      streamId,
      channel,
      endpoint,
      spied,
      parameters,
      responseSessionId: null,
    };
    this.subscriptions.set(correlationId, subscription);
    if (endpoint !== null) {
      endpoint.users++;
      this.changeInterest(endpoint, subscription, 1);
    }
    this.context.events.transmit({
      type: 'subscriptionReady',
      correlationId,
      channelStatusCounterId: endpoint === null ? NO_CHANNEL_STATUS : endpoint.statusCounterId,
    });
    this.joinStreams(subscription);
    return true;
  }

  /** Streams that a subscription may want: a spy those of any endpoint. */
  private candidates({ endpoint, spied, streamId }: Subscription): Stream[] {
    return spied === null
      ? this.streams.onEndpoint(endpoint, streamId)
      : [...this.streams.publications.ofStream(streamId)];
  }

  private joinStreams(subscription: Subscription): void {
    for (const stream of this.candidates(subscription)) {
      if (isJoinable(stream) && wantsStream(subscription, stream)) this.linker.join(stream, subscription);
    }
  }

  /** A subscription for responses waits for this session, unless it has one. */
  setResponseSession(subscription: Subscription, sessionId: number): void {
    const { endpoint, parameters, responseSessionId } = subscription;
    if (!parameters.isResponse || parameters.sessionId !== null || responseSessionId !== null) return;
    subscription.responseSessionId = sessionId;
    if (endpoint !== null) this.changeInterest(endpoint, subscription, 1);
    this.joinStreams(subscription);
  }

  /** @throws CommandError UNKNOWN_SUBSCRIPTION */
  remove({ clientId, correlationId, registrationId }: RemoveSubscriptionCommand): void {
    const subscription = this.subscriptions.get(registrationId);
    if (subscription === undefined) {
      throw new CommandError(
        ErrorCode.UNKNOWN_SUBSCRIPTION,
        `unknown subscription client_id=${clientId} registration_id=${registrationId}`,
      );
    }
    this.end(subscription);
    this.context.events.operationSucceeded(correlationId);
  }

  removeAll({ clientId }: Client): void {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.clientId === clientId) this.end(subscription);
    }
  }

  private end(subscription: Subscription): void {
    const { registrationId, endpoint, streamId, channel } = subscription;
    this.subscriptions.delete(registrationId);
    this.context.eventLog?.record('REMOVE_SUBSCRIPTION_CLEANUP', { streamId, id: registrationId, channel });
    for (const stream of this.candidates(subscription)) this.linker.leave(stream, subscription);
    for (const destination of this.locals) {
      if (destination.registrationId !== registrationId) continue;
      this.locals.delete(destination);
      for (const stream of this.candidates(destination)) this.linker.leave(stream, destination);
    }
    if (endpoint === null) return;
    this.changeInterest(endpoint, subscription, -1);
    this.endpoints.release(endpoint);
  }

  /** The network agent is told when the first subscription wants something of an endpoint, and when the last one left. */
  private changeInterest(
    endpoint: ChannelEndpoint,
    { streamId, parameters, responseSessionId }: Subscription,
    change: 1 | -1,
  ): void {
    const sessionId = parameters.sessionId ?? responseSessionId;
    if (sessionId === null && parameters.isResponse) return;
    const key = `${streamId} ${sessionId}`;
    const count = (endpoint.interests.get(key) ?? 0) + change;
    if (count === 0) endpoint.interests.delete(key);
    else endpoint.interests.set(key, count);
    const isFirst = change === 1 && count === 1;
    if (!isFirst && count !== 0) return;
    const kind = isFirst ? 'addInterest' : 'removeInterest';
    this.context.network.send({ kind, endpointId: endpoint.id, streamId, sessionId });
  }
}

/** Images and publications that have not gone, and are not resting from a rejection. */
function isJoinable(stream: Stream): boolean {
  return stream.isAvailable && !('coolDownUntilNs' in stream && stream.coolDownUntilNs !== 0);
}

function checkWindow(
  { windowLength }: SubscriptionParameters,
  bufferLength: number,
  whose: string,
  channel: Channel,
): void {
  if (bufferLength === 0 || windowLength <= bufferLength) return;
  throw new CommandError(
    ErrorCode.GENERIC_ERROR,
    `Initial window greater than SO_RCVBUF for channel: rcv-wnd=${windowLength} so-rcvbuf=${bufferLength}${whose} ` +
      `channel=${channel.text}`,
  );
}
