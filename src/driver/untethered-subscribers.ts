// hot
import type { AgentContext } from './agent-context.ts';
import type { SubscriberPosition, UntetheredTimeouts } from './messages.ts';
import type { SubscriberPositions } from './subscriber-positions.ts';

const ACTIVE = 0;
const LINGER = 1;
const RESTING = 2;
const STATE_NAMES: readonly string[] = ['ACTIVE', 'LINGER', 'RESTING'];

/** A subscriber with `tether=false`. */
interface Untethered {
  readonly subscriber: SubscriberPosition;
  state: number;
  timeOfLastUpdateNs: number;
  /** Where it was when the draining stream was looked at last. */
  drainPosition: number;
  /** How far it had come when it was left behind. */
  leftPosition: number;
}

/**
 * Subscribers of one stream that are left behind rather than hold it back. Looked at once every timer interval.
 *
 * ```
 *   ACTIVE → LINGER → RESTING → ACTIVE
 *                   ↘ gone, when its channel says rejoin=false
 * ```
 * A lingering one still counts for limits: its client may be in the middle of a message.
 */
export class UntetheredSubscribers {
  /** Who has not come further holds the stream back. Set by the owner before {@link check}. */
  windowLimit: number = Number.NaN;
  /** Where a subscriber comes back that has rested, if it had not come further. Set by the owner before {@link check}. */
  joinPosition: number = Number.NaN;
  private readonly context: AgentContext;
  private readonly registrationId: number;
  private readonly positions: SubscriberPositions;
  private readonly timeouts: UntetheredTimeouts;
  private readonly untethered: Untethered[] = [];

  constructor(
    context: AgentContext,
    registrationId: number,
    positions: SubscriberPositions,
    timeouts: UntetheredTimeouts,
  ) {
    this.context = context;
    this.registrationId = registrationId;
    this.positions = positions;
    this.timeouts = timeouts;
  }

  get count(): number {
    return this.untethered.length;
  }

  /** Watches a subscriber that the stream has, if it is untethered. Cold. */
  add(subscriber: SubscriberPosition): void {
    if (subscriber.tether) return;
    const { nanoTime } = this.context.clock;
    this.untethered.push({
      subscriber,
      state: ACTIVE,
      timeOfLastUpdateNs: nanoTime,
      drainPosition: Number.NaN,
      leftPosition: Number.NaN,
    });
  }

  /** Watches the untethered ones of the subscribers a stream starts with. Cold. */
  addAll(subscribers: readonly SubscriberPosition[]): void {
    for (let i = 0; i < subscribers.length; i++) this.add(subscribers[i]!);
  }

  /** Cold. */
  remove(counterId: number): void {
    for (let i = this.untethered.length - 1; i >= 0; i--) {
      if (this.untethered[i]!.subscriber.counterId === counterId) this.removeAt(i);
    }
  }

  /** Returns whether the stream has other subscribers than before. */
  check(): boolean {
    let hasChanged = false;
    for (let i = this.untethered.length - 1; i >= 0; i--) {
      const one = this.untethered[i]!;
      switch (one.state) {
        case ACTIVE:
          this.checkActive(one);
          break;
        case LINGER:
          if (!this.hasPassed(one, this.timeouts.lingerNs)) break;
          this.leaveBehind(one, i);
          hasChanged = true;
          break;
        default:
          if (!this.hasPassed(one, this.timeouts.restingNs)) break;
          this.takeBack(one);
          hasChanged = true;
          break;
      }
    }
    return hasChanged;
  }

  /**
   * For a stream that ends at `endPosition` and drains: who stands still before it is left behind too, nobody comes back, and
   * who was told that the stream is gone is not waited for beyond its linger time.
   */
  checkDraining(endPosition: number): void {
    for (let i = this.untethered.length - 1; i >= 0; i--) {
      const one = this.untethered[i]!;
      if (one.state === ACTIVE) {
        this.checkStandingStill(one, endPosition);
      } else if (one.state === LINGER && this.hasPassed(one, this.timeouts.lingerNs)) {
        this.positions.remove(one.subscriber.counterId);
        this.removeAt(i);
      }
    }
  }

  private checkStandingStill(one: Untethered, endPosition: number): void {
    const { counterId } = one.subscriber;
    const position = this.positions.positionOf(counterId);
    if (position >= endPosition || position !== one.drainPosition) {
      one.drainPosition = position;
      one.timeOfLastUpdateNs = this.context.clock.nanoTime;
    } else if (this.hasPassed(one, this.timeouts.windowLimitNs)) {
      this.enter(one, LINGER);
      this.context.subscriberLeftBehind(this.registrationId, counterId);
    }
  }

  private checkActive(one: Untethered): void {
    const { counterId } = one.subscriber;
    if (this.positions.isBeyond(counterId, this.windowLimit)) {
      one.timeOfLastUpdateNs = this.context.clock.nanoTime;
    } else if (this.hasPassed(one, this.timeouts.windowLimitNs)) {
      this.enter(one, LINGER);
      this.context.subscriberLeftBehind(this.registrationId, counterId);
    }
  }

  private leaveBehind(one: Untethered, index: number): void {
    const { counterId, rejoin = true } = one.subscriber;
    one.leftPosition = this.positions.positionOf(counterId);
    this.positions.remove(counterId);
    if (rejoin) {
      this.enter(one, RESTING);
    } else {
      this.removeAt(index);
      this.context.untetheredChanged(this.registrationId, one.subscriber, 'LINGER', 'CLOSED');
      this.context.subscriberRefused(this.registrationId, counterId);
    }
  }

  private takeBack(one: Untethered): void {
    const { counterId } = one.subscriber;
    // Another may be further behind, and keep what it has not read: this one gets nothing twice.
    const joinPosition = Math.max(this.joinPosition, one.leftPosition);
    this.positions.join(counterId, joinPosition);
    this.enter(one, ACTIVE);
    this.context.subscriberAdded(this.registrationId, counterId, joinPosition);
  }

  private hasPassed(one: Untethered, timeoutNs: number): boolean {
    return this.context.clock.nanoTime > one.timeOfLastUpdateNs + timeoutNs;
  }

  private enter(one: Untethered, state: number): void {
    this.context.untetheredChanged(
      this.registrationId,
      one.subscriber,
      STATE_NAMES[one.state]!,
      STATE_NAMES[state]!,
    );
    one.state = state;
    one.timeOfLastUpdateNs = this.context.clock.nanoTime;
  }

  private removeAt(index: number): void {
    const last = this.untethered.pop()!;
    if (index < this.untethered.length) this.untethered[index] = last;
  }
}
