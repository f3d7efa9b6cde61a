// hot
import type { Clock } from '../concurrent/clock.ts';
import { AeronError } from '../util/errors.ts';
import { Prng } from '../util/prng.ts';
import { CHANGE_TO_EXCLUDE, CHANGE_TO_INCLUDE, MODE_IS_EXCLUDE } from './igmp.ts';

/** Groups that a stack is in at a time. */
export const GROUPS_MAX = 64;

/** What a group is due to say, as the record type of version 3; 0: nothing. */
const NOTHING = 0;
/** RFC 3376, 8.1: state changes are said so often, because a datagram may be lost. */
const ROBUSTNESS = 2;
/** Between two times that a change is said: RFC 3376, 8.11, and RFC 2236, 8.10. */
const V3_REPORT_INTERVAL_NS = 1e9;
const V2_REPORT_INTERVAL_NS = 10e9;
/** RFC 3376, 8.12: after a query of an older version its language is spoken for as long. */
const OLDER_QUERIER_TIMEOUT_NS = 260e9;
const TENTH_OF_SECOND_NS = 1e8;

/** Sends what {@link GroupMembership} has to say, in the words of IGMP or MLD. */
export interface ReportSender {
  /** Writes record number `index` of the report that {@link sendRecords} sends. */
  writeRecord(index: number, type: number, group: number): void;
  /** Sends the first `count` records in one message of version 3. Returns false when there is no room for it now. */
  sendRecords(count: number): boolean;
  /** Says of one group, in version 1 or 2, that we are in it or leave it. Returns false when there is no room now. */
  sendGroup(group: number, isLeaving: boolean, version: number): boolean;
}

/**
 * The host's side of IGMP, and of MLD, whose versions 1 and 2 are what IGMP calls 2 and 3: which groups the stack is in, and
 * what routers and switches are told of it. Speaks version 3, and 2 or 1 for a while after a router did. Sources do not
 * matter here: a member takes everybody's datagrams.
 */
export class GroupMembership {
  /** When {@link report} has something to say. */
  dueNs: number = Number.POSITIVE_INFINITY;
  /** Reports that another host's made unnecessary. */
  suppressedCount = 0;
  /** Groups of the stack, those that are being left included. */
  count = 0;
  readonly groups: Int32Array = new Int32Array(GROUPS_MAX);
  private readonly users: Int32Array = new Int32Array(GROUPS_MAX);
  private readonly pending: Uint8Array = new Uint8Array(GROUPS_MAX);
  /** Times that a change is still to be said after the next one. */
  private readonly repeats: Uint8Array = new Uint8Array(GROUPS_MAX);
  private readonly duesNs: Float64Array = new Float64Array(GROUPS_MAX);
  private readonly clock: Clock;
  private readonly prng: Prng;
  private v1UntilNs: number = Number.NEGATIVE_INFINITY;
  private v2UntilNs: number = Number.NEGATIVE_INFINITY;

  /** Everybody is there: that is not said. */
  private readonly everybody: number;

  /** Hosts with different seeds answer at different times. `everybody` is the group that all hosts are in. */
  constructor(clock: Clock, seed: number, everybody: number) {
    this.clock = clock;
    this.everybody = everybody;
    this.prng = new Prng(seed);
  }

  /** The version of IGMP that is spoken now. */
  get version(): number {
    if (this.clock.nanoTime < this.v1UntilNs) return 1;
    return this.clock.nanoTime < this.v2UntilNs ? 2 : 3;
  }

  isMember(group: number): boolean {
    const index = this.indexOf(group);
    return index >= 0 && this.users[index]! > 0;
  }

  /** One more wants the group. Throws AeronError `ENOBUFS` when there are too many groups. Cold. */
  join(group: number): void {
    let index = this.indexOf(group);
    if (index < 0) {
      if (this.count === GROUPS_MAX) {
        throw new AeronError(
          'ENOBUFS',
          `the DPDK port is in ${GROUPS_MAX} multicast groups already. Close some, or use fewer groups with more streams.`,
        );
      }
      index = this.count++;
      this.groups[index] = group;
      this.users[index] = 0;
    }
    if (this.users[index]!++ === 0) this.announce(index, CHANGE_TO_EXCLUDE);
  }

  /** One who wanted the group does not any more. Cold. */
  leave(group: number): void {
    const index = this.indexOf(group);
    if (index >= 0 && --this.users[index]! === 0) this.announce(index, CHANGE_TO_INCLUDE);
  }

  /** Says everything again: the link came up. Cold. */
  announceAll(): void {
    for (let i = 0; i < this.count; i++) if (this.users[i]! > 0) this.announce(i, CHANGE_TO_EXCLUDE);
  }

  /** A router asks who is in `group`; 0: in any. `responseTime` is in tenths of a second. */
  onQuery(group: number, version: number, responseTime: number): void {
    const nowNs = this.clock.nanoTime;
    if (version === 1) this.v1UntilNs = nowNs + OLDER_QUERIER_TIMEOUT_NS;
    if (version === 2) this.v2UntilNs = nowNs + OLDER_QUERIER_TIMEOUT_NS;
    const maxDelayNs = responseTime * TENTH_OF_SECOND_NS;
    // In version 3 one report answers for all groups, in older ones each has its own, at its own time.
    let delayNs = this.prng.nextFraction() * maxDelayNs;
    for (let i = 0; i < this.count; i++) {
      if (this.users[i] === 0 || (group !== 0 && this.groups[i] !== group)) continue;
      if (this.version < 3) delayNs = this.prng.nextFraction() * maxDelayNs;
      if (this.pending[i] === NOTHING) {
        this.pending[i] = MODE_IS_EXCLUDE;
        this.duesNs[i] = nowNs + delayNs;
      } else if (this.duesNs[i]! > nowNs + delayNs) {
        this.duesNs[i] = nowNs + delayNs;
      }
    }
    this.findDue();
  }

  /** Another host says that it is in `group`, in version 1 or 2. Returns whether that will do for a report that is due. */
  onReport(group: number): boolean {
    const index = this.indexOf(group);
    if (index < 0 || this.version === 3 || this.users[index] === 0 || this.pending[index] === NOTHING)
      return false;
    this.pending[index] = NOTHING;
    this.suppressedCount++;
    this.findDue();
    return true;
  }

  /** Says what is due. Returns the number of messages sent. */
  report(sender: ReportSender): number {
    return this.version === 3 ? this.reportAll(sender) : this.reportEach(sender);
  }

  /** Version 3: a record for each group, in one message. */
  private reportAll(sender: ReportSender): number {
    const nowNs = this.clock.nanoTime;
    let records = 0;
    for (let i = 0; i < this.count; i++) {
      if (this.pending[i] === NOTHING || this.duesNs[i]! > nowNs) continue;
      sender.writeRecord(records++, this.pending[i]!, this.groups[i]!);
    }
    if (!sender.sendRecords(records)) return 0;
    for (let i = this.count - 1; i >= 0; i--) {
      if (this.pending[i] !== NOTHING && this.duesNs[i]! <= nowNs) this.onSaid(i, V3_REPORT_INTERVAL_NS);
    }
    this.findDue();
    return 1;
  }

  /** Versions 1 and 2: a message for each group, to the group itself, so that its other members hear it. */
  private reportEach(sender: ReportSender): number {
    const nowNs = this.clock.nanoTime;
    const { version } = this;
    let sent = 0;
    for (let i = this.count - 1; i >= 0; i--) {
      if (this.pending[i] === NOTHING || this.duesNs[i]! > nowNs) continue;
      const isLeaving = this.pending[i] === CHANGE_TO_INCLUDE;
      if (!isLeaving || version > 1) {
        if (!sender.sendGroup(this.groups[i]!, isLeaving, version)) break;
        sent++;
      }
      if (isLeaving) this.repeats[i] = 0;
      this.onSaid(i, V2_REPORT_INTERVAL_NS);
    }
    this.findDue();
    return sent;
  }

  private announce(index: number, change: number): void {
    if (this.groups[index] === this.everybody) {
      if (this.users[index] === 0) this.remove(index);
      return;
    }
    this.pending[index] = change;
    this.repeats[index] = ROBUSTNESS - 1;
    this.duesNs[index] = this.clock.nanoTime;
    this.findDue();
  }

  /** What was due is said. A change is said again, an answer is not; then a group that was left is forgotten. */
  private onSaid(index: number, intervalNs: number): void {
    if (this.pending[index] !== MODE_IS_EXCLUDE && this.repeats[index]! > 0) {
      this.repeats[index]!--;
      this.duesNs[index] = this.clock.nanoTime + this.prng.nextFraction() * intervalNs;
    } else if (this.users[index] === 0) {
      this.remove(index);
    } else {
      this.pending[index] = NOTHING;
    }
  }

  private remove(index: number): void {
    const last = --this.count;
    this.groups[index] = this.groups[last]!;
    this.users[index] = this.users[last]!;
    this.pending[index] = this.pending[last]!;
    this.repeats[index] = this.repeats[last]!;
    this.duesNs[index] = this.duesNs[last]!;
    this.pending[last] = NOTHING;
  }

  private findDue(): void {
    this.dueNs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.count; i++) {
      if (this.pending[i] !== NOTHING && this.duesNs[i]! < this.dueNs) this.dueNs = this.duesNs[i]!;
    }
  }

  private indexOf(group: number): number {
    const groups = this.groups;
    for (let i = 0; i < this.count; i++) if (groups[i] === group) return i;
    return -1;
  }
}
