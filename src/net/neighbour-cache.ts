// hot
import type { Clock } from '../concurrent/clock.ts';
import { AeronError } from '../util/errors.ts';
import { releaseAddress, retainAddress } from '../util/ip-address.ts';
import { RateLimit } from './rate-limit.ts';

const CAPACITY = 256;
/** Entries that never change leave room for others. */
export const STATIC_NEIGHBOURS_MAX = 128;
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
/** How long a neighbour whose address another card claims has to answer for itself, and how often it is asked meanwhile. */
export const CONTEST_NS = 1e9;
const CONTEST_REQUEST_INTERVAL_NS = 300e6;
/** A neighbour that nobody sent to for so long may make place for another. */
const UNUSED_NS = 10e9;
/** New entries a second: strangers make some, by what they want to be answered. An entry has time to be answered then. */
const NEW_PER_SECOND = 1000;
const NEVER = Number.POSITIVE_INFINITY;

/** What is known of a neighbour: it is being asked for; its address, from itself; its address, from the configuration. */
const ASKED = 0;
const KNOWN = 1;
const STATIC = 2;

/** Whether another card claims a neighbour's address: no; yes; and the neighbour has been asked. */
const UNCONTESTED = 0;
const CLAIMED = 1;
const DEFENDING = 2;

/** What {@link NeighbourCache.locate} says instead of an entry: too many new ones in this second; all are in use. */
export const NOT_NOW = -1;
export const NO_PLACE = -2;

/** What {@link NeighbourCache.learn} made of it: what was known, something new, or what somebody else must not change. */
export const CONFIRMED = 0;
export const LEARNED = 1;
export const CLAIM = 2;

/**
 * Ethernet addresses of neighbours. Only what we want to send to gets an entry: strangers, whatever they announce, make
 * none. Nor do they change one: a neighbour whose address another card claims is asked, at its own card, and the claim
 * counts for nothing when it answers. When it stays silent for a second it is asked for like a new one.
 *
 * Fixed capacity. A new entry takes the place of the unresolved one that waited longest, or of the one that was unused
 * longest, 10 s at least; when all are in use there is no place, so that no flood displaces a live peer.
 */
export class NeighbourCache {
  size = 0;
  evictedCount = 0;
  /** Claims of other cards to the addresses of neighbours. */
  claimCount = 0;
  /** Neighbours that answered from another card than before. */
  movedCount = 0;
  /** New neighbours for which there was no place, or no time. */
  refusedCount = 0;
  /** Grows with every change of an address, so that headers made from an entry can be told to be stale. */
  version = 0;
  private readonly clock: Clock;
  private readonly newLimit: RateLimit;
  private readonly addresses: Int32Array = new Int32Array(CAPACITY);
  private readonly macHighs: Int32Array = new Int32Array(CAPACITY);
  private readonly macLows: Int32Array = new Int32Array(CAPACITY);
  private readonly states: Uint8Array = new Uint8Array(CAPACITY);
  private readonly contests: Uint8Array = new Uint8Array(CAPACITY);
  /** Since when an unresolved entry is wanted. */
  private readonly sinceNs: Float64Array = new Float64Array(CAPACITY);
  private readonly usedNs: Float64Array = new Float64Array(CAPACITY);
  /** When a known address is no longer trusted, and when its neighbour is to be asked next. */
  private readonly expiresNs: Float64Array = new Float64Array(CAPACITY);
  private readonly askNs: Float64Array = new Float64Array(CAPACITY);
  /** Hash table: entry + 1, or 0 where free. */
  private readonly table: Int16Array = new Int16Array(TABLE_LENGTH);

  constructor(clock: Clock) {
    this.clock = clock;
    this.newLimit = new RateLimit(clock, NEW_PER_SECOND);
  }

  /** A neighbour that is never asked, and that nothing changes. Throws AeronError `ENOBUFS` when there are too many. Cold. */
  addStatic(address: number, macHigh: number, macLow: number): void {
    let entry = this.find(address);
    if (entry < 0) {
      if (this.size === STATIC_NEIGHBOURS_MAX) {
        throw new AeronError('ENOBUFS', `more than ${STATIC_NEIGHBOURS_MAX} neighbours are configured.`);
      }
      entry = this.begin(this.size++, address);
    }
    this.adopt(entry, macHigh, macLow);
    this.states[entry] = STATIC;
    this.expiresNs[entry] = NEVER;
    this.askNs[entry] = NEVER;
  }

  /** The entry of an address we want to send to, made when there is none; {@link NOT_NOW} or {@link NO_PLACE}. */
  locate(address: number): number {
    const nowNs = this.clock.nanoTime;
    let entry = this.find(address);
    if (entry < 0) {
      entry = this.place();
      if (entry < 0) {
        this.refusedCount++;
        return entry;
      }
      this.begin(entry, address);
    }
    this.usedNs[entry] = nowNs;
    if (nowNs > this.expiresNs[entry]!) this.ask(entry);
    return entry;
  }

  /** The entry of an address, or -1. */
  find(address: number): number {
    const table = this.table;
    for (let slot = hash(address); ; slot = (slot + 1) & TABLE_MASK) {
      const entry = table[slot]! - 1;
      if (entry < 0 || this.addresses[entry] === address) return entry;
    }
  }

  isResolved(entry: number): boolean {
    return this.states[entry] !== ASKED;
  }

  /** Whether an address is that of a neighbour which is known to be at a card. */
  isAt(address: number, macHigh: number, macLow: number): boolean {
    const entry = this.find(address);
    if (entry < 0 || this.states[entry] === ASKED) return false;
    return this.macHighs[entry] === macHigh && this.macLows[entry] === macLow;
  }

  /** True when the neighbour was asked for and stayed silent so long that it may not exist. */
  isSilent(entry: number): boolean {
    return this.states[entry] === ASKED && this.clock.nanoTime - this.sinceNs[entry]! >= WAIT_NS;
  }

  /** True when it is time to ask for this neighbour, at its own card where that is known; the caller then does. */
  takeRequest(entry: number): boolean {
    const nowNs = this.clock.nanoTime;
    if (nowNs < this.askNs[entry]!) return false;
    if (this.contests[entry] === UNCONTESTED) {
      this.askNs[entry] = nowNs + REQUEST_INTERVAL_NS;
      return true;
    }
    if (this.contests[entry] === CLAIMED) {
      this.contests[entry] = DEFENDING;
      this.expiresNs[entry] = nowNs + CONTEST_NS;
    }
    this.askNs[entry] = nowNs + CONTEST_REQUEST_INTERVAL_NS;
    return true;
  }

  macHigh(entry: number): number {
    return this.macHighs[entry]!;
  }

  macLow(entry: number): number {
    return this.macLows[entry]!;
  }

  /** Hears what somebody says to be an entry's address: {@link CONFIRMED}, {@link LEARNED} or {@link CLAIM}. */
  learn(entry: number, macHigh: number, macLow: number): number {
    const state = this.states[entry]!;
    const isSame = this.macHighs[entry] === macHigh && this.macLows[entry] === macLow;
    if (state !== ASKED && !isSame) {
      this.claimCount++;
      if (state === KNOWN && this.contests[entry] === UNCONTESTED) {
        this.contests[entry] = CLAIMED;
        this.askNs[entry] = this.clock.nanoTime;
      }
      return CLAIM;
    }
    if (state === STATIC) return CONFIRMED;
    if (state === ASKED && !isSame && (this.macHighs[entry] !== 0 || this.macLows[entry] !== 0)) {
      this.movedCount++;
    }
    this.adopt(entry, macHigh, macLow);
    return state === ASKED ? LEARNED : CONFIRMED;
  }

  /** The address is right, and new, or right still. */
  private adopt(entry: number, macHigh: number, macLow: number): void {
    const nowNs = this.clock.nanoTime;
    if (this.states[entry] === ASKED) this.version++;
    this.macHighs[entry] = macHigh;
    this.macLows[entry] = macLow;
    this.states[entry] = KNOWN;
    this.contests[entry] = UNCONTESTED;
    this.expiresNs[entry] = nowNs + NEIGHBOUR_LIFETIME_NS;
    this.askNs[entry] = nowNs + REFRESH_AGE_NS;
  }

  /** The neighbour has to be asked for, now. */
  private ask(entry: number): void {
    const nowNs = this.clock.nanoTime;
    if (this.states[entry] === KNOWN) this.version++;
    this.states[entry] = ASKED;
    this.contests[entry] = UNCONTESTED;
    this.sinceNs[entry] = nowNs;
    this.askNs[entry] = nowNs;
    this.expiresNs[entry] = NEVER;
  }

  private begin(entry: number, address: number): number {
    this.addresses[entry] = retainAddress(address);
    this.macHighs[entry] = 0;
    this.macLows[entry] = 0;
    this.states[entry] = ASKED;
    this.ask(entry);
    this.rebuildTable();
    return entry;
  }

  /** A place for a new entry. */
  private place(): number {
    if (!this.newLimit.take()) return NOT_NOW;
    if (this.size < CAPACITY) return this.size++;
    const nowNs = this.clock.nanoTime;
    let victim = NO_PLACE;
    for (let i = 0; i < CAPACITY; i++) {
      if (this.states[i] === STATIC || (this.states[i] === KNOWN && nowNs - this.usedNs[i]! < UNUSED_NS))
        continue;
      if (victim < 0 || this.goesBefore(i, victim)) victim = i;
    }
    if (victim < 0) return NO_PLACE;
    releaseAddress(this.addresses[victim]!);
    this.evictedCount++;
    this.version++;
    return victim;
  }

  private goesBefore(a: number, b: number): boolean {
    const stateA = this.states[a]!;
    if (stateA !== this.states[b]) return stateA === ASKED;
    const times = stateA === ASKED ? this.sinceNs : this.usedNs;
    return times[a]! < times[b]!;
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
