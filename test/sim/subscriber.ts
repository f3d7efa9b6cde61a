import { type Aeron, FragmentAssembler, type Image, type Subscription } from '../../src/client/index.ts';
import { type ClientActor, KEEP_ALIVE_NS, type Role } from './client-actor.ts';
import { Destinations } from './destinations.ts';
import { check, fail } from './failure.ts';
import type { Message, SessionLedger } from './ledger.ts';
import type { Fault } from './plan.ts';
import type { StreamPlan, SubscriberEnd } from './stream-plan.ts';
import { RECEIVERS_END, type World } from './world.ts';

/** The end of a stream is told every 100 ms: a publication that lingers for less may be gone before. */
const END_OF_STREAM_LINGER_MS = 250;

/** Faults that make images end. */
const IMAGES_END: readonly Fault[] = [...RECEIVERS_END, 'drop', 'corrupt', 'slow-consumer'];
/** And those from which an image with another way is safe. */
const WAYS_END: readonly Fault[] = ['destination-churn'];

/** What one image has delivered. */
interface Reading {
  readonly image: Image;
  readonly joinPosition: number;
  ledger: SessionLedger | null;
  /** Of the next message in the ledger. */
  nextIndex: number;
  lastPosition: number;
}

/** Reads a stream, and holds every message against what was sent: bytes, order, and nothing twice or missing. */
export class Subscriber implements Role {
  readonly stream: StreamPlan;
  readonly client: ClientActor;
  readonly destinations: Destinations;
  subscription: Subscription | null = null;
  /** Takes less than it could, for a slow consumer. */
  isSlow = false;
  /** Messages received that were sent after everything was healed, by session id. */
  readonly receivedSinceHealing: Map<number, number> = new Map();
  /** Messages received, by session id. */
  readonly received: Map<number, number> = new Map();
  /** Images that came back after everything was healed, more than a term further on, by session id. */
  readonly rejoinedSinceHealing: Map<number, number> = new Map();
  private isToChurn = false;
  private readonly world: World;
  private readonly end: SubscriberEnd;
  private readonly readings: Map<number, Reading> = new Map();
  /** How far earlier images of a session went, while this subscription lasts. */
  private readonly ends: Map<number, number> = new Map();
  private readonly assembler: FragmentAssembler;

  constructor(world: World, client: ClientActor, stream: StreamPlan, end: SubscriberEnd) {
    this.world = world;
    this.client = client;
    this.stream = stream;
    this.end = end;
    this.destinations = new Destinations(world, client, end.destinations, (removed) => {
      const port = world.plan.isBypass ? null : portOf(removed);
      const isBound = port !== null && world.network.isBound(client.machine.address, port);
      return isBound ? `port ${port} is still bound` : null;
    });
    this.assembler = new FragmentAssembler((buffer, offset, length, header) => {
      this.onMessage(header.image as Image, buffer, offset, length, header.position);
    });
  }

  get name(): string {
    return `${this.client.name}'s ${this.stream.name}`;
  }

  /** Whether it is to get what is sent, now. */
  get isReading(): boolean {
    return !this.end.isOutrun && (!this.end.isStuck || this.world.phase === 'close');
  }

  get host(): number {
    return this.end.host;
  }

  get isOpen(): boolean {
    return this.subscription !== null;
  }

  async open(aeron: Aeron): Promise<void> {
    const { streamId } = this.stream;
    this.ends.clear();
    const subscription = await aeron.addSubscription(this.end.channel, streamId, {
      onAvailableImage: (image) => this.onAvailable(image),
      onUnavailableImage: (image) => this.onUnavailable(image),
    });
    await this.destinations.open(subscription);
    if (aeron !== this.client.aeron) return;
    this.subscription = subscription;
    this.world.note(`${this.name} is subscribed`);
  }

  doWork(): void {
    const { subscription, world } = this;
    if (subscription === null || subscription.isClosed) return;
    this.destinations.doWork();
    if (this.isToChurn) {
      this.isToChurn = false;
      this.close();
      return;
    }
    if (this.end.isStuck && this.world.phase !== 'close') return;
    if (this.isSlow && !world.chance(0.02)) return;
    const limit = this.isSlow ? 1 : 1 + world.prng.nextBelow(20);
    subscription.poll(this.assembler.handler, limit);
  }

  /** Subscribes again, when it is its turn. */
  churn(): void {
    this.isToChurn = true;
  }

  onLost(): void {
    this.subscription = null;
    this.readings.clear();
    this.destinations.onLost();
    this.assembler.clear();
  }

  close(): void {
    this.subscription?.close();
    this.onLost();
  }

  /** The image of a session, when there is one now. */
  imageOf(sessionId: number): Image | undefined {
    return this.subscription?.imageBySessionId(sessionId);
  }

  /** Says what of a session was sent and is not received, or null. */
  missing(ledger: SessionLedger, sessionId: number): string | null {
    const image = this.imageOf(sessionId);
    if (image === undefined) return `${this.name} has no image of ${ledger.name}`;
    if (this.hasAllOf(image, ledger)) return null;
    return `${this.name} is at ${image.position} of ${ledger.name}, which goes to ${lastSent(ledger)!.endPosition}`;
  }

  private hasAllOf(image: Image, ledger: SessionLedger): boolean {
    const { joinPosition, lastPosition } = this.readings.get(image.correlationId)!;
    const last = lastSent(ledger);
    // Of a message in which it joined it gets the rest, which is none.
    if (last === undefined || last.startPosition < joinPosition) return true;
    const position = this.stream.isReliable ? lastPosition : Math.max(lastPosition, image.position);
    return position >= last.endPosition;
  }

  private onAvailable(image: Image): void {
    const { joinPosition, sessionId, correlationId } = image;
    const end = this.ends.get(sessionId) ?? 0;
    this.world.note(`${this.name}: image of session ${sessionId} from ${joinPosition} on`);
    if (joinPosition < end && !this.mayJoinAtSlowest) {
      this.world.failure ??= `${this.name}: session ${sessionId} joins at ${joinPosition}, and was read up to ${end} before`;
    }
    // A sender has no more than a term that it could send again.
    const isLeft = joinPosition - end > image.termLength && this.ends.has(sessionId);
    if (isLeft && this.world.phase === 'recovery') increment(this.rejoinedSinceHealing, sessionId);
    this.readings.set(correlationId, {
      image,
      joinPosition,
      ledger: null,
      nextIndex: 0,
      lastPosition: joinPosition,
    });
  }

  /** Who comes to an IPC stream gets what any other has still to read: one that is slow, or that nobody knows to be dead. */
  private get mayJoinAtSlowest(): boolean {
    const { kind, subscribers } = this.stream;
    if (kind === 'ipc') return subscribers.length > 1;
    return kind === 'multi-destination-subscription' && RECEIVERS_END.some((fault) => this.world.has(fault));
  }

  private onUnavailable(image: Image): void {
    this.world.note(`${this.name}: image of session ${image.sessionId} is gone at ${image.position}`);
    this.ends.set(image.sessionId, image.position);
    if (this.world.endingSessions.has(image.sessionId)) this.checkEnd(image);
    else this.checkLoss(image);
    this.readings.delete(image.correlationId);
    this.assembler.freeSessionBuffer(image.sessionId);
  }

  /** Images of streams that go on stay, unless a fault explains it. */
  private checkLoss(image: Image): void {
    const { world, end, stream } = this;
    if (!end.isTethered || stream.isOfSeveral || end.isOutrun || this.isToChurn || this.subscription === null)
      return;
    const explanations = stream.kind === 'merged-subscription' ? IMAGES_END : [...IMAGES_END, ...WAYS_END];
    if (explanations.some((fault) => world.has(fault))) return;
    world.failure ??= `${this.name}: the image of session ${image.sessionId} ends, though nothing explains it`;
  }

  /** The publisher has closed its stream, after everything had been read. */
  private checkEnd(image: Image): void {
    const { position, endOfStreamPosition } = image;
    const isOfSeveral = this.stream.kind === 'multi-destination-subscription';
    if (position === endOfStreamPosition) return;
    if (this.end.isOutrun) return;
    // Left behind for what it has not read until now, perhaps before it was told where the stream ends.
    if (this.end.isStuck) return;
    // Given up while its sender was silent, an image is taken as far as the stream goes all the same, and does not hear more.
    const ledger = this.world.ledgers[this.stream.index]!.find(image.sessionId)!;
    const isSilenceExplained = RECEIVERS_END.some((fault) => this.world.has(fault));
    if (
      endOfStreamPosition === Number.POSITIVE_INFINITY &&
      isSilenceExplained &&
      this.hasAllOf(image, ledger)
    )
      return;
    const lingerMs = this.stream.lingerMs ?? this.world.plan.options.publicationLingerTimeoutNs! / 1e6;
    if (endOfStreamPosition === Number.POSITIVE_INFINITY && lingerMs < END_OF_STREAM_LINGER_MS) return;
    // It waits in vain that every destination tells the end, as in official drivers: then it ends by silence.
    if (endOfStreamPosition === Number.POSITIVE_INFINITY && isOfSeveral) return;
    this.world.failure ??= `${this.name}: ends at ${position}, the stream at ${endOfStreamPosition}`;
  }

  private onMessage(image: Image, buffer: Buffer, offset: number, length: number, position: number): void {
    const reading = this.readings.get(image.correlationId);
    if (reading === undefined) fail(`${this.name}: a message of an image that is not there`);
    if (reading.ledger === null) {
      const ledger = this.world.ledgers[this.stream.index]!.find(image.sessionId);
      if (ledger === undefined)
        fail(`${this.name}: a message of session ${image.sessionId}, which nobody has`);
      reading.ledger = ledger;
      reading.nextIndex = ledger.indexAt(reading.joinPosition);
    }
    const message = this.expected(reading, reading.ledger, position);
    const where = (): string => `${this.name}: message ${message.index} of ${reading.ledger!.name}`;
    check(length === message.length, () => `${where()} has ${length} bytes, sent were ${message.length}`);
    check(reading.ledger.isContent(message, buffer, offset), () => `${where()}: other bytes than were sent`);
    check(message.state === 'sent', () => `${where()} is ${message.state} and was received`);
    reading.nextIndex = message.index + 1;
    reading.lastPosition = position;
    this.count(image.sessionId, message);
  }

  /** The message that ends at `position`, if it may come now. */
  private expected(reading: Reading, ledger: SessionLedger, position: number): Message {
    let next = ledger.nextSent(reading.nextIndex);
    while (next?.state === 'claimed' && this.isGivenUp(next)) {
      next.state = 'void';
      next = ledger.nextSent(next.index);
    }
    if (!this.stream.isReliable) {
      while (next !== undefined && next.endPosition < position) next = ledger.nextSent(next.index + 1);
    }
    if (next !== undefined && next.endPosition === position) return next;
    return fail(
      `${this.name}: a message of ${ledger.name} ends at ${position}, ` +
        (next === undefined
          ? 'nothing is left to come'
          : `expected was message ${next.index} from ${next.startPosition} to ${next.endPosition}`),
    );
  }

  /** The driver gives a claim up that has stood for so long, or whose publisher has not run until it was taken for dead. */
  private isGivenUp({ sentNs, sender }: Message): boolean {
    const { publicationUnblockTimeoutNs, clientLivenessTimeoutNs } = this.world.plan.options;
    const { nowNs } = this.world.time;
    if (nowNs - sentNs > publicationUnblockTimeoutNs!) return true;
    return (
      this.world.has('client-pause') && nowNs - sender.lastTurnNs > clientLivenessTimeoutNs! - KEEP_ALIVE_NS
    );
  }

  private count(sessionId: number, message: Message): void {
    const { world } = this;
    world.messagesReceived++;
    world.mix(message.endPosition);
    increment(this.received, sessionId);
    if (message.sentNs >= world.healedNs) increment(this.receivedSinceHealing, sessionId);
  }
}

function lastSent({ messages }: SessionLedger): Message | undefined {
  return messages.findLast(({ state }) => state === 'sent');
}

function increment(counts: Map<number, number>, sessionId: number): void {
  counts.set(sessionId, (counts.get(sessionId) ?? 0) + 1);
}

/** The UDP port of a destination; null: it has none of its own. */
function portOf(channel: string): number | null {
  const port = /^aeron:udp\?endpoint=[\d.]+:(\d+)/.exec(channel)?.[1];
  return port === undefined ? null : Number(port);
}
