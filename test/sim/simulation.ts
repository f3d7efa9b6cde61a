/** One run: what a seed stands for, from start to end. */
import { trackRegions } from '../support/track-regions.ts';
import type { Actor } from './actor.ts';
import { ClientActor } from './client-actor.ts';
import { DriverActor } from './driver-actor.ts';
import { check, fail, SimulationFailure } from './failure.ts';
import { FaultSchedule } from './faults.ts';
import { type Plan, planOf } from './plan.ts';
import { Publisher } from './publisher.ts';
import { sabotage } from './sabotage.ts';
import type { StreamKind } from './stream-plan.ts';
import { Subscriber } from './subscriber.ts';
import { World } from './world.ts';

const WARM_UP_NS = 60e6;
/** After everything is repaired, each stream moves within this. */
export const PROGRESS_BOUND_NS = 8e9;
/** After publishers have stopped, everything has arrived within this. */
export const DRAIN_BOUND_NS = 4e9;
/** What goes on slowly has ended within this, all the same. */
const SLOW_LIMIT_NS = 120e9;
/** Who comes back so often further on after the healing, and got nothing, is outrun. */
const REJOINS_MIN = 3;
const STUCK_DRAIN_BOUND_NS = 20e9;
/** After publishers have closed, their images are gone within this; after all is closed, what it took. */
export const CLOSE_BOUND_NS = 6e9;
const HEALED_STEP_NS = 200_000;
/** What network threads have counted is added up within this. */
const SUM_NS = 15e6;
/** Kinds of streams that send the same once for each way. */
const COPIED: readonly StreamKind[] = [
  'multi-destination-cast',
  'manual-multi-destination-cast',
  'merged-subscription',
  'multi-destination-subscription',
];
const STEPS_PER_CHECK = 50;
/** Files of a machine at most: more means that something is not given back. */
const FILE_BYTES_MAX = 256 << 20;

export interface RunResult {
  readonly seed: number;
  /** Null: nothing was found. */
  readonly failure: string | null;
  readonly fingerprint: number;
  readonly simulatedMs: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly packets: number;
  readonly log: readonly string[];
  /** The counters of every driver when it failed. */
  readonly state: readonly string[];
  readonly plan: Plan;
}

export interface RunOptions {
  readonly isVerbose?: boolean;
  /** What is broken on purpose, of {@link SABOTAGES}. */
  readonly sabotage?: string | null;
  /** In place of {@link PROGRESS_BOUND_NS}, for drivers that are known to stall. */
  readonly progressBoundNs?: number;
}

/** Runs one seed. Never rejects: what was found is in the result. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const repair = options.sabotage ? sabotage(options.sabotage) : (): void => {};
  const takeMemoryBack = trackRegions();
  try {
    return await runPlan(seed, options);
  } finally {
    takeMemoryBack();
    repair();
  }
}

async function runPlan(seed: number, options: RunOptions): Promise<RunResult> {
  const plan = planOf(seed);
  const world = new World(plan);
  world.isVerbose = options.isVerbose ?? false;
  const simulation = new Simulation(world);
  let failure: string | null = null;
  try {
    await simulation.run(options.progressBoundNs ?? PROGRESS_BOUND_NS);
  } catch (error) {
    failure = error instanceof SimulationFailure ? error.message : String((error as Error).stack);
  }
  const state = failure === null ? [] : simulation.drivers.flatMap((driver) => driver.counters());
  return {
    seed,
    failure: failure === null ? null : `${world.nowMs.toFixed(3)} ms: ${failure}`,
    fingerprint: world.fingerprint >>> 0,
    simulatedMs: world.nowMs,
    messagesSent: world.messagesSent,
    messagesReceived: world.messagesReceived,
    packets: world.network.carriedCount,
    log: world.log,
    state,
    plan,
  };
}

export class Simulation {
  readonly world: World;
  readonly drivers: DriverActor[];
  readonly clients: ClientActor[] = [];
  private readonly actors: readonly Actor[];
  readonly publishers: Publisher[] = [];
  readonly subscribers: Subscriber[] = [];
  private readonly faults: FaultSchedule;
  private steps = 0;

  constructor(world: World) {
    const { plan } = world;
    this.world = world;
    this.drivers = world.machines.map((machine, i) => new DriverActor(world, machine, i));
    for (let host = 0; host < plan.hostCount; host++) {
      for (let i = 0; i < plan.clientsPerHost; i++) {
        this.clients.push(new ClientActor(world, world.machines[host]!, `client ${host}.${i}`));
      }
    }
    for (const stream of plan.streams) {
      for (const [i, end] of stream.publishers.entries()) {
        const client = this.clientOf(end.host, i + stream.index);
        const publisher = new Publisher(world, client, stream, end);
        this.publishers.push(publisher);
        client.roles.push(publisher);
      }
      for (const [i, end] of stream.subscribers.entries()) {
        const client = this.clientOf(end.host, i + stream.index + 1);
        const subscriber = new Subscriber(world, client, stream, end);
        this.subscribers.push(subscriber);
        client.roles.push(subscriber);
      }
    }
    this.actors = [...this.drivers, ...this.clients];
    this.faults = new FaultSchedule(this);
  }

  async run(progressBoundNs: number): Promise<void> {
    const { world } = this;
    const { plan, time } = world;
    await this.runFor(WARM_UP_NS);
    const endNs = time.nowNs + plan.faultNs;
    while (time.nowNs < endNs) {
      this.faults.doWork();
      await this.step();
    }
    this.heal();
    await this.runUntil('progress', progressBoundNs, () => this.stalled(false));
    if (this.stalled(true) !== null) await this.runOn('progress', progressBoundNs, () => this.stalled(true));
    await this.runFor(this.settlingNs());
    world.phase = 'drain';
    world.note('publishers stop');
    await this.runOn('the end', this.drainBoundNs(), () => this.undelivered());
    await this.close();
  }

  /**
   * Runs until `obstacle` names none any more, however slow an agent is: each look within the bound finds another obstacle, or
   * the same further on.
   */
  private async runOn(what: string, boundNs: number, obstacle: () => string | null): Promise<void> {
    const { time } = this.world;
    const limitNs = time.nowNs + SLOW_LIMIT_NS;
    let before: string | null = null;
    let endNs = 0;
    for (;;) {
      for (let i = 0; i < 50; i++) await this.step();
      const reason = obstacle();
      if (reason === null) return;
      if (reason !== before) endNs = time.nowNs + boundNs;
      before = reason;
      if (time.nowNs > endNs) fail(`no step towards ${what} within ${boundNs / 1e6} ms: ${reason}`);
      if (time.nowNs > limitNs) fail(`no ${what} within ${SLOW_LIMIT_NS / 1e6} ms: ${reason}`);
    }
  }

  /** Streams go on by a window each time that a subscriber which reads nothing has been left behind. */
  private drainBoundNs(): number {
    const isAnyStuck = this.world.plan.streams.some(({ subscribers }) =>
      subscribers.some((end) => end.isStuck),
    );
    return isAnyStuck ? STUCK_DRAIN_BOUND_NS : DRAIN_BOUND_NS;
  }

  private clientOf(host: number, index: number): ClientActor {
    const { clientsPerHost } = this.world.plan;
    return this.clients[host * clientsPerHost + (index % clientsPerHost)]!;
  }

  private heal(): void {
    const { world } = this;
    this.faults.heal();
    for (const actor of this.actors) actor.heal();
    world.phase = 'recovery';
    world.healedNs = world.time.nowNs;
    world.note('everything is healed');
  }

  /** What was given up before all streams moved is gone after this: an image tells its end five times first. */
  private settlingNs(): number {
    const { timerIntervalNs, rcvStatusMessageTimeoutNs } = this.world.plan.options;
    return 2 * timerIntervalNs! + 6 * rcvStatusMessageTimeoutNs!;
  }

  /** Steps are longer once everything is healed: nothing comes up then that is only seen closely. */
  private get stepNs(): number {
    const { phase, plan } = this.world;
    return phase === 'faults' ? plan.stepNs : Math.max(plan.stepNs, HEALED_STEP_NS);
  }

  private async step(): Promise<void> {
    const { world } = this;
    world.time.advanceNs(this.stepNs);
    world.network.deliver();
    const { actors } = this;
    const first = world.prng.nextBelow(actors.length);
    for (let i = 0; i < actors.length; i++) actors[(first + i) % actors.length]!.step();
    await null;
    if (world.failure !== null) fail(world.failure);
    if (++this.steps % STEPS_PER_CHECK === 0) this.check();
  }

  private check(): void {
    for (const driver of this.drivers) {
      driver.check?.checkPositions();
      const { byteCount } = driver.machine.files;
      check(byteCount < FILE_BYTES_MAX, () => `${driver.name} has ${byteCount} bytes of files`);
    }
  }

  /** Whether what is on the wire tells what a driver counts: not of a card, nor of copies for several ways. */
  private get countsAreSeen(): boolean {
    const { isBypass, streams } = this.world.plan;
    return !isBypass && streams.every(({ kind }) => !COPIED.includes(kind));
  }

  private async checkDrivers(): Promise<void> {
    for (const driver of this.drivers) driver.areThreadsHeld = true;
    await this.runFor(SUM_NS);
    for (const driver of this.drivers) driver.areThreadsHeld = false;
    for (const driver of this.drivers) {
      driver.check!.checkErrors();
      if (this.countsAreSeen) driver.check!.checkTraffic(this.world.wire.countsOf(driver.machine.address));
    }
  }

  private async runFor(ns: number): Promise<void> {
    const endNs = this.world.time.nowNs + ns;
    while (this.world.time.nowNs < endNs) await this.step();
  }

  /** Runs until `obstacle` names none any more. */
  private async runUntil(what: string, boundNs: number, obstacle: () => string | null): Promise<void> {
    const endNs = this.world.time.nowNs + boundNs;
    for (;;) {
      for (let i = 0; i < 50; i++) await this.step();
      const reason = obstacle();
      if (reason === null) return;
      if (this.world.time.nowNs > endNs) fail(`no ${what} within ${boundNs / 1e6} ms: ${reason}`);
    }
  }

  /**
   * A live stream on which nothing sent after the healing has arrived. Where somebody reads nothing, a stream goes on by a
   * window each time that he is left behind, and what had piled up comes first: those are looked at with `slow` ones only.
   */
  private stalled(withSlow: boolean): string | null {
    const ended = this.drivers.find((driver) => driver.check === null);
    if (ended !== undefined) return `${ended.name} does not run`;
    return this.everyPair((publisher, subscriber) => {
      const { publication, stream } = publisher;
      if (publication === null) return `${publisher.client.name} has no publication of ${stream.name}`;
      const { sessionId } = publication;
      if ((subscriber.receivedSinceHealing.get(sessionId) ?? 0) > 0) return null;
      if (this.isOutrun(subscriber, sessionId)) return null;
      const count = subscriber.received.get(sessionId) ?? 0;
      if (!withSlow && count > 0 && stream.subscribers.some((end) => end.isStuck)) return null;
      return `${subscriber.name} received nothing new of session ${sessionId}, ${count} messages in all`;
    });
  }

  /**
   * A group that follows its fastest receiver is further on than it sends again, each time that a slower machine has made an
   * image: that one ends, and the next begins further on. Other machines get the stream, and who is behind tries again.
   */
  private isOutrun(subscriber: Subscriber, sessionId: number): boolean {
    if (!subscriber.stream.isOfFastest) return false;
    if ((subscriber.rejoinedSinceHealing.get(sessionId) ?? 0) < REJOINS_MIN) return false;
    return this.subscribers.some(
      (other) =>
        other.stream === subscriber.stream &&
        other.host !== subscriber.host &&
        (other.receivedSinceHealing.get(sessionId) ?? 0) > 0,
    );
  }

  private undelivered(): string | null {
    return this.everyPair((publisher, subscriber) => {
      const { publication, ledger } = publisher;
      if (publication === null || ledger === null)
        return `${publisher.client.name} lost ${publisher.stream.name}`;
      return subscriber.missing(ledger, publication.sessionId);
    });
  }

  private everyPair(find: (publisher: Publisher, subscriber: Subscriber) => string | null): string | null {
    for (const publisher of this.publishers) {
      for (const subscriber of this.subscribers) {
        if (publisher.stream !== subscriber.stream || !subscriber.isReading) continue;
        const found = find(publisher, subscriber);
        if (found !== null) return found;
      }
    }
    return null;
  }

  private async close(): Promise<void> {
    const { world } = this;
    world.phase = 'close';
    world.note('publishers close');
    for (const publisher of this.publishers) publisher.finish();
    await this.runUntil('end of the streams', CLOSE_BOUND_NS, () => this.remainingImage());
    await this.checkDrivers();
    for (const client of this.clients) client.finish();
    world.note('clients close');
    await this.runUntil('release', CLOSE_BOUND_NS, () => this.leftover());
    await this.checkDrivers();
    for (const driver of this.drivers) await driver.close();
  }

  private remainingImage(): string | null {
    for (const { subscription, name } of this.subscribers) {
      if (subscription !== null && subscription.imageCount > 0) return `${name} still has images`;
    }
    return null;
  }

  private leftover(): string | null {
    for (const driver of this.drivers) {
      const found = driver.check!.leftover();
      if (found !== null) return found;
    }
    return null;
  }
}
