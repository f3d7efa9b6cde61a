// hot
import { partitionIndexOf, termOffsetOf } from '../../logbuffer/descriptor.ts';
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import { loadAcquire } from '../../memory/ordered.ts';
import type { AgentContext } from '../agent-context.ts';
import { LogCleaner } from '../log-cleaner.ts';
import type { IpcPublicationSpec, SubscriberPosition } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { SubscriberPositions } from '../subscriber-positions.ts';
import { UntetheredSubscribers } from '../untethered-subscribers.ts';
import { BlockedPublisher } from './blocked-publisher.ts';
import { PublisherTail } from './publisher-tail.ts';

const ACTIVE = 0;
const DRAINING = 1;
const LINGER = 2;
const DONE = 3;

/** The limit is moved on in steps of the window divided by this. */
const TRIP_GAIN_DIVISOR = 8;

/** A log that clients write and other clients of the same machine read in place. */
export class IpcPublication {
  readonly registrationId: number;
  private readonly spec: IpcPublicationSpec;
  private readonly context: AgentContext;
  private readonly termWindowLength: number;
  private readonly log: LogBuffers;
  private readonly publisherPosition: PositionCounter;
  private readonly publisherLimit: PositionCounter;
  private readonly subscribers: SubscriberPositions;
  private readonly untethered: UntetheredSubscribers;
  private readonly tail: PublisherTail;
  private readonly cleaner: LogCleaner;
  private readonly blocked: BlockedPublisher;
  private state = ACTIVE;
  private isConnected = false;
  /** The furthest that any subscriber has come. */
  private consumerPosition = Number.NaN;
  private tripLimit = Number.NaN;

  constructor(context: AgentContext, log: LogBuffers, spec: IpcPublicationSpec) {
    const { termLength, initialTermId, startPosition } = spec;
    this.registrationId = spec.registrationId;
    this.spec = spec;
    this.context = context;
    this.termWindowLength = spec.termWindowLength;
    this.log = log;
    this.publisherPosition = context.position(spec.publisherPositionCounterId, startPosition);
    this.publisherLimit = context.position(spec.publisherLimitCounterId, startPosition);
    this.subscribers = context.subscribers(startPosition);
    this.tail = new PublisherTail(log, termLength, initialTermId, startPosition);
    this.cleaner = new LogCleaner(context.cleanedLogs, log.region, termLength, startPosition);
    this.blocked = new BlockedPublisher(context, log);
    this.consumerPosition = startPosition;
    this.tripLimit = startPosition;
    this.untethered = new UntetheredSubscribers(
      context,
      spec.registrationId,
      this.subscribers,
      spec.untethered,
    );
    this.subscribers.addAll(spec.subscribers, startPosition);
    this.untethered.addAll(spec.subscribers);
    this.updateConnected();
  }

  /** Whether {@link onTimer} has let go of the publication. */
  get isDone(): boolean {
    return this.state === DONE;
  }

  /** One duty cycle. Returns 1 when the limit moved. */
  doWork(): number {
    if (this.state !== ACTIVE) return 0;
    const { tail, subscribers, publisherLimit } = this;
    if (tail.update()) this.publishTail();
    if (subscribers.count === 0) {
      if (publisherLimit.value <= this.consumerPosition) return 0;
      this.cleaner.target = this.consumerPosition;
      publisherLimit.value = this.consumerPosition;
      this.tripLimit = this.consumerPosition;
    } else {
      this.readSubscribers();
      const limit = subscribers.min + this.termWindowLength;
      if (limit <= this.tripLimit) return 0;
      this.cleaner.target = subscribers.min;
      publisherLimit.value = limit;
      this.tripLimit = limit + this.termWindowLength / TRIP_GAIN_DIVISOR;
    }
    this.cleaner.clean();
    this.publishLimit();
    return 1;
  }

  private publishLimit(): void {
    if (this.publisherLimit.value > this.tail.limit) this.tail.limit = this.publisherLimit.value;
    this.publisherLimit.publish();
  }

  private publishTail(): void {
    this.publisherPosition.value = this.tail.position;
    this.publisherPosition.publish();
  }

  private readSubscribers(): void {
    const { subscribers } = this;
    subscribers.limit = this.tail.position;
    if (subscribers.update() && subscribers.max > this.consumerPosition)
      this.consumerPosition = subscribers.max;
  }

  private updateConnected(): void {
    const isConnected = this.state === ACTIVE && this.subscribers.count > 0;
    if (isConnected === this.isConnected) return;
    this.isConnected = isConnected;
    this.log.setConnected(isConnected);
  }

  /** Adds a subscriber, unless the stream takes no more, and says so. Cold. */
  addSubscriber(subscriber: SubscriberPosition): void {
    const { registrationId, subscribers } = this;
    const { counterId } = subscriber;
    this.tail.update();
    this.readSubscribers();
    if (!this.isAccepting()) {
      this.context.subscriberRefused(registrationId, counterId);
      return;
    }
    const joinPosition = this.joinPosition();
    subscribers.join(counterId, joinPosition);
    this.untethered.add(subscriber);
    this.updateConnected();
    this.context.subscriberAdded(registrationId, counterId, joinPosition);
  }

  private joinPosition(): number {
    const { subscribers, consumerPosition } = this;
    const position = subscribers.count === 0 ? consumerPosition : Math.min(subscribers.min, consumerPosition);
    return Math.max(this.cleaner.position, position);
  }

  private isAccepting(): boolean {
    return this.state === ACTIVE || (this.state === DRAINING && !this.isDrained());
  }

  /** Cold. */
  removeSubscriber(counterId: number): void {
    // Whoever comes next, alone, goes on behind what this one has read.
    this.tail.update();
    this.readSubscribers();
    this.subscribers.remove(counterId);
    this.untethered.remove(counterId);
    this.updateConnected();
  }

  /** The last client is gone: subscribers may read what it wrote, unless the publication is revoked. Cold. */
  drain(revoke: boolean): void {
    if (this.state !== ACTIVE) return;
    this.tail.update();
    const endPosition = this.tail.position;
    this.publishTail();
    if (this.publisherLimit.value > endPosition || revoke) {
      this.publisherLimit.value = endPosition;
      this.publishLimit();
    }
    this.log.setEndOfStreamPosition(endPosition);
    if (revoke) {
      this.log.setRevoked();
      this.context.counters.publicationsRevoked.increment();
      this.linger();
    } else {
      this.state = DRAINING;
    }
    this.updateConnected();
  }

  /** The state machine. Called once every timer interval. */
  onTimer(): void {
    switch (this.state) {
      case ACTIVE:
        if (this.untethered.count > 0) this.checkUntethered();
        if (!this.spec.isExclusive) this.checkForBlockedPublisher();
        break;
      case DRAINING:
        if (this.untethered.count > 0) this.untethered.checkDraining(this.tail.position);
        this.checkDrained();
        break;
      case LINGER:
        this.state = DONE;
        this.cleaner.close();
        break;
      default:
        break;
    }
  }

  private checkUntethered(): void {
    const { untethered } = this;
    const windowLength = this.termWindowLength;
    this.readSubscribers();
    untethered.windowLimit = this.consumerPosition - windowLength + windowLength / 4;
    untethered.joinPosition = this.joinPosition();
    if (untethered.check()) this.updateConnected();
  }

  private checkForBlockedPublisher(): void {
    const termCount = Math.floor(this.consumerPosition / this.spec.termLength);
    const isBlocked = this.tail.termCount !== termCount || this.tail.position > this.consumerPosition;
    if (this.blocked.hasStoodStill(isBlocked, this.consumerPosition))
      this.blocked.unblock(this.consumerPosition);
  }

  private checkDrained(): void {
    if (this.tail.update()) this.publishTail();
    this.readSubscribers();
    if (this.isDrained()) {
      this.linger();
      return;
    }
    const { blocked, consumerPosition } = this;
    if (blocked.unblock(consumerPosition)) return;
    if (!blocked.hasStoodStill(!this.isFrameAtConsumer(), consumerPosition)) return;
    this.tail.truncate(consumerPosition);
    this.publishTail();
  }

  /** Whether there is something to read for the fastest subscriber. */
  private isFrameAtConsumer(): boolean {
    const { bits, termLength, region } = this.log;
    const termStart = this.log.termStart(partitionIndexOf(this.consumerPosition, bits));
    const frameOffset = termStart + termOffsetOf(this.consumerPosition, termLength);
    return loadAcquire(region.i32, frameOffset >>> 2) > 0;
  }

  private isDrained(): boolean {
    return this.subscribers.count === 0 || this.subscribers.min >= this.tail.position;
  }

  private linger(): void {
    this.state = LINGER;
    this.context.streamUnavailable(this.registrationId);
  }
}
