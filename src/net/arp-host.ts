// hot
import type { Clock } from '../concurrent/clock.ts';
import { AddressClaim, type AddressClaimSender, type ConflictListener } from './address-claim.ts';
import {
  ARP_OPERATION,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_ADDRESS,
  ARP_SENDER_MAC,
  ARP_TARGET_ADDRESS,
  isValidArp,
  writeArp,
} from './arp.ts';
import { BROADCAST_HIGH, BROADCAST_LOW, ETHERNET_HEADER_LENGTH, isStation, TYPE_ARP } from './ethernet.ts';
import type { FrameQueue } from './frame-queue.ts';
import type { Ipv4Addresses } from './ipv4-addresses.ts';
import { NeighbourCache } from './neighbour-cache.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  ARP_MALFORMED,
  ARP_REPLIES,
  ARP_REPLIES_LIMITED,
  ARP_REQUESTS,
  ARP_UNSOLICITED,
  NEIGHBOUR_CLAIMS,
  NEIGHBOURS_EVICTED,
  NEIGHBOURS_MOVED,
  NEIGHBOURS_REFUSED,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second; and as many again known neighbours, from whom a flood of strangers does not hide us. */
const REPLIES_PER_SECOND = 1000;
const TOLD_PER_SECOND = 1000;

/** A host's side of ARP: asks for neighbours that are wanted, and answers for our own addresses. */
export class ArpHost implements AddressClaimSender {
  readonly neighbours: NeighbourCache;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  private readonly queue: FrameQueue;
  private readonly addresses: Ipv4Addresses;
  /** One for each address. */
  private readonly claims: readonly AddressClaim[];
  private readonly statistics: Float64Array;
  private readonly replyLimit: RateLimit;
  private readonly neighbourReplyLimit: RateLimit;
  private readonly tellLimit: RateLimit;

  /** @param probes - As for {@link AddressClaim}. */
  constructor(
    queue: FrameQueue,
    addresses: Ipv4Addresses,
    probes: number,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.queue = queue;
    this.addresses = addresses;
    this.statistics = statistics;
    this.neighbours = new NeighbourCache(clock);
    this.claims = Array.from(
      addresses.numbers,
      (address) => new AddressClaim(address, probes, this, statistics, clock),
    );
    this.replyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.neighbourReplyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
  }

  /** Null: nobody wants to know who else has an address of ours. Cold. */
  set conflictListener(listener: ConflictListener | null) {
    for (const claim of this.claims) claim.listener = listener;
  }

  /** Whether an address of ours is being asked for. */
  get isProbing(): boolean {
    const { claims } = this;
    for (let i = 0; i < claims.length; i++) if (claims[i]!.isProbing) return true;
    return false;
  }

  /** The link came up. Cold. */
  onLinkUp(): void {
    for (const claim of this.claims) claim.start();
  }

  /** Asks for our addresses and announces them as it is due. Called now and then. */
  doWork(): void {
    const { claims } = this;
    for (let i = 0; i < claims.length; i++) claims[i]!.doWork();
    this.count();
  }

  /** A request or a reply, in the `length` bytes behind an Ethernet header. */
  onArp(offset: number, length: number): void {
    const { queue, statistics } = this;
    const view = queue.view;
    if (!isValidArp(view, offset, length)) {
      statistics[ARP_MALFORMED]!++;
      return;
    }
    const senderHigh = view.getUint16(offset + ARP_SENDER_MAC);
    const senderLow = view.getInt32(offset + ARP_SENDER_MAC + 2);
    const sender = view.getInt32(offset + ARP_SENDER_ADDRESS);
    if (!isStation(senderHigh, senderLow)) {
      statistics[ARP_MALFORMED]!++;
      return;
    }
    const isRequest = view.getUint16(offset + ARP_OPERATION) === ARP_REQUEST;
    const asked = this.claimOf(view.getInt32(offset + ARP_TARGET_ADDRESS));
    // Who asks without an address, while we do, wants ours too.
    const wanted = sender === 0 && isRequest && asked?.isProbing === true ? asked : this.claimOf(sender);
    if (wanted !== null) {
      const isOurCard = senderHigh === queue.device.macHigh && senderLow === queue.device.macLow;
      if (!isOurCard) wanted.onConflict(senderHigh, senderLow);
      return;
    }
    const isKnown = this.hear(sender, senderHigh, senderLow);
    if (!isRequest || asked === null) {
      if (!isKnown) statistics[ARP_UNSOLICITED]!++;
      return;
    }
    if (asked.isProbing) return;
    const isNeighbour = this.neighbours.isAt(sender, senderHigh, senderLow);
    if (!(isNeighbour ? this.neighbourReplyLimit : this.replyLimit).take()) {
      statistics[ARP_REPLIES_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    this.send(ARP_REPLY, senderHigh, senderLow, asked.address, senderHigh, senderLow, sender);
    statistics[ARP_REPLIES]!++;
  }

  /** Asks for the neighbour of an entry: its own card, where it is known, so that nobody else answers. There must be room. */
  ask(entry: number, address: number): void {
    const { neighbours } = this;
    const source = this.addresses.sourceFor(address);
    if (neighbours.isResolved(entry)) {
      const low = neighbours.macLow(entry);
      this.send(ARP_REQUEST, neighbours.macHigh(entry), low, source, 0, 0, address);
    } else {
      this.send(ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, source, 0, 0, address);
    }
    this.statistics[ARP_REQUESTS]!++;
    this.count();
  }

  probe(address: number): void {
    this.askForOurs(0, address);
  }

  /** Gratuitous: neighbours that know our address with another card learn this one. */
  announce(address: number): void {
    this.askForOurs(address, address);
  }

  /** Brings the counters of neighbours up to date. */
  count(): void {
    const { statistics, neighbours } = this;
    statistics[NEIGHBOURS_EVICTED] = neighbours.evictedCount;
    statistics[NEIGHBOUR_CLAIMS] = neighbours.claimCount;
    statistics[NEIGHBOURS_MOVED] = neighbours.movedCount;
    statistics[NEIGHBOURS_REFUSED] = neighbours.refusedCount;
  }

  /** What a neighbour says of itself, or somebody else of it. Returns whether anybody here wants to know. */
  private hear(address: number, macHigh: number, macLow: number): boolean {
    const { neighbours, listener } = this;
    const entry = neighbours.find(address);
    if (entry >= 0) {
      neighbours.learn(entry, macHigh, macLow);
      this.count();
    }
    if (listener !== null && this.tellLimit.take()) listener.tell(address, macHigh, macLow);
    return entry >= 0;
  }

  /** Null: the address is none of ours. */
  private claimOf(address: number): AddressClaim | null {
    const { claims } = this;
    for (let i = 0; i < claims.length; i++) if (claims[i]!.address === address) return claims[i]!;
    return null;
  }

  private askForOurs(sender: number, address: number): void {
    if (!this.queue.hasRoom()) return;
    this.send(ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, sender, 0, 0, address);
    this.statistics[ARP_REQUESTS]!++;
  }

  private send(
    operation: number,
    toHigh: number,
    toLow: number,
    sender: number,
    targetHigh: number,
    targetLow: number,
    target: number,
  ): void {
    const queue = this.queue;
    const { macHigh, macLow } = queue.device;
    const offset = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    queue.writeEthernetTo(toHigh, toLow, TYPE_ARP);
    writeArp(queue.view, offset, operation, macHigh, macLow, sender, targetHigh, targetLow, target);
    queue.addOwn(0, 0);
  }
}
