// hot
import type { Clock } from '../concurrent/clock.ts';
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
import { NeighbourCache } from './neighbour-cache.ts';
import type { NeighbourListener } from './neighbour-listener.ts';
import {
  ARP_CONFLICTS,
  ARP_MALFORMED,
  ARP_REPLIES,
  ARP_REPLIES_LIMITED,
  ARP_REQUESTS,
  ARP_UNSOLICITED,
  NEIGHBOURS_EVICTED,
} from './net-statistics.ts';
import { RateLimit } from './rate-limit.ts';

/** What anyone can cause, a second. */
const REPLIES_PER_SECOND = 1000;
const TOLD_PER_SECOND = 1000;

/** A host's side of ARP: asks for neighbours that are wanted, and answers for our own address. */
export class ArpHost {
  readonly neighbours: NeighbourCache;
  /** Null: nobody else wants to know. */
  listener: NeighbourListener | null = null;
  private readonly queue: FrameQueue;
  private readonly address: number;
  private readonly statistics: Float64Array;
  private readonly replyLimit: RateLimit;
  private readonly tellLimit: RateLimit;

  constructor(queue: FrameQueue, address: number, statistics: Float64Array, clock: Clock) {
    this.queue = queue;
    this.address = address;
    this.statistics = statistics;
    this.neighbours = new NeighbourCache(clock);
    this.replyLimit = new RateLimit(clock, REPLIES_PER_SECOND);
    this.tellLimit = new RateLimit(clock, TOLD_PER_SECOND);
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
    if (sender === this.address) {
      const ours = senderHigh === queue.device.macHigh && senderLow === queue.device.macLow;
      if (!ours) statistics[ARP_CONFLICTS]!++;
      return;
    }
    const known = this.neighbours.learn(sender, senderHigh, senderLow);
    const { listener } = this;
    if (listener !== null && this.tellLimit.take()) listener.tell(sender, senderHigh, senderLow);
    const forUs =
      view.getUint16(offset + ARP_OPERATION) === ARP_REQUEST &&
      view.getInt32(offset + ARP_TARGET_ADDRESS) === this.address;
    if (!forUs) {
      if (!known) statistics[ARP_UNSOLICITED]!++;
      return;
    }
    if (!this.replyLimit.take()) {
      statistics[ARP_REPLIES_LIMITED]!++;
      return;
    }
    if (!queue.hasRoom()) return;
    this.send(ARP_REPLY, senderHigh, senderLow, senderHigh, senderLow, sender);
    statistics[ARP_REPLIES]!++;
  }

  /** Asks who has an address. There must be room. */
  ask(address: number): void {
    this.send(ARP_REQUEST, BROADCAST_HIGH, BROADCAST_LOW, 0, 0, address);
    this.statistics[ARP_REQUESTS]!++;
    this.statistics[NEIGHBOURS_EVICTED] = this.neighbours.evictedCount;
  }

  /** Gratuitous: neighbours that know our address with another card learn this one. */
  announce(): void {
    if (this.queue.hasRoom()) this.ask(this.address);
  }

  private send(
    operation: number,
    toHigh: number,
    toLow: number,
    targetHigh: number,
    targetLow: number,
    target: number,
  ): void {
    const queue = this.queue;
    const { macHigh, macLow } = queue.device;
    const offset = queue.nextFrame() + ETHERNET_HEADER_LENGTH;
    queue.writeEthernetTo(toHigh, toLow, TYPE_ARP);
    writeArp(queue.view, offset, operation, macHigh, macLow, this.address, targetHigh, targetLow, target);
    queue.addOwn(0, 0);
  }
}
