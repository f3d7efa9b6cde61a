import type { CncFile } from '../cnc/cnc-file.ts';
import type { DriverEvent } from '../cnc/events.ts';
import { COUNTER_VALUE_LENGTH } from '../concurrent/counters.ts';
import type { SharedFiles } from '../memory/shared-files.ts';
import type { ClientConductor } from './client-conductor.ts';
import { clientError } from './client-errors.ts';
import { ConcurrentAppender } from './concurrent-appender.ts';
import { Counter } from './counter.ts';
import { ExclusiveAppender } from './exclusive-appender.ts';
import { ExclusivePublication } from './exclusive-publication.ts';
import { Image } from './image.ts';
import { MappedLogs } from './mapped-logs.ts';
import { PositionWord } from './position-word.ts';
import { Publication, type PublicationSpec } from './publication.ts';
import { Subscription, type SubscriptionSpec } from './subscription.ts';

export type Event<Type extends DriverEvent['type']> = Extract<DriverEvent, { type: Type }>;
type PublicationReady = Event<'publicationReady' | 'exclusivePublicationReady'>;

/** What a subscription is made of before the driver knows it. */
export type NewSubscription = Omit<SubscriptionSpec, 'registrationId' | 'channelStatusId'>;

/**
 * What the driver has made for this client, by the correlation ids of the commands that asked for it, and the logs that go with
 * it. What the driver says of them is checked here, once. What makes one throws AeronError `MALFORMED_EVENT`,
 * `MALFORMED_LOG`, or errno's name as `code`.
 */
export class Resources {
  readonly publications: Map<number, Publication> = new Map();
  readonly subscriptions: Map<number, Subscription> = new Map();
  readonly counters: Map<number, Counter> = new Map();
  readonly logs: MappedLogs;
  private readonly conductor: ClientConductor;
  private readonly cnc: CncFile;

  constructor(conductor: ClientConductor, cnc: CncFile, files: SharedFiles) {
    this.conductor = conductor;
    this.cnc = cnc;
    this.logs = new MappedLogs(files);
  }

  newPublication(event: PublicationReady, channel: string): Publication {
    const spec = this.publicationSpec(event, channel);
    const appender = new ConcurrentAppender(spec.log, spec.limit, spec.sessionId, spec.streamId);
    const publication = new Publication(this.conductor, spec, appender);
    this.publications.set(event.correlationId, publication);
    return publication;
  }

  newExclusivePublication(event: PublicationReady, channel: string): ExclusivePublication {
    const spec = this.publicationSpec(event, channel);
    const appender = new ExclusiveAppender(spec.log, spec.limit, spec.sessionId, spec.streamId);
    const publication = new ExclusivePublication(this.conductor, spec, appender);
    this.publications.set(event.correlationId, publication);
    return publication;
  }

  newSubscription(event: Event<'subscriptionReady'>, spec: NewSubscription): Subscription {
    const { correlationId: registrationId, channelStatusCounterId: channelStatusId } = event;
    const subscription = new Subscription(this.conductor, { ...spec, registrationId, channelStatusId });
    this.subscriptions.set(registrationId, subscription);
    return subscription;
  }

  /** An image of `subscription`, which does not know it yet. */
  newImage(event: Event<'availableImage'>, subscription: Subscription): Image {
    const { sessionId, correlationId, sourceIdentity, logFileName: path } = event;
    const position = this.positionOf(event.subscriberPositionCounterId);
    const log = this.logs.acquire(correlationId, path);
    return new Image(subscription, { sessionId, correlationId, sourceIdentity, log, path, position });
  }

  newCounter({ correlationId, counterId }: Event<'counterReady'>): Counter {
    const release = (): void => this.conductor.releaseCounter(correlationId);
    return this.addCounter(correlationId, correlationId, counterId, release);
  }

  /** Known by the correlation id of its command; its registration id is the application's choice. */
  newStaticCounter({ correlationId, counterId }: Event<'staticCounter'>, registrationId: number): Counter {
    const release = (): void => void this.counters.delete(correlationId);
    return this.addCounter(correlationId, registrationId, counterId, release);
  }

  /** Closes all of them; logs stay mapped. Returns the subscriptions and the images each of them had. */
  close(): [Subscription, readonly Image[]][] {
    for (const publication of this.publications.values()) publication.internalClose();
    this.publications.clear();
    for (const counter of this.counters.values()) counter.internalClose();
    this.counters.clear();
    const subscriptions = [...this.subscriptions.values()];
    this.subscriptions.clear();
    return subscriptions.map((subscription) => [subscription, subscription.internalClose()]);
  }

  private addCounter(
    correlationId: number,
    registrationId: number,
    counterId: number,
    release: () => void,
  ): Counter {
    const id = this.checkCounterId(counterId);
    const counter = new Counter(registrationId, id, this.cnc.countersValues, release);
    this.counters.set(correlationId, counter);
    return counter;
  }

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
    const { maxCounterId } = this.conductor.countersReader;
    if (counterId >= 0 && counterId <= maxCounterId) return counterId;
    throw clientError(
      'MALFORMED_EVENT',
      `the driver named counter ${counterId}; there are ${maxCounterId + 1}`,
    );
  }
}
