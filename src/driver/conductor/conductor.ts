import { type Command, decodeCommand, type MalformedCommand } from '../../cnc/commands.ts';
import { SystemCounter } from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import type { MessageHandler } from '../../concurrent/many-to-one-ring-buffer.ts';
import { codeOf, messageOf } from '../../util/errors.ts';
import type { NetworkEvent } from '../messages.ts';
import { RESOLVER_ENDPOINT_ID } from '../names/driver-name-resolver.ts';
import { Captures } from './captures.ts';
import { ClientCounters } from './client-counters.ts';
import { type Client, Clients } from './clients.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import { Destinations } from './destinations.ts';
import { DpdkTransports } from './dpdk-transports.ts';
import { DutyCycleTracker } from './duty-cycle-tracker.ts';
import { Endpoints } from './endpoints.ts';
import { Images } from './images.ts';
import { Linker } from './linker.ts';
import type { PendingCommand } from './pending-command.ts';
import { Ports } from './ports.ts';
import { Publications } from './publications.ts';
import { ReceiveDestinations } from './receive-destinations.ts';
import { Streams } from './streams.ts';
import { Subscriptions } from './subscriptions.ts';

/** Events of the network agent that one duty cycle takes. */
const EVENT_LIMIT = 16;

/**
 * The control plane: carries out clients' commands, one after the other, and watches over clients, streams and endpoints.
 * The data plane is the network agent's, to which it talks by messages only.
 */
export class Conductor {
  readonly roleName = 'conductor';
  private readonly context: ConductorContext;
  private readonly onTerminate: (token: Buffer) => void;
  private readonly streams: Streams = new Streams();
  private readonly clients: Clients;
  private readonly clientCounters: ClientCounters;
  private readonly endpoints: Endpoints;
  private readonly destinations: Destinations;
  private readonly subscriptions: Subscriptions;
  private readonly receiveDestinations: ReceiveDestinations;
  private readonly publications: Publications;
  private readonly images: Images;
  private readonly linker: Linker;
  private readonly ports: Ports;
  private readonly transports: DpdkTransports;
  private readonly captures: Captures;
  private readonly dutyCycle: DutyCycleTracker;
  private readonly commandHandler: MessageHandler;
  private pending: PendingCommand | null = null;
  private nextTimerNs: number;
  private lastConsumerPosition = 0;
  private lastConsumedNs: number;

  /** `onTerminate` hears of a client that wants the driver to end. */
  constructor(context: ConductorContext, onTerminate: (token: Buffer) => void) {
    const { clock, options, systemCounter } = context;
    this.context = context;
    this.onTerminate = onTerminate;
    this.clients = new Clients(context);
    this.clientCounters = new ClientCounters(context, this.clients);
    this.transports = new DpdkTransports(context.counters);
    this.endpoints = new Endpoints(context, this.transports);
    this.destinations = new Destinations(context, this.streams, this.endpoints);
    this.linker = new Linker(context);
    this.subscriptions = new Subscriptions(context, this.clients, this.endpoints, this.streams, this.linker);
    this.receiveDestinations = new ReceiveDestinations(
      context,
      this.endpoints,
      this.subscriptions,
      this.transports,
    );
    this.publications = new Publications(
      context,
      this.clients,
      this.endpoints,
      this.streams,
      this.subscriptions,
      this.linker,
    );
    this.images = new Images(
      context,
      this.endpoints,
      this.streams,
      this.subscriptions,
      this.publications,
      this.linker,
    );
    this.ports = new Ports(context);
    this.captures = new Captures(context);
    this.dutyCycle = new DutyCycleTracker(
      clock,
      systemCounter(SystemCounter.CONDUCTOR_MAX_CYCLE_TIME),
      systemCounter(SystemCounter.CONDUCTOR_CYCLE_TIME_THRESHOLD_EXCEEDED),
      options.conductorCycleThresholdNs,
    );
    const { eventLog } = context;
    this.commandHandler =
      eventLog === undefined
        ? (typeId, bytes, offset, length) => this.onCommand(decodeCommand(typeId, bytes, offset, length))
        : (typeId, bytes, offset, length) => {
            const command = decodeCommand(typeId, bytes, offset, length);
            eventLog.onCommand(command);
            this.onCommand(command);
          };
    clock.update();
    this.dutyCycle.start();
    this.nextTimerNs = clock.nanoTime + options.timerIntervalNs;
    this.lastConsumedNs = clock.nanoTime;
  }

  /**
   * One duty cycle, at the time that the clock was last brought to. Returns how much was done, 0 when there was nothing
   * to do; allocates nothing then.
   */
  doWork(): number {
    const { clock, cnc, driverNames, network } = this.context;
    this.dutyCycle.measure();
    let workCount = 0;
    if (clock.nanoTime >= this.nextTimerNs) {
      this.onTimer();
      workCount++;
    }
    if (this.pending === null) workCount += cnc.toDriver.read(this.commandHandler, 1);
    else workCount += this.continuePending();
    for (let i = 0; i < EVENT_LIMIT; i++) {
      const event = network.poll();
      if (event === null) break;
      this.onNetworkEvent(event);
      workCount++;
    }
    if (driverNames !== null) workCount += driverNames.doWork();
    return workCount;
  }

  private onCommand(command: Command | MalformedCommand): void {
    try {
      if (command.type === 'malformed') throw new CommandError(command.errorCode, command.reason);
      const pending = this.dispatch(command);
      if (pending !== null && !pending.step()) this.pending = pending;
    } catch (error) {
      this.fail(command.correlationId, error);
    }
  }

  /** Carries a command out, or returns what is left of it. */
  private dispatch(command: Command): PendingCommand | null {
    switch (command.type) {
      case 'addPublication':
      case 'addExclusivePublication':
        return this.publications.add(command);
      case 'addSubscription':
        return this.subscriptions.add(command);
      case 'removePublication':
        this.publications.remove(command);
        break;
      case 'removeSubscription':
        this.subscriptions.remove(command);
        break;
      case 'addCounter':
        this.clientCounters.add(command);
        break;
      case 'addStaticCounter':
        this.clientCounters.addStatic(command);
        break;
      case 'removeCounter':
        this.clientCounters.remove(command);
        break;
      case 'clientKeepalive':
        this.clients.onKeepalive(command.clientId);
        break;
      case 'clientClose':
        this.clients.onClose(command.clientId);
        break;
      case 'rejectImage':
        this.images.reject(command);
        break;
      case 'getNextAvailableSessionId':
        this.context.events.transmit({
          type: 'nextAvailableSessionId',
          correlationId: command.correlationId,
          sessionId: this.publications.nextSessionId(command.streamId),
        });
        break;
      case 'terminateDriver':
        this.onTerminate(command.token);
        break;
      case 'addDestination':
        return this.destinations.add(command);
      case 'removeDestination':
        return this.destinations.remove(command);
      case 'removeDestinationById':
        if (this.receiveDestinations.has(command.registrationId))
          this.receiveDestinations.removeById(command);
        else this.destinations.removeById(command);
        break;
      case 'addReceiveDestination':
        return this.receiveDestinations.add(command);
      case 'removeReceiveDestination':
        return this.receiveDestinations.remove(command);
    }
    return null;
  }

  private continuePending(): number {
    const pending = this.pending!;
    try {
      if (!pending.step()) return 0;
    } catch (error) {
      this.fail(pending.correlationId, error);
    }
    this.pending = null;
    return 1;
  }

  /** Answers a command that could not be carried out. Without a correlation id nobody can be told. */
  private fail(correlationId: number | null, error: unknown): void {
    const { events, errors } = this.context;
    const errorCode = errorCodeOf(error);
    const message = messageOf(error).slice(0, ERROR_TEXT_LENGTH_MAX);
    if (correlationId !== null) {
      events.transmit({ type: 'error', offendingCorrelationId: correlationId, errorCode, message });
    }
    if (errorCode !== ErrorCode.RESOURCE_TEMPORARILY_UNAVAILABLE) errors.record(errorCode, message);
  }

  private onNetworkEvent(event: NetworkEvent): void {
    try {
      this.handle(event);
    } catch (error) {
      this.context.errors.record(errorCodeOf(error), messageOf(error));
    }
  }

  private handle(event: NetworkEvent): void {
    switch (event.kind) {
      case 'endpointOpened':
        if (event.endpointId === RESOLVER_ENDPOINT_ID) this.context.driverNames?.onOpened(event);
        else this.endpoints.onOpened(event);
        break;
      case 'endpointFailed':
        if (event.endpointId === RESOLVER_ENDPOINT_ID) this.context.driverNames?.onFailed(event.message);
        else this.endpoints.onFailed(event.endpointId, event.message);
        break;
      case 'resolutionReceived':
        this.context.driverNames?.onResolution(event);
        break;
      case 'endpointClosed':
        this.receiveDestinations.onEndpointClosed(event.endpointId);
        this.endpoints.onClosed(event.endpointId);
        break;
      case 'destinationSilent':
        this.destinations.onSilent(event.endpointId, event.destinationId);
        break;
      case 'destinationOpened':
        this.receiveDestinations.onOpened(event);
        break;
      case 'destinationFailed':
        this.receiveDestinations.onFailed(event);
        break;
      case 'setupReceived':
        this.images.onSetup(event);
        break;
      case 'subscriberAdded':
      case 'subscriberRefused':
      case 'subscriberLeftBehind':
      case 'streamUnavailable':
      case 'streamReleased':
        this.onStreamEvent(event);
        break;
      case 'subscriberRemoved':
        this.linker.onRemoved(event.counterId);
        break;
      case 'responseSetup':
        this.publications.responses.onSetup(event);
        break;
      case 'responseConnected':
        this.publications.onResponseConnected(event.registrationId);
        break;
      case 'publicationError':
        this.onPublicationError(event);
        break;
      case 'error':
        this.context.errors.record(event.code, event.message);
        break;
      case 'portOpened':
        this.ports.onOpened(event.port);
        this.transports.onPortOpened();
        break;
      case 'started':
      case 'startFailed':
      case 'closed':
        break;
    }
  }

  private onStreamEvent(
    event: Extract<
      NetworkEvent,
      {
        kind:
          | 'subscriberAdded'
          | 'subscriberRefused'
          | 'subscriberLeftBehind'
          | 'streamUnavailable'
          | 'streamReleased';
      }
    >,
  ): void {
    const stream = this.streams.get(event.registrationId);
    if (stream === null) return;
    switch (event.kind) {
      case 'subscriberAdded':
        this.linker.onAdded(stream, event.counterId, event.joinPosition);
        break;
      case 'subscriberRefused':
        this.linker.onRefused(stream, event.counterId);
        break;
      case 'subscriberLeftBehind':
        this.linker.onLeftBehind(stream, event.counterId);
        break;
      case 'streamUnavailable':
        stream.isAvailable = false;
        this.linker.announceUnavailable(stream);
        break;
      case 'streamReleased': {
        const publication = this.streams.publications.get(event.registrationId);
        const image = this.streams.images.get(event.registrationId);
        if (publication !== undefined) this.publications.onReleased(publication);
        else if (image !== undefined) this.images.onReleased(image);
      }
    }
  }

  private onPublicationError(event: Extract<NetworkEvent, { kind: 'publicationError' }>): void {
    const { groupTag } = event;
    this.images.reportPublicationError({
      ...event,
      receiverId: (BigInt(event.receiverIdHigh) << 32n) | BigInt(event.receiverIdLow >>> 0),
      groupTag: groupTag === null ? -1n : (BigInt(groupTag.high) << 32n) | BigInt(groupTag.low >>> 0),
      destinationRegistrationId: event.destinationId,
    });
  }

  private onTimer(): void {
    const { clock, cnc, options } = this.context;
    const nowNs = clock.nanoTime;
    this.nextTimerNs = nowNs + options.timerIntervalNs;
    cnc.toDriver.setConsumerHeartbeatMs(clock.epochMs);
    this.clients.onTimer(this.releaseClient);
    this.publications.onTimer(nowNs);
    this.endpoints.onTimer(nowNs, this.isConnected);
    this.destinations.onTimer();
    this.ports.update();
    this.unblockCommands(nowNs);
    this.captures.onTimer();
    this.context.logs.onTimer();
  }

  private readonly isConnected = (endpoint: Parameters<Publications['isConnected']>[0]): boolean =>
    this.publications.isConnected(endpoint) || this.images.isConnected(endpoint);

  private readonly releaseClient = (client: Client): void => {
    this.publications.removeAll(client);
    this.clientCounters.removeAll(client);
    this.subscriptions.removeAll(client);
  };

  /** A client that died while it wrote a command would block everybody: its place is skipped after a while. */
  private unblockCommands(nowNs: number): void {
    const { cnc, options, systemCounter } = this.context;
    const consumerPosition = cnc.toDriver.consumerPosition();
    const isBlocked =
      this.pending === null &&
      consumerPosition === this.lastConsumerPosition &&
      cnc.toDriver.producerPosition() > consumerPosition;
    if (!isBlocked) {
      this.lastConsumerPosition = consumerPosition;
      this.lastConsumedNs = nowNs;
    } else if (nowNs - this.lastConsumedNs > options.clientLivenessTimeoutNs && cnc.toDriver.unblock()) {
      systemCounter(SystemCounter.UNBLOCKED_COMMANDS).increment();
    }
  }

  /** Takes every log away. The network agent has closed before. */
  close(): void {
    this.captures.close();
    for (const { logPath, log } of this.streams.all()) this.context.logs.remove(logPath, log);
    this.streams.publications.clear();
    this.streams.images.clear();
  }
}

/** Longer error texts would not fit into an event. */
const ERROR_TEXT_LENGTH_MAX = 8192;

function errorCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.errorCode;
  return codeOf(error) === 'ENOSPC' ? ErrorCode.STORAGE_SPACE : ErrorCode.GENERIC_ERROR;
}
