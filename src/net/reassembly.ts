// hot
import type { Clock } from '../concurrent/clock.ts';
import { CopyBurst } from '../memory/copy-burst.ts';
import { Region } from '../memory/region.ts';
import { isIpv6, releaseAddress, retainAddress } from '../util/ip-address.ts';
import {
  IPV4_REASSEMBLED,
  IPV4_REASSEMBLIES_EVICTED,
  IPV4_REASSEMBLIES_REFUSED,
  IPV4_REASSEMBLY_TIMEOUTS,
  IPV6_REASSEMBLED,
  RX_FRAMES,
} from './net-statistics.ts';

/** Datagrams that are put together at a time, and those of them that one source may have before it loses its own. */
export const SLOTS = 32;
const SLOTS_PER_SOURCE = SLOTS / 2;
/** A packet is no longer, so its payload is not either. */
const SLOT_LENGTH = 1 << 16;
/** Longest payload behind the shortest header, which is in the length of IPv4 and is not in that of IPv6. */
const IPV4_PAYLOAD_LENGTH_MAX = 65_535 - 20;
const IPV6_PAYLOAD_LENGTH_MAX = 65_535;
/** From what is counted of IPv4 to the same of IPv6. */
const IPV6_COUNTERS: number = IPV6_REASSEMBLED - IPV4_REASSEMBLED;
/** Offsets of fragments count in blocks of eight bytes; a word of the map has 32 of them. */
const BLOCK_SHIFT = 3;
const WORDS_PER_SLOT = SLOT_LENGTH >> (BLOCK_SHIFT + 5);

/**
 * How long a datagram's fragments are waited for. RFC 1122 says 60 s or more, for the networks of its time: identifications
 * come round after 65,536 datagrams (RFC 4963), which takes a fast sender less than a second, and what is lost is sent again.
 */
export const REASSEMBLY_TIMEOUT_NS = 500e6;

/** What a slot is: free; some fragments are there; whatever comes is dropped until it times out; whole, and lent out. */
const FREE = 0;
const OPEN = 1;
const REFUSED = 2;
const WHOLE = 3;

/** What {@link Reassembly.add} says of a fragment that completes nothing. */
export const INCOMPLETE = -1;

/**
 * Puts fragments of datagrams together, of IPv4 and IPv6, in memory that is there from the start: {@link SLOTS} datagrams of any
 * length. It grows with nothing that arrives; when all slots are taken the oldest datagram goes, and of a source that has half of
 * them its own oldest. Fragments that overlap, contradict each other or reach too far make the whole datagram refused, as
 * RFC 5722 asks of IPv6: no sender makes such. A fragment that is there already is ignored.
 */
export class Reassembly {
  readonly region: Region = Region.allocate(SLOTS * SLOT_LENGTH);
  private readonly clock: Clock;
  private readonly statistics: Float64Array;
  private readonly copies: CopyBurst = new CopyBurst(1);
  private readonly states: Uint8Array = new Uint8Array(SLOTS);
  private readonly sources: Int32Array = new Int32Array(SLOTS);
  private readonly destinations: Int32Array = new Int32Array(SLOTS);
  private readonly identifications: Int32Array = new Int32Array(SLOTS);
  private readonly sinceNs: Float64Array = new Float64Array(SLOTS);
  /** Of the payload, from the last fragment; -1 until that came. */
  private readonly lengths: Int32Array = new Int32Array(SLOTS);
  /** How far fragments reach that came, and how many bytes they have. */
  private readonly ends: Int32Array = new Int32Array(SLOTS);
  private readonly receivedLengths: Int32Array = new Int32Array(SLOTS);
  /** Of a whole datagram, the burst that completed it: its memory is the listener's until the next one. */
  private readonly bursts: Float64Array = new Float64Array(SLOTS);
  /** A bit for each block that is there. */
  private readonly blocks: Int32Array = new Int32Array(SLOTS * WORDS_PER_SLOT);

  constructor(clock: Clock, statistics: Float64Array) {
    this.clock = clock;
    this.statistics = statistics;
  }

  /**
   * Adds `length` bytes of a datagram's payload, which lie at `from` of a region and belong at `offset`. Returns the slot of the
   * datagram when it is whole, or {@link INCOMPLETE}.
   */
  add(
    source: number,
    destination: number,
    identification: number,
    handle: number,
    from: number,
    length: number,
    offset: number,
    isLast: boolean,
  ): number {
    let slot = this.find(source, destination, identification);
    if (slot < 0) slot = this.begin(source, destination, identification);
    if (slot < 0 || this.states[slot] === REFUSED) return INCOMPLETE;
    const end = offset + length;
    const known = this.lengths[slot]!;
    const fits =
      length > 0 &&
      end <= (isIpv6(source) ? IPV6_PAYLOAD_LENGTH_MAX : IPV4_PAYLOAD_LENGTH_MAX) &&
      (isLast || (length & 7) === 0) &&
      (known < 0 ? !isLast || end >= this.ends[slot]! : isLast ? end === known : end <= known);
    const present = fits ? this.present(slot, offset, length) : 0;
    const blocks = (length + 7) >> BLOCK_SHIFT;
    if (!fits || (present > 0 && present < blocks)) {
      this.refuse(slot);
      return INCOMPLETE;
    }
    if (present === blocks) return INCOMPLETE;
    this.mark(slot, offset, length);
    if (isLast) this.lengths[slot] = end;
    if (end > this.ends[slot]!) this.ends[slot] = end;
    this.receivedLengths[slot]! += length;
    this.copies.add(this.region.handle, slot * SLOT_LENGTH + offset, handle, from, length);
    this.copies.copy();
    if (this.receivedLengths[slot] !== this.lengths[slot]) return INCOMPLETE;
    this.states[slot] = WHOLE;
    this.bursts[slot] = this.burst;
    this.count(slot, IPV4_REASSEMBLED);
    return slot;
  }

  /** Where the payload of a whole datagram lies in {@link region}, until the next burst. */
  offset(slot: number): number {
    return slot * SLOT_LENGTH;
  }

  length(slot: number): number {
    return this.lengths[slot]!;
  }

  close(): void {
    for (let slot = 0; slot < SLOTS; slot++) this.name(slot, 0, 0, 0);
    this.copies.close();
    this.region.close();
  }

  /** A number that stays within a burst and changes with it: frames are counted when all of a burst have been looked at. */
  private get burst(): number {
    return this.statistics[RX_FRAMES]!;
  }

  private find(source: number, destination: number, identification: number): number {
    const { states, sources, destinations, identifications } = this;
    for (let i = 0; i < SLOTS; i++) {
      if (
        identifications[i] === identification &&
        sources[i] === source &&
        destinations[i] === destination &&
        (states[i] === OPEN || states[i] === REFUSED)
      ) {
        if (this.clock.nanoTime - this.sinceNs[i]! < REASSEMBLY_TIMEOUT_NS) return i;
        this.timeOut(i);
        return -1;
      }
    }
    return -1;
  }

  /** Takes a slot for a new datagram, somebody else's if need be; -1 when all are lent out. */
  private begin(source: number, destination: number, identification: number): number {
    const { states, sinceNs } = this;
    const nowNs = this.clock.nanoTime;
    const { burst } = this;
    let free = -1;
    let oldest = -1;
    let oldestOfSource = -1;
    let ofSource = 0;
    for (let i = 0; i < SLOTS; i++) {
      if (states[i] === WHOLE && this.bursts[i] !== burst) states[i] = FREE;
      if (states[i] === OPEN || states[i] === REFUSED) {
        if (nowNs - sinceNs[i]! >= REASSEMBLY_TIMEOUT_NS) {
          this.timeOut(i);
        } else {
          if (oldest < 0 || sinceNs[i]! < sinceNs[oldest]!) oldest = i;
          if (this.sources[i] === source) {
            ofSource++;
            if (oldestOfSource < 0 || sinceNs[i]! < sinceNs[oldestOfSource]!) oldestOfSource = i;
          }
        }
      }
      if (states[i] === FREE) free = i;
    }
    const slot = ofSource >= SLOTS_PER_SOURCE ? oldestOfSource : free >= 0 ? free : oldest;
    if (slot < 0) {
      this.statistics[
        isIpv6(source) ? IPV4_REASSEMBLIES_EVICTED + IPV6_COUNTERS : IPV4_REASSEMBLIES_EVICTED
      ]!++;
      return -1;
    }
    if (slot !== free) this.count(slot, IPV4_REASSEMBLIES_EVICTED);
    states[slot] = OPEN;
    sinceNs[slot] = nowNs;
    this.name(slot, source, destination, identification);
    this.lengths[slot] = -1;
    this.ends[slot] = 0;
    this.receivedLengths[slot] = 0;
    const first = slot * WORDS_PER_SLOT;
    this.blocks.fill(0, first, first + WORDS_PER_SLOT);
    return slot;
  }

  /** Whose fragments a slot is for. Addresses keep their numbers until it is another's, whatever strangers send. */
  private name(slot: number, source: number, destination: number, identification: number): void {
    releaseAddress(this.sources[slot]!);
    releaseAddress(this.destinations[slot]!);
    this.sources[slot] = retainAddress(source);
    this.destinations[slot] = retainAddress(destination);
    this.identifications[slot] = identification;
  }

  private timeOut(slot: number): void {
    // What was refused has been counted as that.
    if (this.states[slot] === OPEN) this.count(slot, IPV4_REASSEMBLY_TIMEOUTS);
    this.states[slot] = FREE;
  }

  private refuse(slot: number): void {
    this.states[slot] = REFUSED;
    this.count(slot, IPV4_REASSEMBLIES_REFUSED);
  }

  /** Counts what became of a slot's datagram, by its family. */
  private count(slot: number, counter: number): void {
    this.statistics[isIpv6(this.sources[slot]!) ? counter + IPV6_COUNTERS : counter]!++;
  }

  /** How many of the blocks of a range are there. */
  private present(slot: number, offset: number, length: number): number {
    const blocks = this.blocks;
    const first = slot * WORDS_PER_SLOT;
    const end = (offset + length + 7) >> BLOCK_SHIFT;
    let count = 0;
    for (let block = offset >> BLOCK_SHIFT; block < end; block++) {
      count += (blocks[first + (block >> 5)]! >>> (block & 31)) & 1;
    }
    return count;
  }

  private mark(slot: number, offset: number, length: number): void {
    const blocks = this.blocks;
    const first = slot * WORDS_PER_SLOT;
    const end = (offset + length + 7) >> BLOCK_SHIFT;
    for (let block = offset >> BLOCK_SHIFT; block < end; block++) {
      blocks[first + (block >> 5)]! |= 1 << (block & 31);
    }
  }
}
