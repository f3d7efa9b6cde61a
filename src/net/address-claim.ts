// hot
import type { Clock } from '../concurrent/clock.ts';
import { ARP_CONFLICTS, ARP_DEFENCES } from './net-statistics.ts';

/** RFC 5227 has one to two seconds, for slow networks; hosts of a machine room answer in microseconds. */
export const PROBE_INTERVAL_NS = 100e6;
/** RFC 5227, 1.1, DEFEND_INTERVAL: an address that another claims is defended so often at most. */
export const DEFEND_INTERVAL_NS = 10e9;

/** Whether the address is ours: the link is down; it is being asked for; it is. */
const UNCLAIMED = 0;
const PROBING = 1;
const HELD = 2;

/** Sends what {@link AddressClaim} has to say. */
export interface AddressClaimSender {
  /** Asks whether anybody has an address of ours, without saying that we do. */
  probe(address: number): void;
  /** Says that we have it. */
  announce(address: number): void;
}

/** Hears of other cards that have our address. Cold. */
export interface ConflictListener {
  onAddressConflict(address: number, macHigh: number, macLow: number): void;
}

/**
 * RFC 5227: when the link comes up our address is asked for a few times, and announced when nobody has it. Later whoever claims
 * it is answered with an announcement, once in ten seconds, so that two hosts with one address do not fill the network.
 * The address was configured, so it is not given up.
 */
export class AddressClaim {
  /** Null: nobody wants to know. */
  listener: ConflictListener | null = null;
  readonly address: number;
  private readonly probes: number;
  private readonly sender: AddressClaimSender;
  private readonly statistics: Float64Array;
  private readonly clock: Clock;
  private state = UNCLAIMED;
  private probesSent = 0;
  private hasConflict = false;
  private nextNs = 0.5;
  private defendedNs = -1e18;

  /** @param probes - How often the address is asked for; 0: it is announced at once. */
  constructor(
    address: number,
    probes: number,
    sender: AddressClaimSender,
    statistics: Float64Array,
    clock: Clock,
  ) {
    this.address = address;
    this.probes = probes;
    this.sender = sender;
    this.statistics = statistics;
    this.clock = clock;
  }

  /** True from the moment the link comes up until the last question has had its time. */
  get isProbing(): boolean {
    return this.state === PROBING;
  }

  /** The link came up. */
  start(): void {
    this.hasConflict = false;
    if (this.probes === 0) {
      this.state = HELD;
      this.sender.announce(this.address);
      return;
    }
    this.state = PROBING;
    this.probesSent = 0;
    this.nextNs = this.clock.nanoTime;
    this.doWork();
  }

  /** Asks or announces what is due. Called now and then. */
  doWork(): void {
    const nowNs = this.clock.nanoTime;
    if (this.state !== PROBING || nowNs < this.nextNs) return;
    if (this.probesSent < this.probes) {
      this.probesSent++;
      this.nextNs = nowNs + PROBE_INTERVAL_NS;
      this.sender.probe(this.address);
      return;
    }
    this.state = HELD;
    // Who announces an address that is another's takes its traffic away.
    if (!this.hasConflict) this.sender.announce(this.address);
  }

  /** Another card says that it has our address, or wants it. */
  onConflict(macHigh: number, macLow: number): void {
    this.statistics[ARP_CONFLICTS]!++;
    this.hasConflict = true;
    const nowNs = this.clock.nanoTime;
    if (nowNs - this.defendedNs < DEFEND_INTERVAL_NS) return;
    this.defendedNs = nowNs;
    if (this.state === HELD) {
      this.statistics[ARP_DEFENCES]!++;
      this.sender.announce(this.address);
    }
    this.listener?.onAddressConflict(this.address, macHigh, macLow);
  }
}
