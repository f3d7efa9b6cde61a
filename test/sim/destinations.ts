import type { ClientActor } from './client-actor.ts';
import { check } from './failure.ts';
import type { Fault } from './plan.ts';
import type { World } from './world.ts';

/** What has been taken away is out of use after this, unless who has to do it pauses. */
const GRACE_NS = 50e6;
export const PAUSES: readonly Fault[] = ['agent-pause', 'driver-pause', 'driver-death'];

/** A publication or a subscription that has destinations. */
interface Holder {
  readonly isClosed: boolean;
  close(): void;
  addDestination(channel: string): Promise<unknown>;
  removeDestination(channel: string): Promise<unknown>;
}

/** The destinations of a publication or a subscription. One of them goes, and comes again. */
export class Destinations {
  private readonly world: World;
  private readonly client: ClientActor;
  private readonly channels: readonly string[];
  /** What a destination that is away is still used for, some time after it was removed; null: nothing. */
  private readonly useOf: (channel: string) => string | null;
  private holder: Holder | null = null;
  private away: string | null = null;
  private awaySinceNs = Number.POSITIVE_INFINITY;
  private isToComeBack = false;
  private isChanging = false;

  constructor(
    world: World,
    client: ClientActor,
    channels: readonly string[],
    useOf: (channel: string) => string | null,
  ) {
    this.world = world;
    this.client = client;
    this.channels = channels;
    this.useOf = useOf;
  }

  get count(): number {
    return this.channels.length;
  }

  /** Adds all of them, or closes what is to have them. */
  async open(holder: Holder): Promise<void> {
    this.onLost();
    try {
      for (const channel of this.channels) await holder.addDestination(channel);
    } catch (error) {
      holder.close();
      throw error;
    }
    this.holder = holder;
  }

  onLost(): void {
    this.holder = null;
    this.away = null;
    this.isToComeBack = false;
    this.isChanging = false;
  }

  /** Takes one away. Returns how it comes back. */
  leave(): () => void {
    const { holder, world } = this;
    if (holder === null || holder.isClosed || this.away !== null) return () => {};
    const channel = this.channels[world.prng.nextBelow(this.channels.length)]!;
    this.away = channel;
    this.awaySinceNs = Number.POSITIVE_INFINITY;
    void this.change(holder, holder.removeDestination(channel), () => {
      this.awaySinceNs = world.time.nowNs;
      world.note(`${this.client.name}: ${channel} is removed`);
    });
    return () => {
      this.isToComeBack = this.away !== null;
    };
  }

  /** Brings back what is to come back, and fails when what is away is still in use. */
  doWork(): void {
    const { holder, away } = this;
    if (holder === null || holder.isClosed || away === null || this.isChanging) return;
    if (this.isToComeBack) {
      void this.change(holder, holder.addDestination(away), () => {
        this.away = null;
        this.isToComeBack = false;
        this.world.note(`${this.client.name}: ${away} is added again`);
      });
    } else {
      this.checkUse(away);
    }
  }

  private checkUse(away: string): void {
    const { world } = this;
    if (world.time.nowNs < this.awaySinceNs + GRACE_NS || PAUSES.some((fault) => world.has(fault))) return;
    const use = this.useOf(away);
    check(use === null, () => `${this.client.name}: ${away} was removed, and ${use}`);
  }

  private async change(holder: Holder, request: Promise<unknown>, onDone: () => void): Promise<void> {
    this.isChanging = true;
    try {
      await request;
      if (this.holder === holder) onDone();
    } catch (error) {
      if (this.holder === holder) this.client.onError(error as Error);
    } finally {
      if (this.holder === holder) this.isChanging = false;
    }
  }
}
