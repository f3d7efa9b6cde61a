import type { Command } from '../../cnc/commands.ts';
import { SystemCounter } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { IpAddress } from '../../transport/transport.ts';
import { ChannelUri } from '../../uri/channel-uri.ts';
import { NO_TAGS } from '../../uri/tags.ts';
import { messageOf } from '../../util/errors.ts';
import { type Channel, parseHostAndPort } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { Endpoints } from './endpoints.ts';
import { knownAddress, type Resolution } from './name-resolver.ts';
import type { PendingCommand } from './pending-command.ts';
import type { Streams } from './streams.ts';

type AddDestinationCommand = Extract<Command, { type: 'addDestination' }>;
type RemoveDestinationCommand = Extract<Command, { type: 'removeDestination' }>;
type RemoveDestinationByIdCommand = Extract<Command, { type: 'removeDestinationById' }>;

/** Destinations that one endpoint takes. */
const DESTINATIONS_MAX = 1024;

/** What belongs to streams and sockets, and not to a place to send to. */
const FORBIDDEN_KEYS = ['mtu', 'rcv-wnd', 'so-rcvbuf', 'so-sndbuf', 'response-correlation-id'];

/** One of the receivers of a publication with `control-mode=manual`. */
export interface Destination {
  /** Correlation id of the command that added it. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** 0: the name could not be looked up yet. */
  address: IpAddress;
  /** A look-up under way. */
  resolution: Resolution | null;
}

/** The commands that add and remove destinations of publications, and what becomes of their names. */
export class Destinations {
  private readonly context: ConductorContext;
  private readonly streams: Streams;
  private readonly endpoints: Endpoints;
  private readonly resolutionChanges: AtomicCounter;
  /** Endpoints that have destinations with a {@link Destination.resolution}. */
  private readonly resolving: Set<ChannelEndpoint> = new Set();

  constructor(context: ConductorContext, streams: Streams, endpoints: Endpoints) {
    this.context = context;
    this.streams = streams;
    this.endpoints = endpoints;
    this.resolutionChanges = context.systemCounter(SystemCounter.RESOLUTION_CHANGES);
  }

  /** A name that is not known is looked up again later, as that of a silent destination. @throws CommandError */
  add({ correlationId, registrationId, channel }: AddDestinationCommand): PendingCommand {
    this.endpointOf(registrationId);
    const { host, port } = parseDestination(channel);
    const resolution = this.context.names.resolve(host);
    const step = (): boolean => {
      if (resolution.address === null && resolution.error === null) return false;
      const endpoint = this.endpointOf(registrationId);
      if (endpoint.destinations.length === DESTINATIONS_MAX) {
        throw new CommandError(
          ErrorCode.GENERIC_ERROR,
          `the publication has ${DESTINATIONS_MAX} destinations, which is all an endpoint takes: channel=${channel}`,
        );
      }
      if (resolution.error !== null) {
        this.context.errors.record(resolution.error.errorCode, resolution.error.message);
      }
      const address = resolution.address ?? 0;
      endpoint.destinations.push({ id: correlationId, host, port, address, resolution: null });
      this.context.network.send({
        kind: 'addDestination',
        endpointId: endpoint.id,
        destinationId: correlationId,
        address,
        port,
      });
      this.context.events.operationSucceeded(correlationId);
      return true;
    };
    return { correlationId, step };
  }

  /** Removes the newest destination at the address; one that is not there is no error. @throws CommandError */
  remove({ correlationId, registrationId, channel }: RemoveDestinationCommand): PendingCommand {
    this.endpointOf(registrationId);
    const { host, port } = parseDestination(channel);
    const resolution = this.context.names.resolve(host);
    const step = (): boolean => {
      if (resolution.address === null && resolution.error === null) return false;
      const { address } = resolution;
      const endpoint = this.endpointOf(registrationId);
      const found = endpoint.destinations.findLast(
        (one) => one.port === port && (one.host === host || (address !== null && one.address === address)),
      );
      if (found !== undefined) this.drop(endpoint, found);
      this.context.events.operationSucceeded(correlationId);
      return true;
    };
    return { correlationId, step };
  }

  /** One that is not there is no error. @throws CommandError */
  removeById({
    correlationId,
    registrationId,
    destinationRegistrationId,
  }: RemoveDestinationByIdCommand): void {
    const endpoint = this.endpointOf(registrationId);
    const found = endpoint.destinations.find(({ id }) => id === destinationRegistrationId);
    if (found !== undefined) this.drop(endpoint, found);
    this.context.events.operationSucceeded(correlationId);
  }

  private drop(endpoint: ChannelEndpoint, destination: Destination): void {
    endpoint.destinations.splice(endpoint.destinations.indexOf(destination), 1);
    this.context.network.send({
      kind: 'removeDestination',
      endpointId: endpoint.id,
      destinationId: destination.id,
    });
  }

  /** Nobody has answered there for a while: looks the name up again. */
  onSilent(endpointId: number, destinationId: number): void {
    if (this.context.options.reresolutionCheckIntervalNs === 0) return;
    const endpoint = this.endpoints.get(endpointId);
    const destination = endpoint?.destinations.find(({ id }) => id === destinationId);
    if (endpoint === null || destination === undefined || destination.resolution !== null) return;
    if (knownAddress(destination.host) !== null) return;
    destination.resolution = this.context.names.resolve(destination.host);
    this.resolving.add(endpoint);
  }

  /** Points destinations whose names were looked up again at their new addresses. */
  onTimer(): void {
    for (const endpoint of this.resolving) {
      for (const destination of endpoint.destinations) this.applyResolution(endpoint, destination);
      if (endpoint.destinations.every(({ resolution }) => resolution === null))
        this.resolving.delete(endpoint);
    }
  }

  private applyResolution(endpoint: ChannelEndpoint, destination: Destination): void {
    const { resolution } = destination;
    if (resolution === null || (resolution.address === null && resolution.error === null)) return;
    destination.resolution = null;
    const { address, error } = resolution;
    if (error !== null) this.context.errors.record(error.errorCode, error.message);
    if (address === null || address === destination.address) return;
    destination.address = address;
    this.resolutionChanges.increment();
    this.context.network.send({
      kind: 'moveDestination',
      endpointId: endpoint.id,
      destinationId: destination.id,
      address,
    });
  }

  /** The endpoint of a publication whose destinations clients may choose. */
  private endpointOf(registrationId: number): ChannelEndpoint {
    const endpoint = this.streams.publications.get(registrationId)?.endpoint ?? null;
    if (endpoint === null) {
      throw new CommandError(
        ErrorCode.UNKNOWN_PUBLICATION,
        `unknown publication registration_id=${registrationId}`,
      );
    }
    if (endpoint.channel.controlMode !== 'manual') {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `channel does not allow manual control of destinations: publication_registration_id=${registrationId}`,
      );
    }
    return endpoint;
  }
}

function parseDestination(text: string): { readonly host: string; readonly port: number } {
  const uri = parseUri(text);
  if (uri.prefix === 'aeron-spy') throw invalid(`Aeron spies are invalid as send destinations: ${text}`);
  if (uri.media !== 'udp' || !uri.has('endpoint')) {
    throw new CommandError(
      ErrorCode.GENERIC_ERROR,
      `incorrect URI format for destination: ${text} is not aeron:udp?endpoint=host:port`,
    );
  }
  const forbidden = FORBIDDEN_KEYS.find((key) => uri.has(key));
  if (forbidden !== undefined) {
    throw invalid(`destinations must not contain the key: ${forbidden} channel=${text}`);
  }
  if (uri.get('control-mode') === 'response') {
    throw invalid(`destinations may not specify control-mode=response: channel=${text}`);
  }
  const channel: Channel = { text, uri, tags: NO_TAGS, sessionTag: null };
  const endpoint = parseHostAndPort(channel, 'endpoint');
  if (endpoint.port === 0) {
    throw new CommandError(
      ErrorCode.GENERIC_ERROR,
      `endpoint has port=0 for send destination: channel=${text}`,
    );
  }
  return endpoint;
}

function parseUri(text: string): ChannelUri {
  try {
    return ChannelUri.parse(text);
  } catch (error) {
    throw new CommandError(ErrorCode.INVALID_CHANNEL, messageOf(error), { cause: error });
  }
}

function invalid(message: string): CommandError {
  return new CommandError(ErrorCode.INVALID_CHANNEL, message);
}
