import type { CncFile } from '../cnc/cnc-file.ts';
import { type Command, commandTypeId, encodeCommand } from '../cnc/commands.ts';
import { SystemCounter } from '../cnc/counter-types.ts';
import { type DriverEvent, decodeEvent } from '../cnc/events.ts';
import { BroadcastReceiver } from '../concurrent/broadcast-receiver.ts';
import type { Clock } from '../concurrent/clock.ts';
import { COUNTER_VALUE_LENGTH, CountersReader } from '../concurrent/counters.ts';
import { shm } from '../native/addons.ts';
import { type AeronError, messageOf } from '../util/errors.ts';
import { type ClientErrorCode, clientError } from './client-errors.ts';
import type { ClientContext } from './client-options.ts';
import { ConcurrentAppender } from './concurrent-appender.ts';
import { Counter } from './counter.ts';
import { EventLoopWaits } from './event-loop-waits.ts';
import { ExclusiveAppender } from './exclusive-appender.ts';
import { ExclusivePublication } from './exclusive-publication.ts';
import { Heartbeat } from './heartbeat.ts';
import { Image } from './image.ts';
import type { ClientHandlers } from './lifecycle.ts';
import { MappedLogs } from './mapped-logs.ts';
import { PositionWord } from './position-word.ts';
import { Publication, type PublicationSpec } from './publication.ts';
import { publicationErrorFrame } from './publication-error.ts';
import { type Reply, type Request, Requests } from './requests.ts';
import { Subscription, type SubscriptionSpec } from './subscription.ts';

/** Timeouts are looked at this often, and the event loop's timer comes this often. */
const SERVICE_INTERVAL_MS = 10;
/** So that the client also notices when that driver is not run any more. */
const CYCLES_PER_LOOK_AT_SHARED_CLOCK = 64;
const EVENTS_PER_CYCLE = 10;
const COMMAND_ATTEMPTS = 10;
const COMMAND_LENGTH_MAX = 16_384;
/** How long a log stays mapped after its publication or subscription was closed by the application. */
const CLOSE_LINGER_MS = 1_000;
/** From this control protocol version on (1.0.0) a driver gives out session ids. */
const SESSION_ID_PROTOCOL_VERSION = 65_536;

type Event<Type extends DriverEvent['type']> = Extract<DriverEvent, { type: Type }>;
type PublicationReady = Event<'publicationReady' | 'exclusivePublicationReady'>;
type NewCommand<C = Command> = C extends Command ? Omit<C, 'clientId' | 'correlationId'> : never;

/** What a subscription is made of before the driver knows it. */
export type NewSubscription = Omit<SubscriptionSpec, 'registrationId' | 'channelStatusId'>;
type NewCounter = Omit<Extract<NewCommand, { type: 'addCounter' }>, 'type'>;
/** A command that adds or removes a destination. */
export type DestinationCommand = Extract<
  NewCommand,
  {
    type:
      | 'addDestination'
      | 'removeDestination'
      | 'removeDestinationById'
      | 'addReceiveDestination'
      | 'removeReceiveDestination';
  }
>;

/**
 * The client's side of the conversation with the driver: commands and answers, images that come and go,
 * signs of life. All of it runs on one thread, in {@link ClientConductor.doWork}, which allocates nothing
 * while the driver is silent.
 */
export class ClientConductor {
  readonly clientId: number;
  readonly countersReader: CountersReader;
  readonly waits: EventLoopWaits;
  /** Why the client closed by itself; null while it is open and after `close()`. */
  lostReason: AeronError | null = null;
  private readonly context: ClientContext;
  private readonly handlers: ClientHandlers;
  private readonly onEnd: (reason: AeronError | null) => void;
  private readonly cnc: CncFile;
  private readonly clock: Clock;
  /** More than one when an embedded driver on this thread keeps the clock up to date, for as long as it runs. */
  private readonly cyclesPerLook: number;
  private cyclesToTime = 0;
  private readonly receiver: BroadcastReceiver;
  private readonly heartbeat: Heartbeat;
  private readonly commandBytes: Buffer = Buffer.alloc(COMMAND_LENGTH_MAX);
  private readonly requests: Requests = new Requests((event) => this.giveBack(event));
  /** What the application asks for by its registration id and has not taken: not there yet, or failed. */
  private readonly registrations: Map<number, Request> = new Map();
  private readonly publications: Map<number, Publication> = new Map();
  private readonly subscriptions: Map<number, Subscription> = new Map();
  private readonly counters: Map<number, Counter> = new Map();
  private readonly logs: MappedLogs;
  private readonly timer: unknown;
  private readonly onEvent = (typeId: number, bytes: Buffer, offset: number, length: number): void =>
    this.dispatch(typeId, bytes, offset, length);
  private nextServiceNs = 0.5;
  private lastServiceNs = 0.5;
  private state: 'open' | 'lost' | 'closed' = 'open';
  private isInDoWork = false;

  /** `onEnd` is called once: with null by {@link close}, with the reason when the driver is lost. */
  constructor(
    context: ClientContext,
    handlers: ClientHandlers,
    cnc: CncFile,
    clock: Clock,
    onEnd: (reason: AeronError | null) => void,
  ) {
    clock.update();
    const { machine } = context;
    this.context = context;
    this.handlers = handlers;
    this.onEnd = onEnd;
    this.cnc = cnc;
    this.clock = clock;
    this.cyclesPerLook = clock === context.driver?.clock ? CYCLES_PER_LOOK_AT_SHARED_CLOCK : 1;
    this.countersReader = new CountersReader(cnc.countersMetadata, cnc.countersValues);
    this.receiver = new BroadcastReceiver(cnc.region, cnc.toClients.offset, cnc.toClients.length);
    this.clientId = cnc.toDriver.nextCorrelationId();
    this.heartbeat = new Heartbeat(context, cnc, this.countersReader, this.clientId);
    this.logs = new MappedLogs(machine.files);
    this.waits = new EventLoopWaits(() => this.service(), context.idleStrategy !== 'spin', machine.eventLoop);
    this.lastServiceNs = clock.nanoTime;
    this.nextServiceNs = clock.nanoTime;
    this.timer = context.useConductorInvoker
      ? null
      : machine.eventLoop.setInterval(() => this.service(), SERVICE_INTERVAL_MS);
  }

  get isClosed(): boolean {
    return this.state !== 'open';
  }

  /** The driver, when it is this client's to run, and one duty cycle. */
  service(): number {
    const { driver } = this.context;
    return driver === null ? this.doWork() : driver.doWork() + this.doWork();
  }

  /** One duty cycle. Returns the events handled. Inside a handler it does nothing. */
  doWork(): number {
    if (this.isInDoWork || this.state !== 'open') return 0;
    this.isInDoWork = true;
    try {
      if (this.cyclesToTime === 0) {
        this.cyclesToTime = this.cyclesPerLook;
        this.clock.update();
      }
      this.cyclesToTime--;
      if (this.clock.nanoTime >= this.nextServiceNs) this.checkTimeouts();
      return this.receiveEvents();
    } finally {
      this.isInDoWork = false;
    }
  }

  // ---- What the application asks for

  async addPublication(channel: string, streamId: number): Promise<Publication> {
    return this.request({ type: 'addPublication', channel, streamId }, (event) =>
      this.newPublication(event, channel),
    );
  }

  async addExclusivePublication(channel: string, streamId: number): Promise<ExclusivePublication> {
    return this.request({ type: 'addExclusivePublication', channel, streamId }, (event) =>
      this.newExclusivePublication(event, channel),
    );
  }

  async addSubscription(spec: NewSubscription): Promise<Subscription> {
    return this.request(addSubscription(spec), (event) => this.newSubscription(event, spec));
  }

  async addCounter(spec: NewCounter): Promise<Counter> {
    return this.request({ type: 'addCounter', ...spec }, (event) => this.newCounter(event));
  }

  async addStaticCounter(spec: NewCounter, registrationId: number): Promise<Counter> {
    return this.request({ type: 'addStaticCounter', ...spec, registrationId }, (event) =>
      this.newStaticCounter(event, registrationId),
    );
  }

  // The same without waiting: the result is had by the registration id.

  asyncAddPublication(channel: string, streamId: number): number {
    return this.register({ type: 'addPublication', channel, streamId }, (event) =>
      this.newPublication(event, channel),
    );
  }

  asyncAddExclusivePublication(channel: string, streamId: number): number {
    return this.register({ type: 'addExclusivePublication', channel, streamId }, (event) =>
      this.newExclusivePublication(event, channel),
    );
  }

  asyncAddSubscription(spec: NewSubscription): number {
    return this.register(addSubscription(spec), (event) => this.newSubscription(event, spec));
  }

  asyncAddCounter(spec: NewCounter): number {
    return this.register({ type: 'addCounter', ...spec }, (event) => this.newCounter(event));
  }

  asyncAddStaticCounter(spec: NewCounter, registrationId: number): number {
    return this.register({ type: 'addStaticCounter', ...spec, registrationId }, (event) =>
      this.newStaticCounter(event, registrationId),
    );
  }

  publication(registrationId: number): Publication | null {
    return this.publications.get(registrationId) ?? this.notYet(registrationId);
  }

  subscription(registrationId: number): Subscription | null {
    return this.subscriptions.get(registrationId) ?? this.notYet(registrationId);
  }

  counter(registrationId: number): Counter | null {
    return this.counters.get(registrationId) ?? this.notYet(registrationId);
  }

  /** Closes what was added, or takes back the command that adds it. */
  remove(registrationId: number): void {
    this.registrations.delete(registrationId);
    if (this.requests.abandon(registrationId)) return;
    this.publications.get(registrationId)?.close();
    this.subscriptions.get(registrationId)?.close();
    this.counters.get(registrationId)?.close();
  }

  /** Whether the driver has still to answer a command, by its correlation id. */
  isCommandActive(correlationId: number): boolean {
    return this.requests.has(correlationId);
  }

  get hasActiveCommands(): boolean {
    return this.requests.count > 0;
  }

  /** Null for what was asked for and is not there; throws why it never will be. */
  private notYet(registrationId: number): null {
    this.throwIfClosed();
    const registration = this.registrations.get(registrationId);
    if (registration === undefined) {
      throw new RangeError(
        `registration id ${registrationId} names nothing of that kind that this client has`,
      );
    }
    if (registration.error !== null) {
      this.registrations.delete(registrationId);
      throw registration.error;
    }
    return null;
  }

  private newPublication(event: DriverEvent, channel: string): Publication {
    const spec = this.publicationSpec(event as PublicationReady, channel);
    const appender = new ConcurrentAppender(spec.log, spec.limit, spec.sessionId, spec.streamId);
    return this.adopt(this.publications, new Publication(this, spec, appender));
  }

  private newExclusivePublication(event: DriverEvent, channel: string): ExclusivePublication {
    const spec = this.publicationSpec(event as PublicationReady, channel);
    const appender = new ExclusiveAppender(spec.log, spec.limit, spec.sessionId, spec.streamId);
    return this.adopt(this.publications, new ExclusivePublication(this, spec, appender));
  }

  private newSubscription(event: DriverEvent, spec: NewSubscription): Subscription {
    const { correlationId: registrationId, channelStatusCounterId: channelStatusId } =
      event as Event<'subscriptionReady'>;
    const subscription = new Subscription(this, { ...spec, registrationId, channelStatusId });
    return this.adopt(this.subscriptions, subscription);
  }

  private newCounter(event: DriverEvent): Counter {
    const { correlationId: registrationId, counterId } = event as Event<'counterReady'>;
    const release = (): void => {
      this.counters.delete(registrationId);
      this.tell({ type: 'removeCounter', registrationId });
    };
    const id = this.checkCounterId(counterId);
    const counter = new Counter(registrationId, id, this.cnc.countersValues, release);
    return this.adopt(this.counters, counter);
  }

  /** Known by the correlation id of its command; its registration id is the application's choice. */
  private newStaticCounter(event: DriverEvent, registrationId: number): Counter {
    const { correlationId, counterId } = event as Event<'staticCounter'>;
    const release = (): void => void this.counters.delete(correlationId);
    const id = this.checkCounterId(counterId);
    const counter = new Counter(registrationId, id, this.cnc.countersValues, release);
    return this.adopt(this.counters, counter, correlationId);
  }

  private adopt<T extends { readonly registrationId: number }, R extends T>(
    resources: Map<number, T>,
    resource: R,
    correlationId: number = resource.registrationId,
  ): R {
    resources.set(correlationId, resource);
    this.registrations.delete(correlationId);
    return resource;
  }

  // ---- Destinations

  /** Resolves with the correlation id of the command, which names the destination. */
  async addDestination(
    type: 'addDestination' | 'addReceiveDestination',
    registrationId: number,
    channel: string,
  ): Promise<number> {
    return this.request({ type, registrationId, channel }, (event) => {
      return (event as Event<'operationSuccess'>).correlationId;
    });
  }

  async removeDestination(
    type: 'removeDestination' | 'removeReceiveDestination',
    registrationId: number,
    channel: string,
  ): Promise<void> {
    return this.request({ type, registrationId, channel }, () => undefined);
  }

  async removeDestinationById(registrationId: number, destinationRegistrationId: number): Promise<void> {
    return this.request(
      { type: 'removeDestinationById', registrationId, destinationRegistrationId },
      () => undefined,
    );
  }

  /** Sends a command about a destination and returns its correlation id; a failure goes to the error handler. */
  changeDestination(command: DestinationCommand): number {
    const request = this.send(
      command,
      () => undefined,
      (error) => this.call(() => this.reportError(error)),
    );
    return request.correlationId;
  }

  async rejectImage(image: Image, reason: string): Promise<void> {
    const { correlationId: imageCorrelationId, position } = image;
    return this.request({ type: 'rejectImage', imageCorrelationId, position, reason }, () => undefined);
  }

  /** A session id that no publication of this stream id has; by chance with drivers before 1.49. */
  async nextSessionId(streamId: number): Promise<number> {
    this.throwIfClosed();
    if (this.countersReader.value(SystemCounter.CONTROL_PROTOCOL_VERSION) < SESSION_ID_PROTOCOL_VERSION) {
      return this.context.machine.randomInt32();
    }
    return this.request({ type: 'getNextAvailableSessionId', streamId }, (event) => {
      return (event as Event<'nextAvailableSessionId'>).sessionId;
    });
  }

  nextCorrelationId(): number {
    this.throwIfClosed();
    return this.cnc.toDriver.nextCorrelationId();
  }

  releasePublication(publication: Publication, revoke: boolean): void {
    const { registrationId, originalRegistrationId } = publication;
    if (!this.publications.delete(registrationId)) return;
    this.logs.release(originalRegistrationId, this.clock.nanoTime + CLOSE_LINGER_MS * 1e6);
    this.tell({ type: 'removePublication', registrationId, revoke });
  }

  releaseSubscription(subscription: Subscription): void {
    const { registrationId } = subscription;
    this.subscriptions.delete(registrationId);
    const images = subscription.internalClose();
    this.tell({ type: 'removeSubscription', registrationId });
    for (const image of images) {
      this.logs.release(image.correlationId, this.clock.nanoTime + CLOSE_LINGER_MS * 1e6);
      this.call(() => subscription.onUnavailableImage(image, subscription));
    }
  }

  // ---- The end

  /** Closes everything and takes leave of the driver. */
  close(): void {
    if (this.state === 'closed') return;
    const wasOpen = this.state === 'open';
    this.state = 'closed';
    if (this.timer !== null) this.context.machine.eventLoop.clear(this.timer);
    this.closeResources(clientError('CLIENT_CLOSED', 'the client was closed before the driver answered'));
    if (wasOpen) {
      this.write({ type: 'clientClose', clientId: this.clientId, correlationId: -1 });
      this.onEnd(null);
    }
    this.logs.close();
    this.cnc.close();
    this.waits.runNow();
  }

  /** What was asked of something that is closed: the reason why the client lost its driver, or `code`. */
  closedError(code: ClientErrorCode, what: string): AeronError {
    return this.lostReason ?? clientError(code, `${what} is closed`);
  }

  throwIfLost(): void {
    if (this.lostReason !== null) throw this.lostReason;
  }

  throwIfClosed(): void {
    if (this.state !== 'open') throw this.closedError('CLIENT_CLOSED', 'the client');
  }

  reportError(error: Error): void {
    this.context.errorHandler(error);
  }

  /** The driver is gone, or has given this client up: nothing can go on. Mappings stay until `close()`. */
  private lose(reason: AeronError): void {
    if (this.state !== 'open') return;
    this.state = 'lost';
    this.lostReason = reason;
    if (this.timer !== null) this.context.machine.eventLoop.clear(this.timer);
    this.closeResources(reason);
    this.call(() => this.context.errorHandler(reason));
    this.onEnd(reason);
  }

  private closeResources(reason: Error): void {
    this.requests.failAll(reason);
    this.registrations.clear();
    for (const publication of this.publications.values()) publication.internalClose();
    this.publications.clear();
    for (const counter of this.counters.values()) counter.internalClose();
    this.counters.clear();
    const subscriptions = [...this.subscriptions.values()];
    this.subscriptions.clear();
    for (const subscription of subscriptions) {
      for (const image of subscription.internalClose()) {
        this.call(() => subscription.onUnavailableImage(image, subscription));
      }
    }
  }

  // ---- Duty cycle

  private checkTimeouts(): void {
    const { nanoTime } = this.clock;
    const ageNs = nanoTime - this.lastServiceNs;
    if (ageNs > this.cnc.clientLivenessTimeoutNs) {
      const ageMs = Math.round(ageNs / 1e6);
      this.lose(
        clientError(
          'CONDUCTOR_SERVICE_TIMEOUT',
          `this client did nothing for ${ageMs} ms; the driver gives clients up after ` +
            `${this.cnc.clientLivenessTimeoutNs / 1e6} ms. Do not block the event loop for that long, or call ` +
            'aeron.doWork() more often. Connect again to go on.',
        ),
      );
      return;
    }
    this.lastServiceNs = nanoTime;
    this.nextServiceNs = nanoTime + SERVICE_INTERVAL_MS * 1e6;
    const reason = this.heartbeat.check(this.clock);
    if (reason !== null) {
      this.lose(reason);
      return;
    }
    if (this.requests.count > 0) this.timeOutRequests();
    if (this.logs.lingering > 0) this.logs.unmapDue(nanoTime);
  }

  private timeOutRequests(): void {
    const { directory, driverTimeoutMs } = this.context;
    this.requests.timeOut(this.clock.nanoTime, ({ what }) => {
      const message = `no answer to ${what} from the driver in ${directory} within ${driverTimeoutMs} ms`;
      return clientError('DRIVER_TIMEOUT', message);
    });
  }

  private receiveEvents(): number {
    let events = 0;
    while (events < EVENTS_PER_CYCLE && this.state === 'open') {
      if (this.receiver.receive(this.onEvent) === 0) break;
      events++;
    }
    if (this.receiver.lappedCount > 0) {
      this.lose(
        clientError(
          'BROADCAST_LAPPED',
          'this client did not keep up with the events of its driver and missed some. Call aeron.doWork() more often, ' +
            'or give the driver a larger aeron.clients.buffer.length. Connect again to go on.',
        ),
      );
    }
    return events;
  }

  // ---- Commands

  /** Sends a command and resolves with what `onReply` makes of the driver's answer. */
  private async request<T>(command: NewCommand, onReply: (event: DriverEvent) => T): Promise<T> {
    const request = this.send(command, onReply, null);
    await this.waits.until(() => request.isSettled);
    if (request.error !== null) throw request.error;
    return request.result as T;
  }

  /** Sends a command that adds something which the application will ask for by the id that this returns. */
  private register(command: NewCommand, onReply: (event: DriverEvent) => unknown): number {
    const request = this.send(command, onReply, null);
    this.registrations.set(request.correlationId, request);
    return request.correlationId;
  }

  /** Throws AeronError `DRIVER_BUFFER_FULL`, or when the client is closed. */
  private send(
    command: NewCommand,
    onReply: (event: DriverEvent) => unknown,
    onFailure: ((error: Error) => void) | null,
  ): Request {
    this.throwIfClosed();
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    this.clock.update();
    const request: Request = {
      correlationId,
      what: command.type,
      deadlineNs: this.clock.nanoTime + this.context.driverTimeoutMs * 1e6,
      onReply,
      onFailure,
      isSettled: false,
      result: undefined,
      error: null,
    };
    this.requests.add(request);
    if (this.write({ ...command, clientId: this.clientId, correlationId } as Command)) return request;
    this.requests.remove(correlationId);
    throw clientError(
      'DRIVER_BUFFER_FULL',
      `the driver in ${this.context.directory} has not read its commands for a while: there is no room for ${command.type}`,
    );
  }

  /** Sends a command whose answer nobody waits for. */
  private tell(command: NewCommand): void {
    if (this.state !== 'open') return;
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    if (!this.write({ ...command, clientId: this.clientId, correlationId } as Command)) {
      this.reportError(clientError('DRIVER_BUFFER_FULL', `there was no room for ${command.type}`));
    }
  }

  private write(command: Command): boolean {
    const length = encodeCommand(command, this.commandBytes);
    const typeId = commandTypeId(command);
    for (let i = 0; i < COMMAND_ATTEMPTS; i++) {
      if (this.cnc.toDriver.write(typeId, this.commandBytes, 0, length)) return true;
      this.context.driver?.doWork();
      shm.yield();
    }
    return false;
  }

  // ---- Events

  private dispatch(typeId: number, bytes: Buffer, offset: number, length: number): void {
    const event = decodeEvent(typeId, bytes, offset, length);
    switch (event.type) {
      case 'malformed':
        this.reportError(clientError('MALFORMED_EVENT', `the driver sent: ${event.reason}`));
        break;
      case 'error':
        this.requests.onError(event);
        break;
      case 'availableImage':
        this.onAvailableImage(event);
        break;
      case 'unavailableImage':
        this.onUnavailableImage(event);
        break;
      case 'clientTimeout':
        this.onClientTimeout(event);
        break;
      case 'publicationError':
        this.onPublicationError(event);
        break;
      case 'unavailableCounter':
        for (const handler of this.handlers.unavailableCounter) {
          this.call(() => handler(event.registrationId, event.counterId));
        }
        break;
      case 'counterReady':
        this.requests.onReply(event);
        for (const handler of this.handlers.availableCounter) {
          this.call(() => handler(event.correlationId, event.counterId));
        }
        break;
      default:
        this.requests.onReply(event);
    }
  }

  /** The driver did its part, but the client could not use it, or no longer waits for it. */
  private giveBack(event: Reply): void {
    const registrationId = event.correlationId;
    if (event.type === 'publicationReady' || event.type === 'exclusivePublicationReady') {
      // Nobody else's: revoking a shared one would take the stream away from those who have it.
      const revoke = event.type === 'exclusivePublicationReady';
      this.tell({ type: 'removePublication', registrationId, revoke });
    } else if (event.type === 'subscriptionReady') {
      this.tell({ type: 'removeSubscription', registrationId });
    } else if (event.type === 'counterReady') {
      this.tell({ type: 'removeCounter', registrationId });
    }
  }

  private onAvailableImage(event: Event<'availableImage'>): void {
    const subscription = this.subscriptions.get(event.subscriptionRegistrationId);
    if (subscription === undefined) return;
    let image: Image;
    try {
      const position = this.positionOf(event.subscriberPositionCounterId);
      const log = this.logs.acquire(event.correlationId, event.logFileName);
      image = new Image(subscription, {
        sessionId: event.sessionId,
        correlationId: event.correlationId,
        sourceIdentity: event.sourceIdentity,
        log,
        path: event.logFileName,
        position,
      });
    } catch (error) {
      const what = `session ${event.sessionId} of ${subscription} cannot be received`;
      this.reportError(clientError('IMAGE_NOT_MAPPED', `${what}: ${messageOf(error)}`, { cause: error }));
      return;
    }
    subscription.addImage(image);
    this.call(() => subscription.onAvailableImage(image, subscription));
  }

  private onUnavailableImage(event: Event<'unavailableImage'>): void {
    const subscription = this.subscriptions.get(event.subscriptionRegistrationId);
    const image = subscription?.removeImage(event.correlationId);
    if (subscription === undefined || image === undefined) return;
    this.logs.release(image.correlationId, this.clock.nanoTime + this.context.resourceLingerMs * 1e6);
    this.call(() => subscription.onUnavailableImage(image, subscription));
  }

  private onClientTimeout(event: Event<'clientTimeout'>): void {
    if (event.clientId !== this.clientId) return;
    this.lose(
      clientError(
        'CLIENT_TIMEOUT',
        `the driver in ${this.context.directory} saw no sign of life from this client for ` +
          `${this.cnc.clientLivenessTimeoutNs / 1e6} ms and gave it up. Connect again to go on.`,
      ),
    );
  }

  private onPublicationError(event: Event<'publicationError'>): void {
    for (const publication of this.publications.values()) {
      if (publication.originalRegistrationId !== event.registrationId) continue;
      const frame = publicationErrorFrame(publication.registrationId, event);
      this.call(() => this.context.onPublicationError(frame));
    }
  }

  // ---- What the driver says is checked here

  private publicationSpec(event: PublicationReady, channel: string): PublicationSpec {
    const limit = this.positionOf(event.positionLimitCounterId);
    return {
      channel,
      streamId: event.streamId,
      sessionId: event.sessionId,
      registrationId: event.correlationId,
      originalRegistrationId: event.registrationId,
      channelStatusId: event.channelStatusCounterId,
      log: this.logs.acquire(event.registrationId, event.logFileName),
      limit,
    };
  }

  private positionOf(counterId: number): PositionWord {
    const { region, offset } = this.cnc.countersValues;
    return new PositionWord(region, offset + this.checkCounterId(counterId) * COUNTER_VALUE_LENGTH);
  }

  private checkCounterId(counterId: number): number {
    if (counterId >= 0 && counterId <= this.countersReader.maxCounterId) return counterId;
    throw clientError(
      'MALFORMED_EVENT',
      `the driver named counter ${counterId}; there are ${this.countersReader.maxCounterId + 1}`,
    );
  }

  /** Runs a handler of the application's. */
  call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.reportError(error instanceof Error ? error : new Error(messageOf(error)));
    }
  }
}

function addSubscription({ channel, streamId }: NewSubscription): NewCommand {
  return { type: 'addSubscription', channel, streamId, registrationCorrelationId: -1 };
}
