import {
  type StreamCounterKind,
  SUBSCRIBER_POSITION,
  streamCounterKey,
  streamCounterLabel,
} from '../../cnc/counter-types.ts';
import type { SubscriberPosition } from '../messages.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { Stream, SubscriberLink } from './stream.ts';
import type { Subscription } from './subscription.ts';

/** What a stream's counter is called and whose it is. */
export interface StreamCounterSpec {
  readonly kind: StreamCounterKind;
  readonly registrationId: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly channel: string;
  readonly ownerId: number;
  readonly referenceId?: number;
  /** For subscriber positions. */
  readonly joinPosition?: number;
  /** 0 when absent. */
  readonly value?: number;
}

/** Allocates one of the counters of a stream. @throws AeronError COUNTERS_EXHAUSTED */
export function allocateStreamCounter({ counters }: ConductorContext, spec: StreamCounterSpec): number {
  const { kind, registrationId, sessionId, streamId, channel, ownerId, referenceId = 0, joinPosition } = spec;
  const id = counters.allocate({
    typeId: kind.typeId,
    label: streamCounterLabel(kind.name, registrationId, sessionId, streamId, channel, joinPosition),
    key: streamCounterKey(registrationId, sessionId, streamId, channel),
    registrationId,
    ownerId,
    referenceId,
  });
  counters.setValue(id, spec.value ?? 0);
  return id;
}

/** Allocates several counters of a stream, or none. */
export function allocateStreamCounters(
  context: ConductorContext,
  kinds: readonly StreamCounterKind[],
  spec: Omit<StreamCounterSpec, 'kind'>,
): number[] {
  const ids: number[] = [];
  try {
    for (const kind of kinds) ids.push(allocateStreamCounter(context, { ...spec, kind }));
    return ids;
  } catch (error) {
    for (const id of ids) context.counters.free(id);
    throw error;
  }
}

/** Joins subscriptions to streams, tells their clients, and takes them apart again. */
export class Linker {
  private readonly context: ConductorContext;

  constructor(context: ConductorContext) {
    this.context = context;
  }

  /**
   * Position counters for the subscriptions that a stream has from its first byte. The stream's creator hands them to
   * the network agent with the stream, then calls {@link announce}.
   */
  linkNew(
    stream: Pick<Stream, 'registrationId' | 'sessionId' | 'streamId'>,
    subscriptions: readonly Subscription[],
    joinPosition: number,
  ): SubscriberLink[] {
    const links: SubscriberLink[] = [];
    try {
      for (const subscription of subscriptions) {
        const counterId = this.allocate(stream, subscription, joinPosition);
        links.push({ subscription, counterId, isJoined: true });
      }
      return links;
    } catch (error) {
      for (const { counterId } of links) this.context.counters.free(counterId);
      throw error;
    }
  }

  /** Asks the network agent to let a subscription join a stream that is under way. */
  join(stream: Stream, subscription: Subscription): void {
    const counterId = this.allocate(stream, subscription);
    stream.links.push({ subscription, counterId, isJoined: false });
    const subscriber = subscriberPosition(subscription, counterId);
    this.context.network.send({ kind: 'addSubscriber', registrationId: stream.registrationId, subscriber });
  }

  /** The network agent has set the counter to `joinPosition`. */
  onAdded(stream: Stream, counterId: number, joinPosition: number): void {
    const link = stream.links.find((candidate) => candidate.counterId === counterId);
    if (link === undefined || link.isJoined || !stream.isAvailable) return;
    link.isJoined = true;
    const { registrationId, channel } = link.subscription;
    const { sessionId, streamId } = stream;
    const name = SUBSCRIBER_POSITION.name;
    this.context.counters.setLabel(
      counterId,
      streamCounterLabel(name, registrationId, sessionId, streamId, channel, joinPosition),
    );
    this.announce(stream, link);
  }

  /** An untethered subscriber holds the stream back: its image goes, until {@link onAdded} says that it is back. */
  onLeftBehind(stream: Stream, counterId: number): void {
    const link = stream.links.find((candidate) => candidate.counterId === counterId);
    if (link === undefined || !link.isJoined) return;
    link.isJoined = false;
    this.transmitUnavailable(stream, link.subscription);
  }

  onRefused(stream: Stream, counterId: number): void {
    const index = stream.links.findIndex((link) => link.counterId === counterId);
    if (index < 0) return;
    stream.links.splice(index, 1);
    this.context.counters.free(counterId);
  }

  /** Tells a client that an image is there. */
  announce(stream: Stream, link: SubscriberLink): void {
    this.context.events.transmit({
      type: 'availableImage',
      correlationId: stream.registrationId,
      sessionId: stream.sessionId,
      streamId: stream.streamId,
      subscriptionRegistrationId: link.subscription.registrationId,
      subscriberPositionCounterId: link.counterId,
      logFileName: stream.logPath,
      sourceIdentity: stream.sourceIdentity,
    });
  }

  /** Tells every client that has it, or that of one subscription, that an image is gone. */
  announceUnavailable(stream: Stream, only: Subscription | null = null): void {
    for (const { subscription, isJoined } of stream.links) {
      const isMeant = only === null || only === subscription;
      if (isJoined && isMeant) this.transmitUnavailable(stream, subscription);
    }
  }

  private transmitUnavailable(stream: Stream, { registrationId, channel }: Subscription): void {
    this.context.events.transmit({
      type: 'unavailableImage',
      correlationId: stream.registrationId,
      subscriptionRegistrationId: registrationId,
      streamId: stream.streamId,
      channel,
    });
  }

  /** A subscription leaves a stream; its client is not told, it left itself. */
  leave(stream: Stream, subscription: Subscription): void {
    for (let i = stream.links.length - 1; i >= 0; i--) {
      if (stream.links[i]!.subscription === subscription) this.remove(stream, i);
    }
  }

  /** Every subscription leaves a stream that goes on. */
  leaveAll(stream: Stream): void {
    while (stream.links.length > 0) this.remove(stream, stream.links.length - 1);
  }

  private remove(stream: Stream, index: number): void {
    const [{ counterId }] = stream.links.splice(index, 1) as [SubscriberLink];
    const { registrationId } = stream;
    this.context.network.send({ kind: 'removeSubscriber', registrationId, counterId });
  }

  /** The network agent has let go of the counter of a subscription that left. Until then nobody else may have it. */
  onRemoved(counterId: number): void {
    this.context.counters.free(counterId);
  }

  private allocate(
    stream: Pick<Stream, 'registrationId' | 'sessionId' | 'streamId'>,
    { registrationId, clientId, channel }: Subscription,
    joinPosition?: number,
  ): number {
    return allocateStreamCounter(this.context, {
      kind: SUBSCRIBER_POSITION,
      registrationId,
      sessionId: stream.sessionId,
      streamId: stream.streamId,
      channel,
      ownerId: clientId,
      referenceId: stream.registrationId,
      ...(joinPosition === undefined ? {} : { joinPosition, value: joinPosition }),
    });
  }
}

/** What the network agent is told of links. */
export function subscriberPositions(links: readonly SubscriberLink[]): SubscriberPosition[] {
  return links.map(({ subscription, counterId }) => subscriberPosition(subscription, counterId));
}

function subscriberPosition(
  { registrationId, parameters }: Subscription,
  counterId: number,
): SubscriberPosition {
  const { tether, rejoin } = parameters;
  return { counterId, subscriptionId: registrationId, tether, rejoin };
}
