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
import { attachToDriver } from './driver-attach.ts';
import type { ExclusivePublication } from './exclusive-publication.ts';
import type { Publication } from './publication.ts';
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
 * `CLIENT_TIMEOUT` …), publications return CLOSED and images close. Connect again for a new client.
 *
 * A client, and everything it made, belongs to one thread. Several clients may be connected at once.
 */
export class Aeron {
  private readonly conductor: ClientConductor;
  private readonly context: ClientContext;

  private constructor(context: ClientContext, conductor: ClientConductor) {
    this.context = context;
    this.conductor = conductor;
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
    return new Aeron(context, new ClientConductor(context, cnc, clock));
  }

  /** Names this client to the driver. */
  get clientId(): number {
    return this.conductor.clientId;
  }

  /** Where the driver is. */
  get directory(): string {
    return this.context.directory;
  }

  get isClosed(): boolean {
    return this.conductor.isClosed;
  }

  /** Why the client closed by itself; null while it is open and after {@link close}. */
  get lostReason(): AeronError | null {
    return this.conductor.lostReason;
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
    const stream = streamOf(channel, streamId);
    const handlers = typeof channel === 'string' ? options : channel;
    return this.conductor.addSubscription(
      stream.channel,
      stream.streamId,
      handlers?.onAvailableImage ?? this.context.onAvailableImage,
      handlers?.onUnavailableImage ?? this.context.onUnavailableImage,
    );
  }

  /** Adds a counter to those of the driver, for as long as it, or this client, is not closed. */
  async addCounter(options: CounterOptions): Promise<Counter> {
    const key = checkCounter(options);
    return this.conductor.addCounter(options.typeId, key, options.label);
  }

  /** Adds a counter that stays when the client closes, or finds it. */
  async addStaticCounter(options: StaticCounterOptions): Promise<Counter> {
    const key = checkCounter(options);
    return this.conductor.addStaticCounter(options.typeId, key, options.label, options.registrationId);
  }

  /** Every counter of the driver and its clients. Not to be used when the client is closed. */
  get countersReader(): CountersReader {
    return this.conductor.countersReader;
  }

  /** Told when a counter of any client appears. */
  addAvailableCounterHandler(handler: CounterHandler): void {
    this.conductor.availableCounterHandlers.add(handler);
  }

  removeAvailableCounterHandler(handler: CounterHandler): void {
    this.conductor.availableCounterHandlers.delete(handler);
  }

  /** Told when a counter of any client is gone. */
  addUnavailableCounterHandler(handler: CounterHandler): void {
    this.conductor.unavailableCounterHandlers.add(handler);
  }

  removeUnavailableCounterHandler(handler: CounterHandler): void {
    this.conductor.unavailableCounterHandlers.delete(handler);
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
    return this.conductor.doWork();
  }

  /**
   * Closes the client and everything it made. The driver still sends what was offered before. Any number of
   * calls.
   */
  async close(): Promise<void> {
    this.conductor.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function streamOf(channel: string | StreamOptions, streamId: number | undefined): StreamOptions {
  const stream = typeof channel === 'string' ? { channel, streamId: streamId! } : channel;
  if (!Number.isInteger(stream.streamId) || (stream.streamId | 0) !== stream.streamId) {
    throw new RangeError(`stream id ${stream.streamId} is not a 32-bit integer`);
  }
  return stream;
}

function checkCounter({ key, label }: CounterOptions): Buffer {
  if (label.length > COUNTER_LABEL_LENGTH_MAX) {
    throw new RangeError(
      `a label of ${label.length} characters; the longest has ${COUNTER_LABEL_LENGTH_MAX}`,
    );
  }
  if (key !== undefined && key.length > COUNTER_KEY_LENGTH_MAX) {
    throw new RangeError(`a key of ${key.length} bytes; the longest has ${COUNTER_KEY_LENGTH_MAX}`);
  }
  return key === undefined ? Buffer.alloc(0) : Buffer.from(key);
}
