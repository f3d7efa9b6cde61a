// hot
import { CopyBurst } from '../memory/copy-burst.ts';
import { Region } from '../memory/region.ts';
import { Prng } from '../util/prng.ts';
import type { FaultyEndpoint } from './fault-injecting-transport.ts';
import type { IpAddress } from './transport.ts';

/** How often each fault befalls a datagram: probabilities whose sum is at most 1. A datagram suffers one at most. */
export interface FaultRates {
  readonly drop: number;
  /** It passes, and a copy of it follows later. */
  readonly duplicate: number;
  /** It comes later, behind datagrams sent after it. */
  readonly delay: number;
}

/** Fates of a datagram. */
export const PASS = 0;
export const DROP = 1;
export const DUPLICATE = 2;
export const DELAY = 3;

/** Datagrams held at a time. When every slot is taken, a datagram to be delayed is dropped, a copy not made. */
const SLOT_COUNT = 64;
/** Holds any UDP payload; an odd number of cache lines. */
const SLOT_LENGTH = 65600;

/** The faults of one direction, in or out, and the datagrams that it holds back. */
export class FaultDirection {
  /** May be changed at any time: rates of 0 heal the network. */
  rates: FaultRates;
  /** The time, set by the transport: a double that goes through a field is never boxed. */
  nowNs = 0.5;
  droppedCount = 0;
  duplicatedCount = 0;
  delayedCount = 0;

  /** The bytes of slot `i` are here, from {@link offsetOf}(`i`). */
  readonly region: Region = Region.allocate(SLOT_COUNT * SLOT_LENGTH);
  readonly slotCount: number = SLOT_COUNT;
  /** The endpoint of each datagram held; null where a slot is free. */
  readonly endpoints: (FaultyEndpoint | null)[] = new Array(SLOT_COUNT).fill(null);
  readonly lengths: Int32Array = new Int32Array(SLOT_COUNT);
  readonly addresses: Int32Array = new Int32Array(SLOT_COUNT);
  readonly ports: Int32Array = new Int32Array(SLOT_COUNT);
  private readonly dueNs: Float64Array = new Float64Array(SLOT_COUNT);
  private readonly delayNsMax: number;
  private readonly prng: Prng;
  private readonly copies: CopyBurst = new CopyBurst(1);

  constructor(seed: number, rates: FaultRates, delayNsMax: number) {
    this.rates = rates;
    this.delayNsMax = delayNsMax;
    this.prng = new Prng(seed);
  }

  /** Chooses what becomes of the next datagram. */
  nextFate(): number {
    const rates = this.rates;
    const point = this.prng.nextFraction();
    if (point < rates.drop) return DROP;
    if (point < rates.drop + rates.duplicate) return DUPLICATE;
    return point < rates.drop + rates.duplicate + rates.delay ? DELAY : PASS;
  }

  /** Carries out a fate on the bytes given, which may be reused afterwards. */
  suffer(
    fate: number,
    endpoint: FaultyEndpoint,
    handle: number,
    offset: number,
    length: number,
    address: IpAddress,
    port: number,
  ): void {
    if (fate === PASS) return;
    const slot = fate === DROP ? -1 : this.endpoints.indexOf(null);
    if (slot === -1) {
      if (fate !== DUPLICATE) this.droppedCount++;
      return;
    }
    this.endpoints[slot] = endpoint;
    this.lengths[slot] = length;
    this.addresses[slot] = address;
    this.ports[slot] = port;
    this.dueNs[slot] = this.nowNs + 1 + this.prng.nextFraction() * this.delayNsMax;
    this.copies.add(this.region.handle, this.offsetOf(slot), handle, offset, length);
    this.copies.copy();
    if (fate === DELAY) this.delayedCount++;
    else this.duplicatedCount++;
  }

  offsetOf(slot: number): number {
    return slot * SLOT_LENGTH;
  }

  isDue(slot: number): boolean {
    return this.endpoints[slot] !== null && this.dueNs[slot]! <= this.nowNs;
  }

  /** Frees the slots that were due. */
  freeDue(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.isDue(slot)) this.endpoints[slot] = null;
    }
  }

  /** Forgets the datagrams held for an endpoint. */
  forget(endpoint: FaultyEndpoint): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.endpoints[slot] === endpoint) this.endpoints[slot] = null;
    }
  }

  close(): void {
    this.region.close();
    this.copies.close();
  }
}
