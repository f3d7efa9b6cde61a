import { publicationLogPath } from '../../cnc/cnc-file.ts';
import type { Command } from '../../cnc/commands.ts';
import {
  CONCURRENT_PUBLISHER_POSITION,
  EXCLUSIVE_PUBLISHER_POSITION,
  FLOW_CONTROL_RECEIVERS,
  PUBLISHER_LIMIT,
  SENDER_BPE,
  SENDER_LIMIT,
  SENDER_NAKS_RECEIVED,
  SENDER_POSITION,
  type StreamCounterKind,
} from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import type { FlowControlParameters } from '../flow/flow-control-uri.ts';
import { type Channel, parseChannel, UdpChannel } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { Client, Clients } from './clients.ts';
import { CommandError, idInUse } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import { confirmMatch } from './confirm-match.ts';
import type { Endpoints } from './endpoints.ts';
import {
  allocateStreamCounter,
  allocateStreamCounters,
  type Linker,
  type StreamCounterSpec,
} from './linker.ts';
import {
  flowControlParameters,
  type PublicationParameters,
  positionOf,
  publicationParameters,
  type TaggedSession,
} from './parameters.ts';
import type { PendingCommand } from './pending-command.ts';
import { addCommand, logParameters } from './publication-specs.ts';
import { Responses } from './responses.ts';
import { SessionIds } from './session-ids.ts';
import { isIpc, type Publication, type SubscriberLink } from './stream.ts';
import type { StreamMap } from './stream-map.ts';
import type { Streams } from './streams.ts';
import type { Subscriptions } from './subscriptions.ts';
import { NO_TRANSPORT_SENTENCE } from './unsupported.ts';

export type AddPublicationCommand = Extract<Command, { type: 'addPublication' | 'addExclusivePublication' }>;
export type RemovePublicationCommand = Extract<Command, { type: 'removePublication' }>;

/** The source of IPC images. */
const IPC_CHANNEL = 'aeron:ipc';
const NO_CHANNEL_STATUS = -1;
/** 65535 less the headers of IPv4 and UDP. */
const IPV4_DATAGRAM_LENGTH_MAX = 65_507;
/** Owner of counters that belong to the driver. */
const NULL_OWNER = -1;

/** Network and IPC publications: made for the first reference, shared, drained after the last one. */
export class Publications {
  private readonly context: ConductorContext;
  private readonly clients: Clients;
  private readonly endpoints: Endpoints;
  private readonly subscriptions: Subscriptions;
  private readonly linker: Linker;
  private readonly sessionIds: SessionIds;
  readonly responses: Responses;
  private readonly publications: StreamMap<Publication>;

  constructor(
    context: ConductorContext,
    clients: Clients,
    endpoints: Endpoints,
    streams: Streams,
    subscriptions: Subscriptions,
    linker: Linker,
  ) {
    const { options } = context;
    this.context = context;
    this.clients = clients;
    this.endpoints = endpoints;
    this.publications = streams.publications;
    this.subscriptions = subscriptions;
    this.linker = linker;
    this.responses = new Responses(context, streams, subscriptions);
    this.sessionIds = new SessionIds(
      context.randomInt32(),
      options.publicationReservedSessionIdLow,
      options.publicationReservedSessionIdHigh,
    );
  }

  /** @throws CommandError */
  add(command: AddPublicationCommand): PendingCommand {
    if (this.clients.get(command.clientId)?.publications.has(command.correlationId)) {
      throw idInUse(command.correlationId);
    }
    const channel = parseChannel(command.channel, 'publication');
    this.checkEntityTag(channel);
    const parameters = publicationParameters(
      channel,
      this.context.options,
      command.streamId,
      this.taggedSession(channel),
    );
    this.responses.check(parameters, channel.uri.media === 'ipc');
    if (channel.uri.media === 'ipc') {
      return { correlationId: command.correlationId, step: () => this.addOrShare(command, null, parameters) };
    }
    return this.addToNetwork(command, channel, parameters);
  }

  /** Entity tags are unique. */
  private checkEntityTag({ tags, text }: Channel): void {
    if (tags.entity === null) return;
    for (const { parameters, channel } of this.publications.values()) {
      if (parameters.entityTag !== tags.entity) continue;
      throw new CommandError(
        ErrorCode.INVALID_CHANNEL,
        `${tags.entity} entityTag already in use: existingChannel=${channel} channel=${text}`,
      );
    }
  }

  /** What `session-id=tag:…` means. */
  private taggedSession({ sessionTag, uri, text }: Channel): TaggedSession | null {
    if (sessionTag === null) return null;
    const wantsIpc = uri.media === 'ipc';
    for (const publication of this.publications.values()) {
      const { parameters, sessionId } = publication;
      if (parameters.entityTag !== sessionTag || isIpc(publication) !== wantsIpc) continue;
      return { sessionId, termLength: parameters.termLength, mtu: parameters.mtu };
    }
    throw new CommandError(
      ErrorCode.INVALID_CHANNEL,
      `session-id=tag:${sessionTag} must reference ${wantsIpc ? 'an IPC' : 'a network'} publication: channel=${text}`,
    );
  }

  private addToNetwork(
    command: AddPublicationCommand,
    channel: Channel,
    parameters: PublicationParameters,
  ): PendingCommand {
    const { context, endpoints } = this;
    const { maxDatagramLength } = context;
    if (maxDatagramLength === 0) throw new CommandError(ErrorCode.NOT_SUPPORTED, NO_TRANSPORT_SENTENCE);
    checkMtu(parameters.mtu, maxDatagramLength, channel);
    const { names, localAddresses, options } = context;
    const udp = new UdpChannel(channel, 'publication', names, localAddresses, options.socketMulticastTtl);
    const { correlationId } = command;
    let opening: ChannelEndpoint | null = null;
    const step = (): boolean => {
      const addresses = udp.addresses();
      if (addresses === null) return false;
      if (isIpv6(addresses.localAddress)) checkMtu(parameters.mtu, ipv6LengthMax(maxDatagramLength), channel);
      if (opening === null) {
        const existing = endpoints.find('send', udp, addresses, parameters.buffers);
        if (existing !== null) return this.addOrShare(command, existing, parameters);
        opening = endpoints.open('send', udp, addresses, parameters.buffers, correlationId);
      }
      if (!endpoints.isOpen(opening)) return false;
      try {
        return this.addOrShare(command, opening, parameters);
      } catch (error) {
        endpoints.closeIfUnused(opening);
        throw error;
      }
    };
    return { correlationId, step };
  }

  /** `endpoint` null: IPC. */
  private addOrShare(
    command: AddPublicationCommand,
    endpoint: ChannelEndpoint | null,
    parameters: PublicationParameters,
  ): true {
    const shared =
      command.type === 'addPublication' ? this.findShared(endpoint, command.streamId, parameters) : null;
    if (shared !== null) {
      confirmMatch(shared, parameters, command.channel);
      this.refer(command, shared, []);
      return true;
    }
    const { sessionId } = parameters;
    if (sessionId !== null && this.isSessionTaken(endpoint, command.streamId, sessionId)) {
      throw new CommandError(
        ErrorCode.INVALID_CHANNEL,
        `existing publication has clashing sessionId=${sessionId} for streamId=${command.streamId} ` +
          `channel=${command.channel}`,
      );
    }
    this.create(command, endpoint, parameters);
    return true;
  }

  private findShared(
    endpoint: ChannelEndpoint | null,
    streamId: number,
    { responseCorrelationId }: PublicationParameters,
  ): Publication | null {
    for (const publication of this.publications.onEndpoint(endpoint, streamId)) {
      const { isExclusive, isDraining, parameters } = publication;
      if (parameters.responseCorrelationId !== responseCorrelationId) continue;
      if (!isExclusive && !isDraining) return publication;
    }
    return null;
  }

  private isSessionTaken(endpoint: ChannelEndpoint | null, streamId: number, sessionId: number): boolean {
    for (const publication of this.publications.onEndpoint(endpoint, streamId)) {
      // An IPC session may be used again as soon as its subscribers have seen all of it.
      if (publication.sessionId === sessionId && (endpoint !== null || publication.isAvailable)) return true;
    }
    return false;
  }

  /** A session id that no publication of this stream id has, on any channel. */
  nextSessionId(streamId: number): number {
    return this.sessionIds.next((sessionId) => {
      for (const publication of this.publications.ofStream(streamId)) {
        if (publication.sessionId === sessionId) return true;
      }
      return false;
    });
  }

  private create(
    command: AddPublicationCommand,
    endpoint: ChannelEndpoint | null,
    parameters: PublicationParameters,
  ): void {
    const { context } = this;
    const { correlationId: registrationId, streamId } = command;
    const isTaken = (id: number): boolean => this.isSessionTaken(endpoint, streamId, id);
    const sessionId = parameters.sessionId ?? this.sessionIds.next(isTaken);
    const initialTermId = parameters.start?.initialTermId ?? context.randomInt32();
    const startPosition = positionOf(parameters.start, parameters.termLength);
    this.responses.onSession(parameters, endpoint === null, sessionId);
    const isExclusive = command.type === 'addExclusivePublication';
    const logPath = publicationLogPath(context.options.dir, registrationId);
    const identity = { registrationId, sessionId, streamId };
    const flowControl =
      endpoint === null ? null : flowControlParameters(parameters, endpoint, context.options);
    const log = context.logs.create(logPath, {
      ...logParameters(parameters),
      ...identity,
      isGroup: endpoint?.hasGroupSemantics ?? false,
      logType: isExclusive ? 'exclusivePublication' : 'concurrentPublication',
      initialTermId,
      startPosition,
    });
    let counterIds: number[];
    let links: SubscriberLink[];
    try {
      ({ counterIds, links } = this.allocateCounters(
        command,
        endpoint,
        flowControl,
        sessionId,
        startPosition,
      ));
    } catch (error) {
      context.logs.remove(logPath, log);
      throw error;
    }
    const publication: Publication = {
      ...identity,
      log,
      logPath,
      endpoint,
      sourceIdentity: IPC_CHANNEL,
      counterIds,
      links: [...links],
      isAvailable: true,
      isExclusive,
      channel: command.channel,
      parameters,
      initialTermId,
      publisherLimitCounterId: counterIds[1]!,
      references: 0,
      isDraining: false,
      coolDownUntilNs: 0,
    };
    this.publications.set(registrationId, publication);
    if (endpoint !== null) endpoint.users++;
    const resendHandle = canLend(endpoint) ? context.logs.lend(log) : log.region.handle;
    context.network.send(addCommand(publication, log, startPosition, flowControl, resendHandle));
    this.refer(command, publication, links);
  }

  /** The counters of a new publication, of its client, and of the subscribers or spies it starts with. */
  private allocateCounters(
    command: AddPublicationCommand,
    endpoint: ChannelEndpoint | null,
    flowControl: FlowControlParameters | null,
    sessionId: number,
    startPosition: number,
  ): { counterIds: number[]; links: SubscriberLink[] } {
    const own = counterOwner(command, sessionId);
    const counterIds =
      flowControl === null
        ? this.allocateIpcCounters(command, own, startPosition)
        : this.allocateNetworkCounters(command, own, flowControl, startPosition);
    try {
      this.clients.getOrAdd(command.clientId);
      const subscriptions = this.subscriptions.wanting(endpoint, command.streamId, sessionId);
      return { counterIds, links: this.linker.linkNew(own, subscriptions, startPosition) };
    } catch (error) {
      for (const id of counterIds) this.context.counters.free(id);
      throw error;
    }
  }

  private allocateIpcCounters(
    command: AddPublicationCommand,
    own: Omit<StreamCounterSpec, 'kind'>,
    startPosition: number,
  ): number[] {
    const kinds = [publisherPosition(command), PUBLISHER_LIMIT];
    return allocateStreamCounters(this.context, kinds, { ...own, value: startPosition });
  }

  /** That of the receivers is allocated first and listed last. */
  private allocateNetworkCounters(
    command: AddPublicationCommand,
    own: Omit<StreamCounterSpec, 'kind'>,
    { strategy }: FlowControlParameters,
    startPosition: number,
  ): number[] {
    const { context } = this;
    const counterIds: number[] = [];
    try {
      if (strategy !== 'max') {
        counterIds.push(
          allocateStreamCounter(context, { ...own, kind: FLOW_CONTROL_RECEIVERS, ownerId: NULL_OWNER }),
        );
      }
      const receivers = [...counterIds];
      const positions = [publisherPosition(command), PUBLISHER_LIMIT, SENDER_POSITION, SENDER_LIMIT];
      counterIds.push(...allocateStreamCounters(context, positions, { ...own, value: startPosition }));
      counterIds.push(...allocateStreamCounters(context, [SENDER_BPE, SENDER_NAKS_RECEIVED], own));
      return [...counterIds.slice(receivers.length), ...receivers];
    } catch (error) {
      for (const id of counterIds) context.counters.free(id);
      throw error;
    }
  }

  /** A client has the publication from now on, and is told; subscribers of `links` after it. */
  private refer(
    command: AddPublicationCommand,
    publication: Publication,
    links: readonly SubscriberLink[],
  ): void {
    const client = this.clients.getOrAdd(command.clientId);
    client.publications.set(command.correlationId, publication);
    publication.references++;
    const { endpoint, registrationId, sessionId, streamId, publisherLimitCounterId, logPath } = publication;
    this.context.events.transmit({
      type: command.type === 'addPublication' ? 'publicationReady' : 'exclusivePublicationReady',
      correlationId: command.correlationId,
      registrationId,
      sessionId,
      streamId,
      positionLimitCounterId: publisherLimitCounterId,
      channelStatusCounterId: endpoint === null ? NO_CHANNEL_STATUS : endpoint.statusCounterId,
      logFileName: logPath,
    });
    for (const link of links) this.linker.announce(publication, link);
  }

  /** @throws CommandError UNKNOWN_PUBLICATION */
  remove({ clientId, correlationId, registrationId, revoke }: RemovePublicationCommand): void {
    const client = this.clients.get(clientId);
    const publication = client?.publications.get(registrationId);
    if (client === null || publication === undefined) {
      throw new CommandError(
        ErrorCode.UNKNOWN_PUBLICATION,
        `unknown publication client_id=${clientId} registration_id=${registrationId}`,
      );
    }
    client.publications.delete(registrationId);
    this.dereference(publication, revoke);
    this.context.events.operationSucceeded(correlationId);
  }

  removeAll(client: Client): void {
    for (const publication of client.publications.values()) this.dereference(publication, false);
  }

  private dereference(publication: Publication, revoke: boolean): void {
    publication.references--;
    if (publication.isDraining || (publication.references > 0 && !revoke)) return;
    publication.isDraining = true;
    const { registrationId, sessionId, streamId, channel } = publication;
    if (revoke) {
      const revokedPosition = publication.log.producerPosition();
      this.context.eventLog?.record('PUBLICATION_REVOKE', { revokedPosition, sessionId, streamId, channel });
    }
    this.context.network.send({ kind: 'drainPublication', registrationId, revoke });
  }

  /** Somebody receives a response publication. */
  onResponseConnected(registrationId: number): void {
    const publication = this.publications.get(registrationId);
    if (publication !== undefined) this.responses.onConnected(publication);
  }

  /** The network agent has let go of it. */
  onReleased(publication: Publication): void {
    this.publications.delete(publication.registrationId);
    const { sessionId, streamId, channel } = publication;
    this.context.eventLog?.record('REMOVE_PUBLICATION_CLEANUP', { sessionId, streamId, channel });
    for (const { counterId } of publication.links) this.context.counters.free(counterId);
    for (const id of publication.counterIds) this.context.counters.free(id);
    this.context.logs.remove(publication.logPath, publication.log);
    if (publication.endpoint !== null) this.endpoints.release(publication.endpoint);
  }

  /** A subscriber does not want an IPC publication: nobody gets it for a while. */
  rejectIpc(publication: Publication): void {
    const { clock, options } = this.context;
    if (publication.coolDownUntilNs === 0) {
      this.linker.announceUnavailable(publication);
      this.linker.leaveAll(publication);
    }
    publication.coolDownUntilNs = clock.nanoTime + options.imageLivenessTimeoutNs;
  }

  /** Lets subscribers come back to IPC publications that were rejected. */
  onTimer(nowNs: number): void {
    for (const publication of this.publications.values()) {
      if (publication.coolDownUntilNs === 0 || nowNs < publication.coolDownUntilNs) continue;
      publication.coolDownUntilNs = 0;
      if (publication.isDraining) continue;
      const { streamId, sessionId } = publication;
      for (const subscription of this.subscriptions.wanting(null, streamId, sessionId)) {
        this.linker.join(publication, subscription);
      }
    }
  }

  /** Whether somebody answers one of the publications on an endpoint. */
  isConnected(endpoint: ChannelEndpoint): boolean {
    for (const publication of this.publications.values()) {
      if (publication.endpoint === endpoint && publication.log.isConnected()) return true;
    }
    return false;
  }
}

/**
 * Whether a stream's frames may be sent from its log: they must have left the transmit ring before their place is cleaned, so
 * none may be held back for one of several destinations; and nothing may be written into them when they are sent.
 */
function canLend(endpoint: ChannelEndpoint | null): endpoint is ChannelEndpoint {
  return (
    endpoint !== null &&
    endpoint.channel.controlMode === null &&
    (endpoint.channel.timestamps?.channelSend ?? -1) === -1
  );
}

function publisherPosition({ type }: AddPublicationCommand): StreamCounterKind {
  return type === 'addPublication' ? CONCURRENT_PUBLISHER_POSITION : EXCLUSIVE_PUBLISHER_POSITION;
}

/** Whose the counters of a new publication are. */
function counterOwner(
  { correlationId, clientId, streamId, channel }: AddPublicationCommand,
  sessionId: number,
): Omit<StreamCounterSpec, 'kind'> {
  return { registrationId: correlationId, sessionId, streamId, channel, ownerId: clientId };
}

/** @throws CommandError when a transport with datagrams of that length at most cannot carry the stream's. */
function checkMtu(mtu: number, maxDatagramLength: number, channel: Channel): void {
  if (mtu <= maxDatagramLength) return;
  throw new CommandError(
    ErrorCode.GENERIC_ERROR,
    `mtu=${mtu} is more than the transport can send in a datagram: ${maxDatagramLength}, channel=${channel.text}`,
  );
}

/** Of IPv6, whose header is longer by 20 bytes. A transport that takes the longest datagrams of IPv4 cuts them up itself. */
function ipv6LengthMax(maxDatagramLength: number): number {
  return maxDatagramLength >= IPV4_DATAGRAM_LENGTH_MAX ? maxDatagramLength : maxDatagramLength - 20;
}
