import type { CncFile } from '../cnc/cnc-file.ts';
import { SystemCounter } from '../cnc/counter-types.ts';
import { type DriverEvent, decodeEvent } from '../cnc/events.ts';
import { BroadcastReceiver } from '../concurrent/broadcast-receiver.ts';
import type { Clock } from '../concurrent/clock.ts';
import { CountersReader } from '../concurrent/counters.ts';
import { type AeronError, messageOf } from '../util/errors.ts';
import { type ClientErrorCode, clientError } from './client-errors.ts';
import type { ClientContext } from './client-options.ts';
import type { Counter } from './counter.ts';
import { DriverProxy, type NewCommand } from './driver-proxy.ts';
import { EventLoopWaits } from './event-loop-waits.ts';
import type { ExclusivePublication } from './exclusive-publication.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Image } from './image.ts';
import type { ClientHandlers } from './lifecycle.ts';
import type { Publication } from './publication.ts';
import { publicationErrorFrame } from './publication-error.ts';
import { type Reply, Requests } from './requests.ts';
import { type Event, type NewSubscription, Resources } from './resources.ts';
import type { Subscription } from './subscription.ts';

/** Timeouts are looked at this often, and the event loop's timer comes this often. */
const SERVICE_INTERVAL_MS = 10;
/** So that the client also notices when that driver is not run any more. */
const CYCLES_PER_LOOK_AT_SHARED_CLOCK = 64;
const EVENTS_PER_CYCLE = 10;
/** How long a log stays mapped after its publication or subscription was closed by the application. */
const CLOSE_LINGER_MS = 1_000;
/** From this control protocol version on (1.0.0) a driver gives out session ids. */
const SESSION_ID_PROTOCOL_VERSION = 65_536;

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
  private readonly driverProxy: DriverProxy;
  private readonly requests: Requests;
  private readonly resources: Resources;
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
    this.driverProxy = new DriverProxy(cnc, context.driver);
    this.heartbeat = new Heartbeat(context, cnc, this.countersReader, this.clientId);
    this.requests = new Requests(context, this.driverProxy, clock, (event) => this.giveBack(event));
    this.resources = new Resources(this, cnc, machine.files);
    this.waits = new EventLoopWaits(() => this.service(), context.idleStrategy !== 'spin', machine.eventLoop);
    this.lastServiceNs = clock.nanoTime;
    this.nextServiceNs = clock.nanoTime;
    this.timer = context.useConductorInvoker
      ? null
      : machine.eventLoop.setInterval(() => this.service(), SERVICE_INTERVAL_MS);
  }

  get clientId(): number {
    return this.driverProxy.clientId;
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
      this.resources.newPublication(event as Event<'publicationReady'>, channel),
    );
  }

  async addExclusivePublication(channel: string, streamId: number): Promise<ExclusivePublication> {
    return this.request({ type: 'addExclusivePublication', channel, streamId }, (event) =>
      this.resources.newExclusivePublication(event as Event<'exclusivePublicationReady'>, channel),
    );
  }

  async addSubscription(spec: NewSubscription): Promise<Subscription> {
    return this.request(addSubscription(spec), (event) =>
      this.resources.newSubscription(event as Event<'subscriptionReady'>, spec),
    );
  }

  async addCounter(spec: NewCounter): Promise<Counter> {
    return this.request({ type: 'addCounter', ...spec }, (event) =>
      this.resources.newCounter(event as Event<'counterReady'>),
    );
  }

  async addStaticCounter(spec: NewCounter, registrationId: number): Promise<Counter> {
    return this.request({ type: 'addStaticCounter', ...spec, registrationId }, (event) =>
      this.resources.newStaticCounter(event as Event<'staticCounter'>, registrationId),
    );
  }

  // The same without waiting: the result is had by the registration id.

  asyncAddPublication(channel: string, streamId: number): number {
    return this.register({ type: 'addPublication', channel, streamId }, (event) =>
      this.resources.newPublication(event as Event<'publicationReady'>, channel),
    );
  }

  asyncAddExclusivePublication(channel: string, streamId: number): number {
    return this.register({ type: 'addExclusivePublication', channel, streamId }, (event) =>
      this.resources.newExclusivePublication(event as Event<'exclusivePublicationReady'>, channel),
    );
  }

  asyncAddSubscription(spec: NewSubscription): number {
    return this.register(addSubscription(spec), (event) =>
      this.resources.newSubscription(event as Event<'subscriptionReady'>, spec),
    );
  }

  asyncAddCounter(spec: NewCounter): number {
    return this.register({ type: 'addCounter', ...spec }, (event) =>
      this.resources.newCounter(event as Event<'counterReady'>),
    );
  }

  asyncAddStaticCounter(spec: NewCounter, registrationId: number): number {
    return this.register({ type: 'addStaticCounter', ...spec, registrationId }, (event) =>
      this.resources.newStaticCounter(event as Event<'staticCounter'>, registrationId),
    );
  }

  publication(registrationId: number): Publication | null {
    return this.resources.publications.get(registrationId) ?? this.notYet(registrationId);
  }

  subscription(registrationId: number): Subscription | null {
    return this.resources.subscriptions.get(registrationId) ?? this.notYet(registrationId);
  }

  counter(registrationId: number): Counter | null {
    return this.resources.counters.get(registrationId) ?? this.notYet(registrationId);
  }

  /** Closes what was added, or takes back the command that adds it. */
  remove(registrationId: number): void {
    if (this.requests.abandon(registrationId)) return;
    const { publications, subscriptions, counters } = this.resources;
    publications.get(registrationId)?.close();
    subscriptions.get(registrationId)?.close();
    counters.get(registrationId)?.close();
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
    return this.requests.notYet(registrationId);
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
    this.throwIfClosed();
    const onFailure = (error: Error): void => this.call(() => this.reportError(error));
    return this.requests.send(command, () => undefined, onFailure).correlationId;
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
    return this.driverProxy.nextCorrelationId();
  }

  releasePublication(publication: Publication, revoke: boolean): void {
    const { registrationId, originalRegistrationId } = publication;
    const { publications, logs } = this.resources;
    if (!publications.delete(registrationId)) return;
    logs.release(originalRegistrationId, this.clock.nanoTime + CLOSE_LINGER_MS * 1e6);
    this.tell({ type: 'removePublication', registrationId, revoke });
  }

  releaseSubscription(subscription: Subscription): void {
    const { registrationId } = subscription;
    const { subscriptions, logs } = this.resources;
    subscriptions.delete(registrationId);
    const images = subscription.internalClose();
    this.tell({ type: 'removeSubscription', registrationId });
    for (const image of images) {
      logs.release(image.correlationId, this.clock.nanoTime + CLOSE_LINGER_MS * 1e6);
      this.call(() => subscription.onUnavailableImage(image, subscription));
    }
  }

  releaseCounter(registrationId: number): void {
    this.resources.counters.delete(registrationId);
    this.tell({ type: 'removeCounter', registrationId });
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
      this.driverProxy.clientClose();
      this.onEnd(null);
    }
    this.resources.logs.close();
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
    for (const [subscription, images] of this.resources.close()) {
      for (const image of images) this.call(() => subscription.onUnavailableImage(image, subscription));
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
    if (this.requests.count > 0) this.requests.checkTimeouts();
    const { logs } = this.resources;
    if (logs.lingering > 0) logs.unmapDue(nanoTime);
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
    this.throwIfClosed();
    const request = this.requests.send(command, onReply);
    await this.waits.until(() => request.isSettled);
    if (request.error !== null) throw request.error;
    return request.result as T;
  }

  /** Sends a command that adds something which the application will ask for by the id that this returns. */
  private register(command: NewCommand, onReply: (event: DriverEvent) => unknown): number {
    this.throwIfClosed();
    return this.requests.register(command, onReply);
  }

  /** Sends a command whose answer nobody waits for. */
  private tell(command: NewCommand): void {
    if (this.state !== 'open') return;
    if (!this.driverProxy.send(command)) {
      this.reportError(clientError('DRIVER_BUFFER_FULL', `there was no room for ${command.type}`));
    }
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
    const subscription = this.resources.subscriptions.get(event.subscriptionRegistrationId);
    if (subscription === undefined) return;
    let image: Image;
    try {
      image = this.resources.newImage(event, subscription);
    } catch (error) {
      const what = `session ${event.sessionId} of ${subscription} cannot be received`;
      this.reportError(clientError('IMAGE_NOT_MAPPED', `${what}: ${messageOf(error)}`, { cause: error }));
      return;
    }
    subscription.addImage(image);
    this.call(() => subscription.onAvailableImage(image, subscription));
  }

  private onUnavailableImage(event: Event<'unavailableImage'>): void {
    const subscription = this.resources.subscriptions.get(event.subscriptionRegistrationId);
    const image = subscription?.removeImage(event.correlationId);
    if (subscription === undefined || image === undefined) return;
    this.resources.logs.release(
      image.correlationId,
      this.clock.nanoTime + this.context.resourceLingerMs * 1e6,
    );
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
    for (const publication of this.resources.publications.values()) {
      if (publication.originalRegistrationId !== event.registrationId) continue;
      const frame = publicationErrorFrame(publication.registrationId, event);
      this.call(() => this.context.onPublicationError(frame));
    }
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
