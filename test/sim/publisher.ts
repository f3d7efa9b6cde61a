import {
  type Aeron,
  BufferClaim,
  type ExclusivePublication,
  type Publication,
} from '../../src/client/index.ts';
import { ADMIN_ACTION, BACK_PRESSURED, CLOSED, NOT_CONNECTED } from '../../src/client/offer-result.ts';
import type { ClientActor, Role } from './client-actor.ts';
import { Destinations } from './destinations.ts';
import { check, fail } from './failure.ts';
import type { Message, SessionLedger } from './ledger.ts';
import type { StreamEnd, StreamPlan } from './stream-plan.ts';
import type { World } from './world.ts';

const CLAIM_STEPS_MAX = 20;
const ABORT_SHARE = 0.2;

/** Offers messages and writes down what the stream has taken. */
export class Publisher implements Role {
  readonly stream: StreamPlan;
  readonly client: ClientActor;
  readonly destinations: Destinations;
  publication: Publication | ExclusivePublication | null = null;
  ledger: SessionLedger | null = null;
  private isFinished = false;
  private readonly world: World;
  private readonly channel: string;
  private readonly claim: BufferClaim = new BufferClaim();
  private claimed: Message | null = null;
  private claimSteps = 0;

  constructor(world: World, client: ClientActor, stream: StreamPlan, { channel, destinations }: StreamEnd) {
    this.world = world;
    this.client = client;
    this.stream = stream;
    this.channel = channel;
    this.destinations = new Destinations(world, client, destinations, (removed) =>
      world.wire.isUsed(this.publication!.sessionId, removed) ? 'data still goes there' : null,
    );
  }

  get isOpen(): boolean {
    return this.publication !== null;
  }

  async open(aeron: Aeron): Promise<void> {
    const { streamId, isExclusive, index } = this.stream;
    const publication = isExclusive
      ? await aeron.addExclusivePublication(this.channel, streamId)
      : await aeron.addPublication(this.channel, streamId);
    await this.destinations.open(publication);
    if (aeron !== this.client.aeron) return;
    this.publication = publication;
    this.ledger = this.world.ledgers[index]!.session(publication.sessionId, publication.maxPayloadLength);
    this.world.note(`${this.client.name} publishes ${this.stream.name}, session ${publication.sessionId}`);
  }

  doWork(): void {
    const { publication, world, stream } = this;
    if (publication === null || publication.isClosed || this.isFinished) return;
    this.destinations.doWork();
    if (this.claimed !== null && !this.endClaim()) return;
    if (world.phase === 'drain' || world.phase === 'close' || !world.chance(stream.offerRate)) return;
    const count = 1 + world.prng.nextBelow(stream.burst);
    for (let i = 0; i < count && this.claimed === null; i++) {
      if (!this.offerOne(publication)) break;
    }
  }

  onLost(): void {
    if (this.claimed !== null) this.claimed.state = 'void';
    this.claimed = null;
    this.publication = null;
    this.ledger = null;
    this.destinations.onLost();
  }

  /** Closes the publication, and adds it no more. */
  finish(): void {
    this.isFinished = true;
    if (this.publication !== null) this.world.endingSessions.add(this.publication.sessionId);
    this.publication?.close();
  }

  close(): void {
    this.publication?.close();
    this.publication = null;
  }

  /** Returns whether there may be room for another. */
  private offerOne(publication: Publication): boolean {
    const { world } = this;
    const ledger = this.ledger!;
    const limit = publication.positionLimit;
    const isClaim = world.chance(this.stream.claimShare);
    const length = Math.min(this.nextLength(publication), isClaim ? publication.maxPayloadLength : 2 ** 31);
    const content = ledger.nextContent(length);
    const result = isClaim ? publication.tryClaim(length, this.claim) : publication.offer(content, 0, length);
    if (result < 0) {
      const isExpected = [NOT_CONNECTED, BACK_PRESSURED, ADMIN_ACTION, CLOSED].includes(result);
      check(isExpected, () => `${ledger.name}: offer returned ${result}`);
      return result === ADMIN_ACTION;
    }
    const message = ledger.append(
      result,
      length,
      world.time.nowNs,
      isClaim ? 'claimed' : 'sent',
      this.client,
    );
    check(
      message.startPosition < limit,
      () => `${ledger.name}: took a message at ${message.startPosition}, at or beyond its limit ${limit}`,
    );
    world.messagesSent++;
    world.mix(result);
    if (isClaim) {
      content.copy(this.claim.buffer, this.claim.offset);
      this.claimed = message;
      this.claimSteps = world.prng.nextBelow(CLAIM_STEPS_MAX);
    }
    return true;
  }

  /** Returns whether the claim is over. */
  private endClaim(): boolean {
    const message = this.claimed;
    if (message === null) fail('no claim');
    if (this.claimSteps-- > 0) return false;
    if (message.state === 'void') {
      this.world.note(`${this.client.name}: its claim was given up`);
    } else if (this.world.chance(ABORT_SHARE)) {
      this.claim.abort();
      message.state = 'void';
    } else {
      this.claim.commit();
      message.state = 'sent';
    }
    this.claimed = null;
    return true;
  }

  private nextLength(publication: Publication): number {
    const { prng } = this.world;
    const { maxPayloadLength, maxMessageLength } = publication;
    switch (this.stream.messageLengths) {
      case 'tiny':
        return prng.nextBelow(33);
      case 'small':
        return prng.nextBelow(Math.min(maxMessageLength, 600));
      case 'mixed':
        return prng.nextFraction() < 0.8 ? prng.nextBelow(200) : prng.nextBelow(maxMessageLength + 1);
      case 'long':
        return prng.nextFraction() < 0.5
          ? Math.max(0, Math.min(maxPayloadLength - 1 + prng.nextBelow(3), maxMessageLength))
          : prng.nextBelow(maxMessageLength + 1);
    }
  }
}
