import type { CncFile } from '../cnc/cnc-file.ts';
import type { Clock } from '../concurrent/clock.ts';
import type { CountersReader } from '../concurrent/counters.ts';
import { COUNTER_KEY_LENGTH_MAX, COUNTER_LABEL_LENGTH_MAX } from '../concurrent/counters.ts';
import type { AeronError } from '../util/errors.ts';
import { ClientConductor } from './client-conductor.ts';
import {
  type ClientContext,
  type ClientOptions,
  type CounterHandler,
  clientContext,
  type ImageHandler,
} from './client-options.ts';
import type { Counter } from './counter.ts';
import { attachToDriver, RETRY_MS } from './driver-attach.ts';
import { ExclusivePublication } from './exclusive-publication.ts';
import {
  type ClientHandlers,
  type LifecycleEvent,
  type LifecycleHandler,
  Reconnection,
} from './lifecycle.ts';
import type { Publication } from './publication.ts';
import type { NewSubscription } from './resources.ts';
import type { Subscription } from './subscription.ts';

/**
 * What is sent or received: a channel URI such as `aeron:udp?endpoint=localhost:20121` or `aeron:ipc`, and
 * a stream id.
 */
export interface StreamOptions {
  readonly channel: string;
  /** Any 32-bit integer; tells streams of one channel apart. */
  readonly streamId: number;
}

export interface SubscriptionOptions {
  /** Told when a publisher's stream appears. Default: the client's handler. */
  readonly onAvailableImage?: ImageHandler;
  /** Told when a publisher's stream is gone. Default: the client's handler. */
  readonly onUnavailableImage?: ImageHandler;
}

export interface CounterOptions {
  /** 1000 or more; what is below is Aeron's. */
  readonly typeId: number;
  /** What tools show; at most 380 characters. */
  readonly label: string;
  /** What programs find it by; at most 112 bytes. */
  readonly key?: Uint8Array;
}

export interface StaticCounterOptions extends CounterOptions {
  /** With the type id it names the counter: adding it again finds the one there is. */
  readonly registrationId: number;
}

/**
 * A client of a media driver. It adds publications and subscriptions; messages then go through shared
 * memory, without the client.
 *
 * ```ts
 * await using aeron = await Aeron.connect();
 * const publication = await aeron.addPublication('aeron:ipc', 1001);
 * await publication.send('hello');
 * ```
 *
 * When the driver dies, or gives the client up, calls in progress reject with the reason (`DRIVER_TIMEOUT`,
 * `DRIVER_CLOSED`,
 * `CLIENT_TIMEOUT` …), publications return CLOSED and images close. Connect again for a new client, or let this one look
 * for the next driver by itself: `reconnect` in the options.
 *
 * A client, and everything it made, belongs to one thread. Several clients may be connected at once.
 */
export class Aeron {
  private readonly context: ClientContext;
  private readonly clock: Clock;
  private readonly handlers: ClientHandlers;
  /** Another one after each loss of the driver. */
  private conductor: ClientConductor;
  private reconnection: Reconnection | null = null;
  private endReason: Error | null = null;
  private closed = false;

  private constructor(context: ClientContext, clock: Clock, cnc: CncFile) {
    this.context = context;
    this.clock = clock;
    this.handlers = {
      availableCounter: new Set([context.onAvailableCounter]),
      unavailableCounter: new Set([context.onUnavailableCounter]),
      lifecycle: new Set([context.onLifecycle]),
    };
    this.conductor = this.newConductor(cnc);
  }

  /**
   * Finds the driver, waiting for one that is starting. Rejects with AeronError: `DRIVER_TIMEOUT` when
   * there is none in time,
   * `CNC_VERSION` when it speaks another version, and others that say what is wrong with its files.
   */
  static async connect(options: ClientOptions = {}): Promise<Aeron> {
    const context = clientContext(options);
    const clock = context.driver?.clock ?? context.machine.newClock();
    const cnc = await attachToDriver(context, clock);
    const aeron = new Aeron(context, clock, cnc);
    aeron.tell({ type: 'connected', clientId: aeron.clientId, isReconnect: false });
    return aeron;
  }

  /** Names this client to the driver. */
  get clientId(): number {
    return this.conductor.clientId;
  }

  /** Where the driver is. */
  get directory(): string {
    return this.context.directory;
  }

  /** Whether the client is closed for good. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether the client lost its driver and looks for the next one: see {@link ClientOptions.reconnect}. */
  get isReconnecting(): boolean {
    return this.reconnection !== null;
  }

  /** Why the client has no driver; null while it has one and after {@link close}. */
  get lostReason(): AeronError | null {
    return this.conductor.lostReason;
  }

  /**
   * Resolves when the client has a driver: at once, or after a loss when it has found the next one. Rejects when it is
   * closed, and with the signal's reason.
   */
  async whenConnected(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    while (this.reconnection !== null) {
      options.signal?.throwIfAborted();
      this.doWork();
      await new Promise<void>((resolve) => {
        this.context.machine.eventLoop.setTimeout(resolve, RETRY_MS);
      });
    }
    if (this.closed) throw this.endReason ?? this.conductor.closedError('CLIENT_CLOSED', 'the client');
  }

  /** Told of every {@link LifecycleEvent} from now on. */
  addLifecycleHandler(handler: LifecycleHandler): void {
    this.handlers.lifecycle.add(handler);
  }

  removeLifecycleHandler(handler: LifecycleHandler): void {
    this.handlers.lifecycle.delete(handler);
  }

  /**
   * Adds a publication. Those of the same channel and stream id share one stream.
   * Rejects with AeronError: `INVALID_CHANNEL`, `UNKNOWN_HOST` … as the driver says, or `DRIVER_TIMEOUT`.
   */
  addPublication(channel: string, streamId: number): Promise<Publication>;
  addPublication(options: StreamOptions): Promise<Publication>;
  addPublication(channel: string | StreamOptions, streamId?: number): Promise<Publication> {
    const stream = streamOf(channel, streamId);
    return this.conductor.addPublication(stream.channel, stream.streamId);
  }

  /** Adds a publication with a stream of its own. Rejects as {@link addPublication}. */
  addExclusivePublication(channel: string, streamId: number): Promise<ExclusivePublication>;
  addExclusivePublication(options: StreamOptions): Promise<ExclusivePublication>;
  addExclusivePublication(channel: string | StreamOptions, streamId?: number): Promise<ExclusivePublication> {
    const stream = streamOf(channel, streamId);
    return this.conductor.addExclusivePublication(stream.channel, stream.streamId);
  }

  /** Adds a subscription. Rejects as {@link addPublication}. */
  addSubscription(channel: string, streamId: number, options?: SubscriptionOptions): Promise<Subscription>;
  addSubscription(options: StreamOptions & SubscriptionOptions): Promise<Subscription>;
  addSubscription(
    channel: string | (StreamOptions & SubscriptionOptions),
    streamId?: number,
    options?: SubscriptionOptions,
  ): Promise<Subscription> {
    return this.conductor.addSubscription(this.newSubscription(channel, streamId, options));
  }

  /** Adds a counter to those of the driver, for as long as it, or this client, is not closed. */
  async addCounter(options: CounterOptions): Promise<Counter> {
    return this.conductor.addCounter(newCounter(options));
  }

  /** Adds a counter that stays when the client closes, or finds it. */
  async addStaticCounter(options: StaticCounterOptions): Promise<Counter> {
    return this.conductor.addStaticCounter(newCounter(options), options.registrationId);
  }

  // Adding without waiting. Each returns a registration id at once; the getter of that kind gives what it names: null
  // while the driver has not answered, and throws the AeronError with which it refused.

  /** {@link addPublication} without waiting: returns the id for {@link getPublication}. */
  asyncAddPublication(channel: string | StreamOptions, streamId?: number): number {
    const stream = streamOf(channel, streamId);
    return this.conductor.asyncAddPublication(stream.channel, stream.streamId);
  }

  /** {@link addExclusivePublication} without waiting: returns the id for {@link getExclusivePublication}. */
  asyncAddExclusivePublication(channel: string | StreamOptions, streamId?: number): number {
    const stream = streamOf(channel, streamId);
    return this.conductor.asyncAddExclusivePublication(stream.channel, stream.streamId);
  }

  /** {@link addSubscription} without waiting: returns the id for {@link getSubscription}. */
  asyncAddSubscription(
    channel: string | (StreamOptions & SubscriptionOptions),
    streamId?: number,
    options?: SubscriptionOptions,
  ): number {
    return this.conductor.asyncAddSubscription(this.newSubscription(channel, streamId, options));
  }

  /** {@link addCounter} without waiting: returns the id for {@link getCounter}. */
  asyncAddCounter(options: CounterOptions): number {
    return this.conductor.asyncAddCounter(newCounter(options));
  }

  /** {@link addStaticCounter} without waiting: returns the id for {@link getCounter}. */
  asyncAddStaticCounter(options: StaticCounterOptions): number {
    return this.conductor.asyncAddStaticCounter(newCounter(options), options.registrationId);
  }

  /**
   * The publication that a registration id names; null while the driver has not answered. Throws the AeronError with
   * which the driver refused, once; RangeError for an id that names nothing of the kind; AeronError when closed.
   */
  getPublication(registrationId: number): Publication | null {
    return this.conductor.publication(registrationId);
  }

  /** As {@link getPublication}, for an exclusive one. */
  getExclusivePublication(registrationId: number): ExclusivePublication | null {
    const publication = this.conductor.publication(registrationId);
    if (publication === null || publication instanceof ExclusivePublication) return publication;
    throw new RangeError(`registration id ${registrationId} names a publication that is not exclusive`);
  }

  /** As {@link getPublication}, for a subscription. */
  getSubscription(registrationId: number): Subscription | null {
    return this.conductor.subscription(registrationId);
  }

  /** As {@link getPublication}, for a counter, by the id that adding it returned. */
  getCounter(registrationId: number): Counter | null {
    return this.conductor.counter(registrationId);
  }

  /** Closes what a registration id names; what is not there yet will not come. */
  asyncRemove(registrationId: number): void {
    this.conductor.remove(registrationId);
  }

  /** Whether the driver has still to answer the command of this correlation, or registration, id. */
  isCommandActive(correlationId: number): boolean {
    return this.conductor.isCommandActive(correlationId);
  }

  /** Whether the driver has still to answer any command. */
  get hasActiveCommands(): boolean {
    return this.conductor.hasActiveCommands;
  }

  /** Every counter of the driver and its clients. Not to be used when the client is closed. */
  get countersReader(): CountersReader {
    return this.conductor.countersReader;
  }

  /** Told when a counter of any client appears. */
  addAvailableCounterHandler(handler: CounterHandler): void {
    this.handlers.availableCounter.add(handler);
  }

  removeAvailableCounterHandler(handler: CounterHandler): void {
    this.handlers.availableCounter.delete(handler);
  }

  /** Told when a counter of any client is gone. */
  addUnavailableCounterHandler(handler: CounterHandler): void {
    this.handlers.unavailableCounter.add(handler);
  }

  removeUnavailableCounterHandler(handler: CounterHandler): void {
    this.handlers.unavailableCounter.delete(handler);
  }

  /** An id that is unique among everything this driver has handed out. Throws AeronError when closed. */
  nextCorrelationId(): number {
    return this.conductor.nextCorrelationId();
  }

  /** A session id that no publication of this stream id has, for `session-id=` in a channel. */
  nextSessionId(streamId: number): Promise<number> {
    return this.conductor.nextSessionId(streamId);
  }

  /**
   * One duty cycle of the client: answers, images and signs of life. With `useConductorInvoker` the
   * application calls it in its own loop; otherwise a timer does, and calling it too does no harm.
   * Allocates nothing while nothing happens. Returns the work done.
   */
  doWork(): number {
    return this.reconnection === null ? this.conductor.doWork() : this.reconnection.doWork();
  }

  /**
   * Closes the client and everything it made. The driver still sends what was offered before. Any number of
   * calls.
   */
  async close(): Promise<void> {
    const isReconnecting = this.reconnection !== null;
    this.reconnection?.end();
    this.reconnection = null;
    this.conductor.close();
    if (isReconnecting) this.end(null);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private newConductor(cnc: CncFile): ClientConductor {
    return new ClientConductor(this.context, this.handlers, cnc, this.clock, (reason) => {
      if (reason === null) this.end(null);
      else this.onLost(reason);
    });
  }

  private onLost(reason: AeronError): void {
    const { context, clock } = this;
    const willReconnect = context.reconnect;
    if (willReconnect) {
      const onAttached = (cnc: CncFile): void => this.onAttached(cnc);
      this.reconnection = new Reconnection(context, clock, onAttached, (error) => this.onNoReconnect(error));
    }
    this.tell({ type: 'lost', reason, willReconnect });
    if (!willReconnect) this.end(reason);
  }

  private onAttached(cnc: CncFile): void {
    this.reconnection = null;
    const lost = this.conductor;
    this.conductor = this.newConductor(cnc);
    lost.close();
    this.tell({ type: 'connected', clientId: this.clientId, isReconnect: true });
  }

  private onNoReconnect(error: Error): void {
    this.reconnection = null;
    this.conductor.call(() => this.context.errorHandler(error));
    this.end(error);
  }

  private end(reason: Error | null): void {
    this.closed = true;
    this.endReason = reason;
    this.conductor.call(() => this.context.onClose(reason));
    this.tell({ type: 'closed', reason });
  }

  private tell(event: LifecycleEvent): void {
    for (const handler of this.handlers.lifecycle) this.conductor.call(() => handler(event));
  }

  private newSubscription(
    channel: string | (StreamOptions & SubscriptionOptions),
    streamId: number | undefined,
    options: SubscriptionOptions | undefined,
  ): NewSubscription {
    const stream = streamOf(channel, streamId);
    const handlers = typeof channel === 'string' ? options : channel;
    return {
      channel: stream.channel,
      streamId: stream.streamId,
      onAvailableImage: handlers?.onAvailableImage ?? this.context.onAvailableImage,
      onUnavailableImage: handlers?.onUnavailableImage ?? this.context.onUnavailableImage,
    };
  }
}

function streamOf(channel: string | StreamOptions, streamId: number | undefined): StreamOptions {
  const stream = typeof channel === 'string' ? { channel, streamId: streamId! } : channel;
  if (typeof stream?.channel !== 'string') {
    throw new TypeError(`channel ${String(stream?.channel ?? channel)} is not a string such as "aeron:ipc"`);
  }
  if (!Number.isInteger(stream.streamId) || (stream.streamId | 0) !== stream.streamId) {
    throw new RangeError(`stream id ${stream.streamId} is not a 32-bit integer`);
  }
  return stream;
}

function newCounter({ typeId, key, label }: CounterOptions): { typeId: number; key: Buffer; label: string } {
  if (label.length > COUNTER_LABEL_LENGTH_MAX) {
    throw new RangeError(
      `a label of ${label.length} characters; the longest has ${COUNTER_LABEL_LENGTH_MAX}`,
    );
  }
  if (key !== undefined && key.length > COUNTER_KEY_LENGTH_MAX) {
    throw new RangeError(`a key of ${key.length} bytes; the longest has ${COUNTER_KEY_LENGTH_MAX}`);
  }
  return { typeId, key: key === undefined ? Buffer.alloc(0) : Buffer.from(key), label };
}
