// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import { DatagramBurst, type Endpoint, type Transport } from '../../transport/transport.ts';
import { releaseAddress, retainAddress } from '../../util/ip-address.ts';
import type { AgentContext } from '../agent-context.ts';
import type { FrameSender } from '../frame-sender.ts';

/** Bounds what forged status messages can add. */
const CAPACITY = 1024;
/** A destination not heard of for so long is gone, or may have moved. */
const SILENCE_NS = 5_000_000_000;
/** A destination that takes nothing for so long does not hold up the others any longer. */
const STALL_NS = 10_000_000;

/**
 * Where an endpoint sends to when it has several receivers. They are told (manual), or found by their status messages and
 * forgotten when these stop (dynamic).
 *
 * Every destination gets every datagram once and in order. What the transport did not take of a burst is sent before
 * the next one; the first destination of a burst changes each time, so that none is always the last.
 */
export class Destinations {
  count = 0;
  readonly isManual: boolean;
  private readonly context: AgentContext;
  private readonly clock: Clock;
  private readonly transport: Transport;
  private readonly endpointId: number;
  private readonly counter: AtomicCounter;
  private readonly addresses: Int32Array = new Int32Array(CAPACITY);
  private readonly ports: Int32Array = new Int32Array(CAPACITY);
  private readonly receiverIdsLow: Int32Array = new Int32Array(CAPACITY);
  private readonly receiverIdsHigh: Int32Array = new Int32Array(CAPACITY);
  private readonly hasReceiverId: Uint8Array = new Uint8Array(CAPACITY);
  private readonly isStalled: Uint8Array = new Uint8Array(CAPACITY);
  private readonly timesNs: Float64Array = new Float64Array(CAPACITY);
  /** Correlation ids of the commands that told the destinations. */
  private readonly ids: Float64Array = new Float64Array(CAPACITY);
  /** What is left of a burst, for destination {@link turn} from {@link first} on and those after it. */
  private readonly backlog: DatagramBurst = new DatagramBurst();
  private readonly rest: DatagramBurst = new DatagramBurst();
  private restStart = 0;
  private first = 0;
  private turn = 0;
  private timeOfStallNs = Number.NaN;

  constructor(
    context: AgentContext,
    transport: Transport,
    endpointId: number,
    isManual: boolean,
    counter: AtomicCounter,
  ) {
    this.context = context;
    this.clock = context.clock;
    this.transport = transport;
    this.endpointId = endpointId;
    this.isManual = isManual;
    this.counter = counter;
  }

  /** Adds a destination that the conductor tells; one whose address is 0 gets nothing. Cold. */
  add(id: number, address: number, port: number): void {
    if (!this.isManual || this.count === CAPACITY) return;
    this.append(id, address, port);
  }

  /** Cold. */
  remove(id: number): void {
    const index = this.ids.subarray(0, this.count).lastIndexOf(id);
    if (index < 0) return;
    this.removeAt(index);
    this.counter.set(this.count);
  }

  /** Cold. */
  move(id: number, address: number): void {
    const index = this.ids.subarray(0, this.count).indexOf(id);
    if (index < 0) return;
    releaseAddress(this.addresses[index]!);
    this.addresses[index] = retainAddress(address);
  }

  /** A log may go away: nothing of it is sent from now on. Cold. */
  dropBacklog(): void {
    this.backlog.clear();
  }

  /** Releases what the table has outside of JavaScript's memory. */
  close(): void {
    while (this.count > 0) releaseAddress(this.addresses[--this.count]!);
    this.backlog.region.close();
    this.rest.region.close();
  }

  /** A status message came, for whichever stream. */
  onStatusMessage(receiverIdLow: number, receiverIdHigh: number, address: number, port: number): void {
    let index = this.indexOf(receiverIdLow, receiverIdHigh, address, port);
    if (index < 0) {
      if (this.isManual || this.count === CAPACITY) return;
      index = this.append(-1, address, port);
    }
    this.hasReceiverId[index] = 1;
    this.receiverIdsLow[index] = receiverIdLow;
    this.receiverIdsHigh[index] = receiverIdHigh;
    this.timesNs[index] = this.clock.nanoTime;
  }

  /** The id of the destination that a receiver answers for, or -1. */
  idOf(receiverIdLow: number, receiverIdHigh: number, address: number, port: number): number {
    const index = this.indexOf(receiverIdLow, receiverIdHigh, address, port);
    return index < 0 ? -1 : this.ids[index]!;
  }

  /** Looks for destinations not heard of. Forgets them, or tells the conductor that they may have moved. */
  checkSilent(): void {
    const nowNs = this.clock.nanoTime;
    const countBefore = this.count;
    for (let i = countBefore - 1; i >= 0; i--) {
      if (nowNs <= this.timesNs[i]! + SILENCE_NS) continue;
      if (this.isManual) {
        this.timesNs[i] = nowNs;
        this.context.destinationSilent(this.endpointId, this.ids[i]!);
      } else {
        this.removeAt(i);
      }
    }
    if (this.count !== countBefore) this.counter.set(this.count);
  }

  /** Sends a burst to every destination. Returns its length, or 0 while something of an earlier one is left. */
  send(endpoint: Endpoint, burst: DatagramBurst): number {
    if (!this.drain(endpoint)) return 0;
    this.first = this.first + 1 < this.count ? this.first + 1 : 0;
    for (let turn = 0; turn < this.count; turn++) {
      const index = this.indexAt(turn);
      if (this.addresses[index] === 0) continue;
      const accepted = this.sendTo(endpoint, burst, index);
      if (accepted < burst.count && this.isStalled[index] === 0) {
        this.keep(burst, turn, accepted);
        break;
      }
    }
    return burst.count;
  }

  /** Sends a frame written to `frames`. Returns whether somebody took it. */
  sendFrame(endpoint: Endpoint, frames: FrameSender, offset: number, length: number): boolean {
    let isAccepted = false;
    for (let i = 0; i < this.count; i++) {
      const address = this.addresses[i]!;
      if (address !== 0 && frames.send(endpoint, offset, length, address, this.ports[i]!)) isAccepted = true;
    }
    return isAccepted;
  }

  /** Sends what is left of an earlier burst. Returns whether all of it is sent. */
  drain(endpoint: Endpoint): boolean {
    const backlog = this.backlog;
    while (backlog.count > 0) {
      if (this.turn >= this.count) {
        backlog.clear();
        break;
      }
      const index = this.indexAt(this.turn);
      if (this.addresses[index] !== 0 && this.isStalled[index] === 0 && !this.sendRest(endpoint, index)) {
        if (this.clock.nanoTime <= this.timeOfStallNs + STALL_NS) return false;
        this.isStalled[index] = 1;
      }
      this.turn++;
      this.restStart = 0;
      this.timeOfStallNs = this.clock.nanoTime;
    }
    return true;
  }

  private sendRest(endpoint: Endpoint, index: number): boolean {
    const { backlog, rest } = this;
    rest.clear();
    for (let i = this.restStart; i < backlog.count; i++) {
      rest.add(backlog.handleAt(i), backlog.offsetAt(i), backlog.lengthAt(i));
    }
    const accepted = this.sendTo(endpoint, rest, index);
    if (accepted > 0) this.timeOfStallNs = this.clock.nanoTime;
    this.restStart += accepted;
    return accepted === rest.count;
  }

  private sendTo(endpoint: Endpoint, burst: DatagramBurst, index: number): number {
    const accepted = this.transport.send(endpoint, burst, this.addresses[index]!, this.ports[index]!);
    if (accepted > 0) this.isStalled[index] = 0;
    return accepted;
  }

  private keep(burst: DatagramBurst, turn: number, accepted: number): void {
    const backlog = this.backlog;
    backlog.clear();
    for (let i = 0; i < burst.count; i++) {
      backlog.add(burst.handleAt(i), burst.offsetAt(i), burst.lengthAt(i));
    }
    this.turn = turn;
    this.restStart = accepted;
    this.timeOfStallNs = this.clock.nanoTime;
  }

  private indexAt(turn: number): number {
    const index = this.first + turn;
    return index < this.count ? index : index - this.count;
  }

  /** A receiver that is known by its id may answer from another address of its machine. */
  private indexOf(idLow: number, idHigh: number, address: number, port: number): number {
    for (let i = 0; i < this.count; i++) {
      if (this.ports[i] !== port) continue;
      const isMatch =
        this.hasReceiverId[i] === 1
          ? this.receiverIdsLow[i] === idLow && this.receiverIdsHigh[i] === idHigh
          : this.addresses[i] === address;
      if (isMatch) return i;
    }
    return -1;
  }

  private append(id: number, address: number, port: number): number {
    const index = this.count++;
    this.ids[index] = id;
    this.addresses[index] = retainAddress(address);
    this.ports[index] = port;
    this.hasReceiverId[index] = 0;
    this.isStalled[index] = 0;
    this.timesNs[index] = this.clock.nanoTime;
    this.counter.set(this.count);
    this.restartTurns();
    return index;
  }

  private removeAt(index: number): void {
    const last = --this.count;
    releaseAddress(this.addresses[index]!);
    this.ids[index] = this.ids[last]!;
    this.addresses[index] = this.addresses[last]!;
    this.ports[index] = this.ports[last]!;
    this.hasReceiverId[index] = this.hasReceiverId[last]!;
    this.receiverIdsLow[index] = this.receiverIdsLow[last]!;
    this.receiverIdsHigh[index] = this.receiverIdsHigh[last]!;
    this.isStalled[index] = this.isStalled[last]!;
    this.timesNs[index] = this.timesNs[last]!;
    this.restartTurns();
  }

  /** The table has changed under what is left of a burst: who misses it will ask for it. */
  private restartTurns(): void {
    this.backlog.clear();
    this.first = 0;
  }
}
