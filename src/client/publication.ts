// hot

import type { LogBuffers } from '../logbuffer/log-buffers.ts';
import type { BufferClaim } from './buffer-claim.ts';
import { channelStatusOf, localSocketAddresses } from './channel-addresses.ts';
import type { ClientConductor } from './client-conductor.ts';
import { clientError } from './client-errors.ts';
import type { ConcurrentAppender } from './concurrent-appender.ts';
import type { ExclusiveAppender } from './exclusive-appender.ts';
import { CLOSED, MAX_POSITION_EXCEEDED } from './offer-result.ts';
import type { PositionWord } from './position-word.ts';
import type { ReservedValue } from './reserved-value.ts';

/** How to send a message that may have to wait. */
export interface SendOptions {
  /** Ends the waiting: `send` rejects with the signal's reason, and the message was not sent. */
  readonly signal?: AbortSignal;
}

/** What the driver said of a new publication. */
export interface PublicationSpec {
  readonly channel: string;
  readonly streamId: number;
  readonly sessionId: number;
  readonly registrationId: number;
  readonly originalRegistrationId: number;
  readonly channelStatusId: number;
  readonly log: LogBuffers;
  readonly limit: PositionWord;
}

/**
 * The sending end of a stream. Publications of the same channel and stream id, in this and in other
 * processes, share one stream and may be used at the same time; {@link ExclusivePublication} has a stream
 * of its own and is faster.
 *
 * `offer` and `tryClaim` never wait: they return the new position, or one of the negative results of
 * `offer-result.ts`.
 * `await send()` waits until there is room.
 */
export class Publication {
  readonly channel: string;
  readonly streamId: number;
  /** Identifies the stream among those of its channel and stream id. */
  readonly sessionId: number;
  /** Names this publication to the driver. */
  readonly registrationId: number;
  /** Names the stream to the driver: the registration id of the first publication that shares it. */
  readonly originalRegistrationId: number;
  /** Id of the counter that says how the channel is, or -1 when it needs none. */
  readonly channelStatusId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  /** Bytes of the longest message in one frame, and the most that can be claimed. */
  readonly maxPayloadLength: number;
  /** Bytes of the longest message; longer than {@link maxPayloadLength} it is sent in fragments. */
  readonly maxMessageLength: number;
  /** Where every stream of this term length ends. */
  readonly maxPossiblePosition: number;
  protected readonly appender: ConcurrentAppender | ExclusiveAppender;
  protected readonly conductor: ClientConductor;
  private readonly log: LogBuffers;
  private readonly limit: PositionWord;
  private closed = false;
  /** Of the last append or claim. */
  private result = 0;
  /** The sends that wait, in order. */
  private readonly sends: object[] = [];

  constructor(
    conductor: ClientConductor,
    spec: PublicationSpec,
    appender: ConcurrentAppender | ExclusiveAppender,
  ) {
    this.channel = spec.channel;
    this.streamId = spec.streamId;
    this.sessionId = spec.sessionId;
    this.registrationId = spec.registrationId;
    this.originalRegistrationId = spec.originalRegistrationId;
    this.channelStatusId = spec.channelStatusId;
    this.initialTermId = spec.log.initialTermId;
    this.termLength = spec.log.termLength;
    this.maxPayloadLength = appender.maxPayloadLength;
    this.maxMessageLength = appender.maxMessageLength;
    this.maxPossiblePosition = appender.maxPossiblePosition;
    this.appender = appender;
    this.conductor = conductor;
    this.log = spec.log;
    this.limit = spec.limit;
  }

  /**
   * Sends `length` bytes of `buffer`, from `offset` on, as one message: copied, so the buffer can be used
   * again at once. Returns the position the stream reached (> 0), or a negative result: NOT_CONNECTED,
   * BACK_PRESSURED, ADMIN_ACTION, CLOSED or MAX_POSITION_EXCEEDED. Throws RangeError for a message longer
   * than {@link maxMessageLength}, TypeError for what is no Uint8Array.
   *
   * `reservedValue`, or what the function makes, goes into 64 bits of the header that belong to the application.
   */
  offer(
    buffer: Uint8Array,
    offset = 0,
    length: number = buffer.length - offset,
    reservedValue: ReservedValue = null,
  ): number {
    return this.append(buffer, offset, length, reservedValue) < 0 ? this.result : this.appender.position;
  }

  /**
   * As {@link offer}, for a message whose bytes are in several places: those of `vectors`, one after the other. Keep
   * the array, and use it again.
   */
  offerVectors(vectors: readonly Uint8Array[], reservedValue: ReservedValue = null): number {
    return this.appendVectors(vectors, reservedValue) < 0 ? this.result : this.appender.position;
  }

  /**
   * Takes `length` bytes of the stream, at most {@link maxPayloadLength}, for the caller to write in place
   * through `claim` and then commit or abort. Returns as {@link offer}; the claim is only valid when the
   * result is > 0.
   */
  tryClaim(length: number, claim: BufferClaim): number {
    return this.claim(length, claim) < 0 ? this.result : this.appender.position;
  }

  // What offer and tryClaim return is a double. V8 boxes it, 16 bytes a message, unless it inlines them where they are
  // called: so they are short, what they do is here, and a negative result waits in a field of integers.

  private append(buffer: Uint8Array, offset: number, length: number, reservedValue: ReservedValue): number {
    const isInside = offset >= 0 && length >= 0 && offset + length <= buffer.length;
    if (!(buffer instanceof Uint8Array && isInside && length <= this.maxMessageLength)) {
      this.refuse(buffer, offset, length, this.maxMessageLength);
    }
    this.result = this.closed ? CLOSED : this.appender.append(buffer, offset, length, reservedValue);
    return this.result;
  }

  private appendVectors(vectors: readonly Uint8Array[], reservedValue: ReservedValue): number {
    let length = 0;
    for (let i = 0; i < vectors.length; i++) {
      const vector = vectors[i]!;
      if (!(vector instanceof Uint8Array)) this.refuse(vector, 0, 0, this.maxMessageLength);
      length += vector.length;
    }
    if (length > this.maxMessageLength) this.refuseLength(length, this.maxMessageLength);
    this.result = this.closed ? CLOSED : this.appender.appendVectors(vectors, length, reservedValue);
    return this.result;
  }

  private claim(length: number, claim: BufferClaim): number {
    if (!(length >= 0 && length <= this.maxPayloadLength)) {
      this.refuseLength(length, this.maxPayloadLength);
    }
    this.result = this.closed ? CLOSED : this.appender.claim(length, claim);
    return this.result;
  }

  /**
   * Sends a message, waiting for a subscriber and for room as long as it takes; the event loop goes on
   * meanwhile. Resolves with the position the stream reached. Messages go out in the order of the calls.
   * The bytes must stay as they are until then. Rejects with AeronError `PUBLICATION_CLOSED` or
   * `MAX_POSITION_EXCEEDED`, the reason why the client closed, or the signal's.
   */
  async send(message: Uint8Array | string, options: SendOptions = {}): Promise<number> {
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    const signal = options.signal ?? null;
    signal?.throwIfAborted();
    const waits = this.conductor.waits;
    if (this.sends.length === 0 && waits.spend(bytes.length)) {
      const result = this.trySend(bytes);
      if (result > 0) return result;
    }
    const ticket = {};
    this.sends.push(ticket);
    let position = 0;
    try {
      await waits.until(() => {
        if (this.sends[0] !== ticket && !this.closed) return false;
        position = this.trySend(bytes);
        // The next one in the queue may try in this very turn.
        if (position > 0) this.sends.shift();
        return position > 0;
      }, signal);
      return position;
    } finally {
      const index = this.sends.indexOf(ticket);
      if (index >= 0) this.sends.splice(index, 1);
    }
  }

  /** Whether a subscriber is there to receive. */
  get isConnected(): boolean {
    return !this.closed && this.log.isConnected();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether this publication was the first of its stream. */
  get isOriginal(): boolean {
    return this.registrationId === this.originalRegistrationId;
  }

  /** Where the stream ends now, or CLOSED. */
  get position(): number {
    return this.closed ? CLOSED : this.log.producerPosition();
  }

  /** Up to where the stream may go before it is held back, or CLOSED. */
  get positionLimit(): number {
    if (this.closed) return CLOSED;
    this.limit.load();
    return this.limit.value;
  }

  /** Bytes until the stream is held back, or CLOSED. */
  get availableWindow(): number {
    return this.closed ? CLOSED : this.positionLimit - this.position;
  }

  /** A value of `ChannelStatus`: 1 is active; -1 errored, and closed. */
  get channelStatus(): number {
    return this.closed ? -1 : channelStatusOf(this.conductor.countersReader, this.channelStatusId);
  }

  /** The `address:port` that the stream is sent from; none for IPC. */
  get localSocketAddresses(): string[] {
    return this.closed ? [] : localSocketAddresses(this.conductor.countersReader, this.channelStatusId);
  }

  /**
   * Sends the stream to one more destination, `aeron:udp?endpoint=…`; for channels with
   * `control-mode=manual`. Resolves with an id by which it can be removed.
   */
  addDestination(channel: string): Promise<number> {
    return this.conductor.addDestination('addDestination', this.originalRegistrationId, channel);
  }

  /** Removes a destination, by the channel or by the id that {@link addDestination} gave. */
  removeDestination(destination: string | number): Promise<void> {
    return typeof destination === 'string'
      ? this.conductor.removeDestination('removeDestination', this.originalRegistrationId, destination)
      : this.conductor.removeDestinationById(this.originalRegistrationId, destination);
  }

  /**
   * {@link addDestination} without waiting: returns the id at once, to ask `aeron.isCommandActive` whether the driver
   * has still to answer. A refusal goes to the client's error handler. Cold.
   */
  asyncAddDestination(channel: string): number {
    const registrationId = this.originalRegistrationId;
    return this.conductor.changeDestination({ type: 'addDestination', registrationId, channel });
  }

  /** {@link removeDestination} without waiting, as {@link asyncAddDestination}. Returns the command's id. Cold. */
  asyncRemoveDestination(destination: string | number): number {
    const registrationId = this.originalRegistrationId;
    return this.conductor.changeDestination(
      typeof destination === 'string'
        ? { type: 'removeDestination', registrationId, channel: destination }
        : { type: 'removeDestinationById', registrationId, destinationRegistrationId: destination },
    );
  }

  /** Closes the publication. What was offered before is still sent. */
  close(): void {
    if (this.closed) return;
    this.internalClose();
    this.conductor.releasePublication(this, false);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** For the client: the driver knows already, or is gone. */
  internalClose(): void {
    this.closed = true;
  }

  /** Returns the position, or 0 when the message has to wait. */
  private trySend(bytes: Uint8Array): number {
    const result = this.offer(bytes);
    if (result === CLOSED)
      throw this.conductor.closedError('PUBLICATION_CLOSED', `the publication on ${this}`);
    if (result === MAX_POSITION_EXCEEDED) {
      throw clientError(
        'MAX_POSITION_EXCEEDED',
        `the stream of ${this} reached its last position, ${this.maxPossiblePosition}. Add the publication again ` +
          'for a new stream, or use longer terms (term-length=).',
      );
    }
    return Math.max(result, 0);
  }

  toString(): string {
    return `${this.channel} stream ${this.streamId}`;
  }

  private refuse(buffer: unknown, offset: number, length: number, lengthMax: number): never {
    if (!(buffer instanceof Uint8Array)) {
      throw new TypeError(
        `a message is a Uint8Array, such as a Buffer, and no ${typeof buffer}; send() takes strings`,
      );
    }
    if (length > lengthMax) this.refuseLength(length, lengthMax);
    throw new RangeError(`${length} bytes at ${offset} are not in a buffer of ${buffer.length}`);
  }

  private refuseLength(length: number, lengthMax: number): never {
    throw new RangeError(`a message of ${length} bytes; ${this} takes 0 to ${lengthMax}`);
  }
}
