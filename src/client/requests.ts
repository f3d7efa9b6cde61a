import { errorCodeName } from '../cnc/error-codes.ts';
import type { DriverEvent } from '../cnc/events.ts';
import type { Clock } from '../concurrent/clock.ts';
import { clientError, RegistrationError } from './client-errors.ts';
import type { ClientContext } from './client-options.ts';
import type { DriverProxy, NewCommand } from './driver-proxy.ts';

/** An answer of the driver that names the command it answers. */
export type Reply = DriverEvent & { readonly correlationId: number };

/** A command whose answer has not come yet, or has and was not taken. */
export interface Request {
  readonly correlationId: number;
  readonly what: string;
  readonly deadlineNs: number;
  /** Makes the result, at the very moment of the answer: what the driver says next may refer to it. */
  readonly onReply: (event: DriverEvent) => unknown;
  /** Told of a failure that nobody waits for; null when somebody does. */
  readonly onFailure: ((error: Error) => void) | null;
  isSettled: boolean;
  result: unknown;
  error: Error | null;
}

/** What the client has asked of its driver: what has no answer yet, and what the application has not taken. */
export class Requests {
  private readonly pending: Map<number, Request> = new Map();
  /** Correlation ids of requests that nobody waits for: what the driver makes of one all the same, it gets back. */
  private readonly abandoned: Set<number> = new Set();
  /** What the application asks for by its registration id and has not taken: not there yet, or failed. */
  private readonly registrations: Map<number, Request> = new Map();
  private readonly context: ClientContext;
  private readonly driver: DriverProxy;
  private readonly clock: Clock;
  private readonly giveBack: (event: Reply) => void;

  /** `giveBack` undoes what the driver did and the client cannot use, or no longer wants. */
  constructor(context: ClientContext, driver: DriverProxy, clock: Clock, giveBack: (event: Reply) => void) {
    this.context = context;
    this.driver = driver;
    this.clock = clock;
    this.giveBack = giveBack;
  }

  /** How many wait for an answer. */
  get count(): number {
    return this.pending.size;
  }

  has(correlationId: number): boolean {
    return this.pending.has(correlationId);
  }

  /** Sends a command. `onFailure` is null when somebody waits for the result. Throws AeronError `DRIVER_BUFFER_FULL`. */
  send(
    command: NewCommand,
    onReply: (event: DriverEvent) => unknown,
    onFailure: ((error: Error) => void) | null = null,
  ): Request {
    const { directory, driverTimeoutMs } = this.context;
    const correlationId = this.driver.nextCorrelationId();
    this.clock.update();
    const request: Request = {
      correlationId,
      what: command.type,
      deadlineNs: this.clock.nanoTime + driverTimeoutMs * 1e6,
      onReply,
      onFailure,
      isSettled: false,
      result: undefined,
      error: null,
    };
    this.pending.set(correlationId, request);
    if (this.driver.send(command, correlationId)) return request;
    this.pending.delete(correlationId);
    throw clientError(
      'DRIVER_BUFFER_FULL',
      `the driver in ${directory} has not read its commands for a while: there is no room for ${command.type}`,
    );
  }

  /** Sends a command that adds something which the application will ask for by the id that this returns. */
  register(command: NewCommand, onReply: (event: DriverEvent) => unknown): number {
    const request = this.send(command, (event) => {
      const resource = onReply(event);
      this.registrations.delete(request.correlationId);
      return resource;
    });
    this.registrations.set(request.correlationId, request);
    return request.correlationId;
  }

  /** Null for what was asked for and is not there; throws why it never will be. */
  notYet(registrationId: number): null {
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

  /** Whatever the answer will be, it is not wanted any more. Returns whether one was still to come. */
  abandon(correlationId: number): boolean {
    this.registrations.delete(correlationId);
    if (!this.pending.delete(correlationId)) return false;
    this.abandoned.add(correlationId);
    return true;
  }

  onReply(event: Reply): void {
    const request = this.pending.get(event.correlationId);
    if (request === undefined) {
      if (this.abandoned.delete(event.correlationId)) this.giveBack(event);
      return;
    }
    this.pending.delete(event.correlationId);
    try {
      request.result = request.onReply(event);
      request.isSettled = true;
    } catch (error) {
      settle(request, error as Error);
      this.giveBack(event);
    }
  }

  onError({ offendingCorrelationId, errorCode, message }: Extract<DriverEvent, { type: 'error' }>): void {
    this.abandoned.delete(offendingCorrelationId);
    const request = this.pending.get(offendingCorrelationId);
    if (request === undefined) return;
    this.pending.delete(offendingCorrelationId);
    settle(
      request,
      new RegistrationError(
        errorCodeName(errorCode),
        `${request.what}: ${message}`,
        errorCode,
        offendingCorrelationId,
      ),
    );
  }

  /** Ends those whose time is over. */
  checkTimeouts(): void {
    const { directory, driverTimeoutMs } = this.context;
    for (const request of this.pending.values()) {
      if (request.deadlineNs - this.clock.nanoTime > 0) continue;
      this.pending.delete(request.correlationId);
      this.abandoned.add(request.correlationId);
      const message = `no answer to ${request.what} from the driver in ${directory} within ${driverTimeoutMs} ms`;
      settle(request, clientError('DRIVER_TIMEOUT', message));
    }
  }

  /** Ends all of them. */
  failAll(reason: Error): void {
    const requests = [...this.pending.values()];
    this.pending.clear();
    this.registrations.clear();
    for (const request of requests) {
      request.isSettled = true;
      request.error = reason;
    }
  }
}

function settle(request: Request, error: Error): void {
  request.isSettled = true;
  request.error = error;
  request.onFailure?.(error);
}
