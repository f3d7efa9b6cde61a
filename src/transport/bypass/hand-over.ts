// hot
import { Region } from '../../memory/region.ts';
import type { NeighbourListener } from '../../net/neighbour-listener.ts';
import { ownerOf } from '../port-owner.ts';
import { HAND_OVERS_DROPPED, HANDED_OVER } from './bypass-statistics.ts';
import { type HandOverListener, HandOverRing } from './hand-over-ring.ts';

/** Bytes under way between two agents: some hundred datagrams of 1500 bytes, which stay in a core's cache. */
const RING_LENGTH = 512 * 1024;
/** Records that a duty cycle takes from each other agent: a burst's worth. */
const READ_LIMIT = 64;

/** A region of another isolate's. */
interface SharedRegion {
  readonly buffer: SharedArrayBuffer;
  readonly handle: number;
}

/** A network agent's ways to the other agents of its port. Plain data. */
export interface HandOverConfig {
  readonly index: number;
  /** Rings to the other agents and from them, by their index; `null` at its own. */
  readonly to: readonly (SharedRegion | null)[];
  readonly from: readonly (SharedRegion | null)[];
}

/** The rings between `count` agents. Whoever made them closes them, when no agent is left. */
export class HandOverRings {
  private readonly count: number;
  /** From agent `i / count` to agent `i % count`. */
  private readonly regions: (Region | null)[];

  constructor(count: number) {
    this.count = count;
    this.regions = Array.from({ length: count * count }, (_, i) =>
      i % (count + 1) === 0 ? null : HandOverRing.allocate(RING_LENGTH),
    );
  }

  /** What agent `index` is told. Cold. */
  configOf(index: number): HandOverConfig {
    const others = Array.from({ length: this.count }, (_, other) => other);
    return {
      index,
      to: others.map((other) => this.shared(index, other)),
      from: others.map((other) => this.shared(other, index)),
    };
  }

  close(): void {
    for (const region of this.regions) region?.close();
  }

  /** Cold. */
  private shared(from: number, to: number): SharedRegion | null {
    const region = this.regions[from * this.count + to]!;
    return region === null ? null : { buffer: region.buffer, handle: region.handle };
  }
}

/**
 * Where an agent hands over what is not for it. The queues of a card share out arrivals as they like, and each port of
 * our address belongs to one agent: datagrams go on to the owner, neighbours to every agent.
 */
export class HandOver implements NeighbourListener {
  readonly index: number;
  readonly agentCount: number;
  private readonly counts: Float64Array;
  private readonly to: (HandOverRing | null)[];
  private readonly from: (HandOverRing | null)[];

  /** `counts` are those of the transport. */
  constructor({ index, to, from }: HandOverConfig, counts: Float64Array) {
    const ring = (shared: SharedRegion | null): HandOverRing | null =>
      shared === null ? null : new HandOverRing(Region.adopt(shared.buffer, shared.handle));
    this.index = index;
    this.agentCount = to.length;
    this.counts = counts;
    this.to = to.map(ring);
    this.from = from.map(ring);
  }

  /** Adds a datagram to what its owner gets at {@link endBurst}. Returns false when it is for this agent itself. */
  offer(
    handle: number,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
    destinationAddress: number,
    destinationPort: number,
  ): boolean {
    const ring = this.to[ownerOf(destinationPort, this.agentCount)]!;
    if (ring === null) return false;
    const isAdded = ring.addDatagram(
      handle,
      offset,
      length,
      sourceAddress,
      sourcePort,
      destinationAddress,
      destinationPort,
    );
    this.counts[isAdded ? HANDED_OVER : HAND_OVERS_DROPPED]!++;
    return true;
  }

  /** Tells every other agent of a neighbour. */
  tell(address: number, macHigh: number, macLow: number): void {
    const rings = this.to;
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[i]!;
      if (ring !== null && !ring.addNeighbour(address, macHigh, macLow)) this.counts[HAND_OVERS_DROPPED]!++;
    }
  }

  /** Tells every other agent what a router asks. */
  tellQuery(group: number, version: number, responseTime: number): void {
    const rings = this.to;
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[i]!;
      if (ring !== null && !ring.addQuery(group, version, responseTime)) this.counts[HAND_OVERS_DROPPED]!++;
    }
  }

  /** Tells the owner of a datagram's source port that the datagram did not arrive. */
  tellUnreachable(address: number, ports: number, code: number, mtu: number): boolean {
    const ring = this.to[ownerOf(ports >>> 16, this.agentCount)]!;
    if (ring === null) return false;
    if (!ring.addUnreachable(address, ports, code, mtu)) this.counts[HAND_OVERS_DROPPED]!++;
    return true;
  }

  /** Hands over what the other agents have, a bounded amount. Its memory stays until {@link endBurst}. */
  receive(listener: HandOverListener): number {
    const rings = this.from;
    let records = 0;
    for (let i = 0; i < rings.length; i++) {
      const ring = rings[i]!;
      if (ring !== null) records += ring.read(listener, READ_LIMIT);
    }
    return records;
  }

  /** Lets the other agents have what was added, and have the memory of what was received. */
  endBurst(): void {
    for (let i = 0; i < this.agentCount; i++) {
      const to = this.to[i]!;
      if (to === null) continue;
      to.publish();
      this.from[i]!.release();
    }
  }

  close(): void {
    for (const ring of this.to) ring?.close();
    for (const ring of this.from) ring?.close();
  }
}
