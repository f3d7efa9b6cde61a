import { defaultAeronDirectory } from '../cnc/cnc-file.ts';
import type { Clock } from '../concurrent/clock.ts';
import { type Machine, THIS_MACHINE } from '../concurrent/machine.ts';
import { ConfigurationError, messageOf } from '../util/errors.ts';
import { didYouMean, meantBy } from '../util/slips.ts';
import type { Image } from './image.ts';
import type { LifecycleHandler } from './lifecycle.ts';
import type { Subscription } from './subscription.ts';

/** Told when a stream appears or goes. The image can be read and asked in both cases. */
export type ImageHandler = (image: Image, subscription: Subscription) => void;

/** Told when a counter of any client appears or goes. The registration id is that of whoever added it. */
export type CounterHandler = (registrationId: number, counterId: number) => void;

/** What a receiver said about a stream of this client's. */
export interface PublicationErrorFrame {
  /** Of the publication. */
  readonly registrationId: number;
  /** Of the destination that was told, or null. */
  readonly destinationRegistrationId: number | null;
  readonly sessionId: number;
  readonly streamId: number;
  readonly receiverId: bigint;
  readonly groupTag: bigint | null;
  /** One of Aeron's error codes: 13 is a rejected image. */
  readonly errorCode: number;
  readonly message: string;
  /** `address:port`, or '' when it is not known. */
  readonly source: string;
}

/** A driver in this process that runs only when somebody calls it (threading mode INVOKER). */
export interface InvokedDriver {
  doWork(): number;
  /** Time that `doWork` brings up to date. With it the client need not look at the machine's clock itself. */
  readonly clock?: Clock;
}

export interface ClientOptions {
  /** Where the driver is. Default: `AERON_DIR`, or `/dev/shm/aeron-<user>`. */
  readonly directory?: string;
  /**
   * A driver that shows no life for this long is gone, and a call without an answer failed. Default 10000.
   */
  readonly driverTimeoutMs?: number;
  /** How often the client shows the driver that it is alive. Default 500. */
  readonly keepAliveIntervalMs?: number;
  /** How long the memory of a stream stays mapped after it became unavailable. Default 3000. */
  readonly resourceLingerMs?: number;
  /** Shown with the client's heartbeat in the driver's counters; at most 100 characters. */
  readonly clientName?: string;
  /**
   * False (the default): a timer of the event loop keeps the client alive, and the process with it until
   * `close()`. True: the application calls `aeron.doWork()` often, at least once in the driver's client
   * liveness timeout (10 s).
   */
  readonly useConductorInvoker?: boolean;
  /**
   * A driver to run whenever the client waits, and with the client's own timer. Its owner closes it, after
   * the client.
   */
  readonly driver?: InvokedDriver;
  /**
   * How `await` waits, for messages or for room: `'backoff'` (the default) tries in every turn of the event
   * loop and rests on a 1 ms timer when nothing moves; `'spin'` never rests: the lowest latency, for one
   * busy core.
   */
  readonly idleStrategy?: 'backoff' | 'spin';
  /** What the client runs on. Default: this machine; for tests a simulated one. */
  readonly machine?: Machine;
  /** Told what goes wrong outside of any call, and what handlers throw. Default: written to stderr. */
  readonly errorHandler?: (error: Error) => void;
  readonly onAvailableImage?: ImageHandler;
  readonly onUnavailableImage?: ImageHandler;
  readonly onAvailableCounter?: CounterHandler;
  readonly onUnavailableCounter?: CounterHandler;
  /** Told what receivers say about this client's publications. */
  readonly onPublicationError?: (error: PublicationErrorFrame) => void;
  /** Told once when the client closed: null after `close()`, otherwise the reason. */
  readonly onClose?: (reason: Error | null) => void;
  /** Told when the client has a driver, lost it, has another one, and closed. */
  readonly onLifecycle?: LifecycleHandler;
  /**
   * True: a client that lost its driver looks for the next one in the same directory, says so by a `connected` event,
   * and goes on; what was added is closed and to be added again. False (the default): it is closed for good.
   */
  readonly reconnect?: boolean;
}

export type ClientContext = Required<Omit<ClientOptions, 'driver'>> & {
  readonly driver: InvokedDriver | null;
};

const CLIENT_NAME_MAX = 100;

/** Where the driver is unless the application says otherwise. */
export function defaultDirectory(): string {
  return process.env.AERON_DIR ?? defaultAeronDirectory();
}

/** Fills in the defaults. Throws ConfigurationError when a setting cannot work. */
export function clientContext(options: ClientOptions): ClientContext {
  const nothing = (): void => {};
  const context: ClientContext = {
    directory: options.directory ?? defaultDirectory(),
    driverTimeoutMs: options.driverTimeoutMs ?? 10_000,
    keepAliveIntervalMs: options.keepAliveIntervalMs ?? 500,
    resourceLingerMs: options.resourceLingerMs ?? 3_000,
    clientName: options.clientName ?? '',
    useConductorInvoker: options.useConductorInvoker ?? false,
    driver: options.driver ?? null,
    idleStrategy: options.idleStrategy ?? 'backoff',
    machine: options.machine ?? THIS_MACHINE,
    errorHandler: options.errorHandler ?? ((error) => console.error(`aeron client: ${messageOf(error)}`)),
    onAvailableImage: options.onAvailableImage ?? nothing,
    onUnavailableImage: options.onUnavailableImage ?? nothing,
    onAvailableCounter: options.onAvailableCounter ?? nothing,
    onUnavailableCounter: options.onUnavailableCounter ?? nothing,
    onPublicationError: options.onPublicationError ?? nothing,
    onClose: options.onClose ?? nothing,
    onLifecycle: options.onLifecycle ?? nothing,
    reconnect: options.reconnect ?? false,
  };
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(context, name));
  if (unknown !== undefined) {
    const meant = unknown === 'dir' ? 'directory' : meantBy(unknown, Object.keys(context));
    throw new ConfigurationError(`${unknown} is not an option of a client${didYouMean(meant)}`);
  }
  checkPositive('driverTimeoutMs', context.driverTimeoutMs);
  checkPositive('keepAliveIntervalMs', context.keepAliveIntervalMs);
  if (!(context.resourceLingerMs >= 0)) {
    throw new ConfigurationError(`resourceLingerMs is ${context.resourceLingerMs}; it must be 0 or more`);
  }
  if (context.idleStrategy !== 'backoff' && context.idleStrategy !== 'spin') {
    throw new ConfigurationError(`idleStrategy is "${context.idleStrategy}"; use "backoff" or "spin"`);
  }
  if (context.clientName.length > CLIENT_NAME_MAX) {
    throw new ConfigurationError(
      `clientName has ${context.clientName.length} characters; at most ${CLIENT_NAME_MAX} are shown`,
    );
  }
  return context;
}

function checkPositive(name: string, value: number): void {
  if (!(value > 0)) throw new ConfigurationError(`${name} is ${value}; it must be more than 0`);
}
