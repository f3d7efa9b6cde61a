import { errorCodeName } from '../cnc/error-codes.ts';
import type { DriverEvent } from '../cnc/events.ts';
import { RegistrationError } from './client-errors.ts';

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

/** What the client has asked of its driver and has no answer to. */
export class Requests {
  private readonly pending: Map<number, Request> = new Map();
  /** Correlation ids of requests that nobody waits for: what the driver makes of one all the same, it gets back. */
  private readonly abandoned: Set<number> = new Set();
  private readonly giveBack: (event: Reply) => void;

  /** `giveBack` undoes what the driver did and the client cannot use, or no longer wants. */
  constructor(giveBack: (event: Reply) => void) {
    this.giveBack = giveBack;
  }

  /** How many wait for an answer. */
  get count(): number {
    return this.pending.size;
  }

  has(correlationId: number): boolean {
    return this.pending.has(correlationId);
  }

  add(request: Request): void {
    this.pending.set(request.correlationId, request);
  }

  /** Forgets a request that never reached the driver. */
  remove(correlationId: number): void {
    this.pending.delete(correlationId);
  }

  /** Whatever the answer will be, it is not wanted any more. Returns whether one was still to come. */
  abandon(correlationId: number): boolean {
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

  /** Ends those whose time is over, with what `timedOut` makes. */
  timeOut(nowNs: number, timedOut: (request: Request) => Error): void {
    for (const request of this.pending.values()) {
      if (request.deadlineNs - nowNs > 0) continue;
      this.abandon(request.correlationId);
      settle(request, timedOut(request));
    }
  }

  /** Ends all of them. */
  failAll(reason: Error): void {
    const requests = [...this.pending.values()];
    this.pending.clear();
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
