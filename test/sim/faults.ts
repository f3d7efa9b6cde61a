/** What goes wrong, when: each fault of the plan comes and goes by itself. */
import type { LinkConditions } from '../../src/testing/index.ts';
import type { Fault } from './plan.ts';
import type { Simulation } from './simulation.ts';
import type { World } from './world.ts';

const MS = 1e6;

/** A fault that lasts: `begin` returns how to end it. */
type Episode = () => () => void;

export class FaultSchedule {
  private readonly world: World;
  private readonly simulation: Simulation;
  private readonly episodes: {
    readonly fault: Fault;
    readonly begin: Episode;
    nextNs: number;
    end: (() => void) | null;
  }[];

  constructor(simulation: Simulation) {
    this.world = simulation.world;
    this.simulation = simulation;
    const { plan, prng, time } = this.world;
    const begins = this.begins();
    this.episodes = [...plan.faults]
      .filter((fault) => begins[fault] !== undefined)
      .map((fault) => ({
        fault,
        begin: begins[fault]!,
        nextNs: time.nowNs + prng.nextBelow(200) * MS,
        end: null,
      }));
  }

  doWork(): void {
    const { world } = this;
    for (const episode of this.episodes) {
      if (world.time.nowNs < episode.nextNs) continue;
      if (episode.end !== null) {
        episode.end();
        episode.end = null;
        world.note(`${episode.fault} ends`);
      } else {
        world.note(`${episode.fault} begins`);
        episode.end = episode.begin();
      }
      episode.nextNs = world.time.nowNs + (5 + world.prng.nextBelow(250)) * MS;
    }
  }

  /** Everything ends. */
  heal(): void {
    for (const episode of this.episodes) episode.end?.();
  }

  private begins(): Partial<Record<Fault, Episode>> {
    const { world } = this;
    const { prng } = world;
    const rate = (): number => [0.001, 0.02, 0.2, 0.5][prng.nextBelow(4)]!;
    return {
      drop: () =>
        this.onLink(
          (link) => (link.drop = rate()),
          (link) => (link.drop = 0),
        ),
      duplicate: () =>
        this.onLink(
          (link) => (link.duplicate = rate()),
          (link) => (link.duplicate = 0),
        ),
      reorder: () =>
        this.onLink(
          (link) => {
            link.reorder = rate();
            link.reorderNs = 2 * MS;
          },
          (link) => (link.reorder = 0),
        ),
      corrupt: () =>
        this.onLink(
          (link) => (link.corrupt = rate() / 4),
          (link) => (link.corrupt = 0),
        ),
      delay: () =>
        this.onLink(
          (link) => (link.delayNs = 20 * MS),
          (link) => (link.delayNs = world.plan.linkDelayNs),
        ),
      partition: () =>
        this.onBothWays(
          (link) => (link.isCut = true),
          (link) => (link.isCut = false),
        ),
      'one-way-partition': () =>
        this.onLink(
          (link) => (link.isCut = true),
          (link) => (link.isCut = false),
        ),
      clog: () =>
        this.onLink(
          (link) => (link.isClogged = true),
          (link) => (link.isClogged = false),
        ),
      'mtu-shrink': () =>
        this.onLink(
          (link) => (link.mtu = [100, 600, 1400][prng.nextBelow(3)]!),
          (link) => (link.mtu = 65_535),
        ),
      'short-send': () => {
        world.sockets.shortSend = rate();
        return () => (world.sockets.shortSend = 0);
      },
      'driver-pause': () => {
        this.pick(this.simulation.drivers)?.pause(this.durationNs());
        return () => {};
      },
      'agent-pause': () => {
        this.pick(this.simulation.drivers)?.pauseAgent(prng.next() >>> 1, this.durationNs());
        return () => {};
      },
      'client-pause': () => {
        this.pick(this.simulation.clients)?.pause(this.durationNs());
        return () => {};
      },
      'client-death': () => {
        this.pick(this.simulation.clients)?.die(this.durationNs());
        return () => {};
      },
      'driver-death': () => {
        this.pick(this.simulation.drivers)?.die(this.durationNs());
        return () => {};
      },
      'receiver-churn': () => {
        this.pick(this.simulation.subscribers)?.churn();
        return () => {};
      },
      'destination-churn': () => {
        const { publishers, subscribers } = this.simulation;
        const having = [...publishers, ...subscribers].filter(({ destinations }) => destinations.count > 0);
        return this.pick(having)?.destinations.leave() ?? (() => {});
      },
      'slow-consumer': () => {
        const subscriber = this.pick(this.simulation.subscribers)!;
        subscriber.isSlow = true;
        return () => (subscriber.isSlow = false);
      },
    };
  }

  private durationNs(): number {
    return [1, 10, 50, 200, 700, 1500][this.world.prng.nextBelow(6)]! * MS;
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[this.world.prng.nextBelow(from.length)];
  }

  private onLink(begin: (link: LinkConditions) => void, end: (link: LinkConditions) => void): () => void {
    const { addresses } = this.world.plan;
    if (addresses.length < 2) return () => {};
    const from = this.pick(addresses)!;
    const to = this.pick(addresses.filter((address) => address !== from))!;
    const link = this.world.network.link(from, to);
    begin(link);
    return () => end(link);
  }

  private onBothWays(begin: (link: LinkConditions) => void, end: (link: LinkConditions) => void): () => void {
    const { addresses } = this.world.plan;
    if (addresses.length < 2) return () => {};
    const from = this.pick(addresses)!;
    const to = this.pick(addresses.filter((address) => address !== from))!;
    const links = [this.world.network.link(from, to), this.world.network.link(to, from)];
    links.forEach(begin);
    return () => links.forEach(end);
  }
}
