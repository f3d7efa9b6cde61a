// hot
import type { Clock } from '../concurrent/clock.ts';

const CAPACITY = 256;
/** Twice the capacity, so that a probe ends soon; a power of two. */
const TABLE_LENGTH = 512;
const TABLE_MASK = TABLE_LENGTH - 1;

/** How long an answer is trusted. */
export const NEIGHBOUR_LIFETIME_NS = 60e9;
/** From this age on an entry in use is asked for again, so one that answers never runs out. */
const REFRESH_AGE_NS = 45e9;
const REQUEST_INTERVAL_NS = 1e9;
/** How long an unanswered neighbour counts as about to answer. */
const WAIT_NS = 1e9;
const NEVER = -1e18;

/**
 * Ethernet addresses of IPv4 neighbours. Only what we want to send to gets an entry: strangers, whatever they announce,
 * can change existing entries (as a host that moved to another card does) but make none. Fixed capacity; a new entry
 * takes the place of the unresolved entry that waited longest, or, when all are resolved, of the one confirmed first.
 */
export class NeighbourCache {
  size = 0;
  evictedCount = 0;
  /** Grows with every change of an address, so that headers made from an entry can be told to be stale. */
  version = 0;
  private readonly clock: Clock;
  private readonly addresses: Int32Array = new Int32Array(CAPACITY);
  private readonly macHighs: Int32Array = new Int32Array(CAPACITY);
  private readonly macLows: Int32Array = new Int32Array(CAPACITY);
  private readonly resolved: Uint8Array = new Uint8Array(CAPACITY);
  /** Of a resolved entry, when its neighbour last answered; of another, since when it is wanted. */
  private readonly sinceNs: Float64Array = new Float64Array(CAPACITY);
  private readonly requestedNs: Float64Array = new Float64Array(CAPACITY);
  /** Hash table: entry + 1, or 0 where free. */
  private readonly table: Int16Array = new Int16Array(TABLE_LENGTH);

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The entry of an address we want to send to, made when there is none. Always an index. */
  locate(address: number): number {
    const nowNs = this.clock.nanoTime;
    let entry = this.find(address);
    if (entry < 0) {
      entry = this.size < CAPACITY ? this.size++ : this.evict();
      this.addresses[entry] = address;
      this.resolved[entry] = 0;
      this.sinceNs[entry] = nowNs;
      this.requestedNs[entry] = NEVER;
      this.rebuildTable();
    } else if (this.resolved[entry] === 1 && nowNs - this.sinceNs[entry]! > NEIGHBOUR_LIFETIME_NS) {
      this.resolved[entry] = 0;
      this.sinceNs[entry] = nowNs;
      this.version++;
    }
    return entry;
  }

  isResolved(entry: number): boolean {
    return this.resolved[entry] === 1;
  }

  /** True when the neighbour was asked for and stayed silent so long that it may not exist. */
  isSilent(entry: number): boolean {
    return this.resolved[entry] === 0 && this.clock.nanoTime - this.sinceNs[entry]! >= WAIT_NS;
  }

  /** True when it is time to ask for this neighbour, at most once a second; the caller then does. */
  takeRequest(entry: number): boolean {
    const nowNs = this.clock.nanoTime;
    if (this.resolved[entry] === 1 && nowNs - this.sinceNs[entry]! < REFRESH_AGE_NS) return false;
    if (nowNs - this.requestedNs[entry]! < REQUEST_INTERVAL_NS) return false;
    this.requestedNs[entry] = nowNs;
    return true;
  }

  macHigh(entry: number): number {
    return this.macHighs[entry]!;
  }

  macLow(entry: number): number {
    return this.macLows[entry]!;
  }

  /** Takes over what a neighbour said of itself. Returns false when nobody here asked for it. */
  learn(address: number, macHigh: number, macLow: number): boolean {
    const entry = this.find(address);
    if (entry < 0) return false;
    this.macHighs[entry] = macHigh;
    this.macLows[entry] = macLow;
    this.resolved[entry] = 1;
    this.sinceNs[entry] = this.clock.nanoTime;
    this.version++;
    return true;
  }

  private find(address: number): number {
    const table = this.table;
    for (let slot = hash(address); ; slot = (slot + 1) & TABLE_MASK) {
      const entry = table[slot]! - 1;
      if (entry < 0 || this.addresses[entry] === address) return entry;
    }
  }

  private evict(): number {
    let victim = 0;
    for (let i = 1; i < CAPACITY; i++) {
      const better = this.resolved[i]! - this.resolved[victim]!;
      if (better < 0 || (better === 0 && this.sinceNs[i]! < this.sinceNs[victim]!)) victim = i;
    }
    this.evictedCount++;
    this.version++;
    return victim;
  }

  /** Rare: only a new destination comes here. */
  private rebuildTable(): void {
    const table = this.table;
    table.fill(0);
    for (let entry = 0; entry < this.size; entry++) {
      let slot = hash(this.addresses[entry]!);
      while (table[slot] !== 0) slot = (slot + 1) & TABLE_MASK;
      table[slot] = entry + 1;
    }
  }
}

function hash(address: number): number {
  return (Math.imul(address, 0x9e3779b1) >>> 23) & TABLE_MASK;
}
