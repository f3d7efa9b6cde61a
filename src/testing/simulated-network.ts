import type { IpAddress } from '../transport/transport.ts';
import type { Prng } from '../util/prng.ts';
import type { SimulatedTime } from './simulated-machine.ts';
import type { SimulatedSwitch } from './simulated-switch.ts';

const TWO_32 = 4294967296;
const ETHERNET_TYPE = 12;
const ETHERNET_HEADER_LENGTH = 14;

/** How the way from one machine to another is. Rates are probabilities, each drawn by itself. */
export interface LinkConditions {
  /** Nothing passes while true. */
  isCut: boolean;
  /** Packets wait while true, and come all together afterwards. */
  isClogged: boolean;
  drop: number;
  duplicate: number;
  /** Of being held back by up to {@link reorderNs}, behind what is sent later. */
  reorder: number;
  reorderNs: number;
  /** Of a bit that flips. */
  corrupt: number;
  delayNs: number;
  /** Longer packets are lost. */
  mtu: number;
}

export function goodLink(delayNs: number): LinkConditions {
  return {
    isCut: false,
    isClogged: false,
    drop: 0,
    duplicate: 0,
    reorder: 0,
    reorderNs: 0,
    corrupt: 0,
    delayNs,
    mtu: 65_535,
  };
}

/** A packet under way. */
export interface Packet {
  readonly bytes: Uint8Array;
  readonly source: IpAddress;
  readonly sourcePort: number;
  readonly destination: IpAddress;
  readonly destinationPort: number;
  /** The machine it was sent from, and the one it goes to. */
  readonly from: IpAddress;
  readonly to: IpAddress;
  /** An Ethernet frame: who receives it checks it. Of a datagram that was damaged, nothing arrives. */
  readonly isFrame: boolean;
}

/** Who hears of what arrives at a machine. */
export interface Station {
  readonly address: IpAddress;
  receive(packet: Packet): void;
  /** Puts what the station has to send on the network. */
  transmit?(): void;
  /** Whether that UDP port is one of its own, alone. */
  isBound?(port: number): boolean;
}

/** Sees what happens on the network, for checks. */
export interface NetworkTap {
  onSent(packet: Packet): void;
}

interface Flight {
  readonly packet: Packet;
  readonly dueNs: number;
  readonly order: number;
}

/** Carries packets between stations: datagrams, or Ethernet frames. What goes wrong on the way follows from the seed. */
export class SimulatedNetwork {
  tap: NetworkTap | null = null;
  /** Between cards; null: a hub, which sends frames to groups to everybody. */
  switch: SimulatedSwitch | null = null;
  readonly prng: Prng;
  readonly time: SimulatedTime;
  droppedCount = 0;
  carriedCount = 0;
  private readonly stations: Station[] = [];
  private readonly links: Map<number, LinkConditions> = new Map();
  private readonly flights: Flight[] = [];
  private clogged: Packet[] = [];
  private nextOrder = 0;

  constructor(time: SimulatedTime, prng: Prng) {
    this.time = time;
    this.prng = prng;
  }

  attach(station: Station): void {
    this.stations.push(station);
  }

  detach(station: Station): void {
    const index = this.stations.indexOf(station);
    if (index >= 0) this.stations.splice(index, 1);
  }

  /** Of every machine that is on the network. */
  addresses(): IpAddress[] {
    return [...new Set(this.stations.map(({ address }) => address))];
  }

  /** Whether a machine receives at that UDP port. */
  isBound(address: IpAddress, port: number): boolean {
    return this.stations.some((station) => station.address === address && station.isBound?.(port) === true);
  }

  /** The way from one machine to another; to change as the simulation goes on. */
  link(from: IpAddress, to: IpAddress): LinkConditions {
    const key = from * TWO_32 + (to >>> 0);
    let link = this.links.get(key);
    if (link === undefined) {
      link = goodLink(from === to ? 2_000 : 50_000);
      this.links.set(key, link);
    }
    return link;
  }

  send(packet: Packet): void {
    this.tap?.onSent(packet);
    this.carry(packet);
  }

  /** One packet, which every station gets, also its sender's. */
  sendToAll(packet: Packet): void {
    this.tap?.onSent(packet);
    for (const to of this.addresses()) this.carry({ ...packet, to });
  }

  private carry(packet: Packet): void {
    const link = this.link(packet.from, packet.to);
    if (link.isCut || packet.bytes.length > link.mtu || this.happens(link.drop)) {
      this.droppedCount++;
      return;
    }
    this.launch(packet, link);
    if (this.happens(link.duplicate)) this.launch(packet, link);
  }

  /** Delivers what has arrived by now. */
  deliver(): void {
    for (const station of this.stations) station.transmit?.();
    if (this.clogged.length > 0) this.unclog();
    const { flights } = this;
    const { nowNs } = this.time;
    while (flights.length > 0 && flights[0]!.dueNs <= nowNs) {
      const { packet } = this.takeFirst();
      this.carriedCount++;
      for (const station of this.stations) {
        if (station.address === packet.to) station.receive(packet);
      }
    }
  }

  /** When the next packet arrives; infinite when none is under way. */
  get nextArrivalNs(): number {
    return this.flights.length === 0 ? Number.POSITIVE_INFINITY : this.flights[0]!.dueNs;
  }

  private unclog(): void {
    const waiting = this.clogged;
    this.clogged = [];
    for (const packet of waiting) {
      const link = this.link(packet.from, packet.to);
      if (link.isClogged) this.clogged.push(packet);
      else this.launch(packet, link);
    }
  }

  private launch(packet: Packet, link: LinkConditions): void {
    if (link.isClogged) {
      this.clogged.push(packet);
      return;
    }
    const isDamaged = this.happens(link.corrupt);
    if (isDamaged && !isProtectedByReceiver(packet)) {
      this.droppedCount++;
      return;
    }
    let delayNs = link.delayNs;
    if (this.happens(link.reorder)) delayNs += this.prng.nextFraction() * link.reorderNs;
    this.insert({
      packet: isDamaged ? { ...packet, bytes: this.damaged(packet.bytes) } : packet,
      dueNs: this.time.nowNs + delayNs,
      order: this.nextOrder++,
    });
  }

  /** The frame with one bit flipped, behind its Ethernet header. */
  private damaged(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    const at = ETHERNET_HEADER_LENGTH + this.prng.nextBelow(bytes.length - ETHERNET_HEADER_LENGTH);
    copy[at]! ^= 1 << this.prng.nextBelow(8);
    return copy;
  }

  private happens(probability: number): boolean {
    return probability > 0 && this.prng.nextFraction() < probability;
  }

  private insert(flight: Flight): void {
    const { flights } = this;
    let index = flights.length;
    flights.push(flight);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(flight, flights[parent]!)) break;
      flights[index] = flights[parent]!;
      index = parent;
    }
    flights[index] = flight;
  }

  private takeFirst(): Flight {
    const { flights } = this;
    const first = flights[0]!;
    const last = flights.pop()!;
    if (flights.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= flights.length) break;
      if (child + 1 < flights.length && isBefore(flights[child + 1]!, flights[child]!)) child++;
      if (!isBefore(flights[child]!, last)) break;
      flights[index] = flights[child]!;
      index = child;
    }
    flights[index] = last;
    return first;
  }
}

/**
 * Whether IPv4's and UDP's own checksums tell of a damage. What they do not cover is told by Ethernet's, and network
 * cards drop it.
 */
function isProtectedByReceiver({ isFrame, bytes }: Packet): boolean {
  return isFrame && bytes[ETHERNET_TYPE] === 0x08 && bytes[ETHERNET_TYPE + 1] === 0x00;
}

function isBefore(a: Flight, b: Flight): boolean {
  return a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);
}
