/** Looks at the counters, the errors and the files of a driver. */
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { ErrorCode } from '../../src/cnc/error-codes.ts';
import { COUNTER_ALLOCATED, COUNTER_UNUSED, CountersReader } from '../../src/concurrent/counters.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import type { DriverActor } from './driver-actor.ts';
import { DIRECTORY } from './driver-actor.ts';
import { check } from './failure.ts';
import type { SentCounts } from './wire-check.ts';

/** These never go back while the stream lasts. */
const POSITIONS: readonly number[] = [
  CounterType.SENDER_POSITION,
  CounterType.SENDER_LIMIT,
  CounterType.RECEIVER_HWM,
  CounterType.RECEIVER_POSITION,
  CounterType.SUBSCRIBER_POSITION,
];
/**
 * Who joins a group that waits for its slowest may allow less than was allowed before; and where spies were followed
 * because nobody else was there, they are at less than the last receiver allowed.
 */
const MOVABLE_LIMIT = /fc=min|ssc=true/;
/** A client that was given up, and does not know yet, closes what is closed. */
const UNKNOWN: readonly number[] = [ErrorCode.UNKNOWN_SUBSCRIPTION, ErrorCode.UNKNOWN_PUBLICATION];
/** Counters of a driver without streams. */
const OF_DRIVERS: readonly number[] = [CounterType.SYSTEM, CounterType.NETWORK_AGENT];
/** Files of a driver without streams: cnc.dat and loss-report.dat. */
const IDLE_FILES = 2;

export class DriverCheck {
  private readonly actor: DriverActor;
  private readonly cnc: CncFile;
  private readonly counters: CountersReader;
  private readonly last: Map<string, number> = new Map();
  /** A counter may become that of another image of the same subscription. */
  private readonly labels: Map<string, string> = new Map();

  constructor(actor: DriverActor) {
    this.actor = actor;
    this.cnc = CncFile.map(DIRECTORY, actor.machine.files);
    this.counters = new CountersReader(this.cnc.countersMetadata, this.cnc.countersValues);
  }

  /** Positions only grow; what was received is not ahead of what was announced. */
  checkPositions(): void {
    const { counters, last } = this;
    const received = new Map<number, number>();
    const announced = new Map<number, number>();
    for (let id = 0; id <= counters.maxCounterId; id++) {
      const state = counters.state(id);
      if (state === COUNTER_UNUSED) break;
      const typeId = counters.typeId(id);
      if (state !== COUNTER_ALLOCATED || !POSITIONS.includes(typeId)) continue;
      const registrationId = counters.registrationId(id);
      const value = counters.value(id);
      const key = `${id} ${registrationId} ${typeId}`;
      let before = last.get(key) ?? 0;
      if (value < before && counters.label(id) !== this.labels.get(key)) before = 0;
      if (typeId === CounterType.SENDER_LIMIT && MOVABLE_LIMIT.test(counters.label(id))) continue;
      if (before === 0) this.labels.set(key, counters.label(id));
      check(value >= before, () => `${this.actor.name}: ${counters.label(id)} was ${before} and is ${value}`);
      last.set(key, value);
      if (typeId === CounterType.RECEIVER_HWM) announced.set(registrationId, value);
      if (typeId === CounterType.RECEIVER_POSITION) received.set(registrationId, value);
    }
    for (const [id, position] of received) {
      const hwm = announced.get(id);
      check(
        hwm === undefined || position <= hwm,
        () => `${this.actor.name}: rcv-pos ${position} of image ${id} is beyond its rcv-hwm ${hwm}`,
      );
    }
  }

  /** What the driver counted is what the wire has shown. Only for sockets: a card also sends what is not Aeron's. */
  checkTraffic(sent: SentCounts): void {
    this.checkCounter(SystemCounter.NAK_MESSAGES_SENT, sent.naks);
    this.checkCounter(SystemCounter.STATUS_MESSAGES_SENT, sent.statusMessages);
    // As official drivers do, one counts that was not accepted.
    const shortSends = this.actor.counted('shortSends');
    if (shortSends === 0) this.checkCounter(SystemCounter.HEARTBEATS_SENT, sent.heartbeats);
    this.checkCounter(SystemCounter.RETRANSMITTED_BYTES, sent.retransmittedBytes);
    this.checkCounter(SystemCounter.BYTES_SENT, this.actor.counted('bytesSent'));
    this.checkCounter(SystemCounter.BYTES_RECEIVED, this.actor.counted('bytesReceived'));
    this.checkCounter(SystemCounter.SHORT_SENDS, shortSends);
  }

  /** Defects that a driver survives are in its error log. A port that is not free yet is none: see who asked for it. */
  checkErrors(): void {
    const { region, offset, length } = this.cnc.errorLog;
    readErrorLog(region, offset, length, ({ text }) => {
      const isOfLostClient =
        UNKNOWN.some((code) => text.startsWith(`(${code})`)) &&
        this.counters.value(SystemCounter.CLIENT_TIMEOUTS) > 0;
      const isOfPort = text.includes('EADDRINUSE: ');
      check(isOfLostClient || isOfPort, () => `${this.actor.name} logged an error: ${text}`);
    });
  }

  /** What of clients and streams is left, or null. */
  leftover(): string | null {
    const isSavedLog = (path: string): boolean => path.endsWith('-error.log');
    const paths = this.actor.machine.files.paths().filter((path) => !isSavedLog(path));
    if (paths.length > IDLE_FILES) return `${this.actor.name} still has ${paths.join(', ')}`;
    const { counters } = this;
    for (let id = 0; id <= counters.maxCounterId; id++) {
      const state = counters.state(id);
      if (state === COUNTER_UNUSED) break;
      if (state === COUNTER_ALLOCATED && !OF_DRIVERS.includes(counters.typeId(id))) {
        return `${this.actor.name} still counts ${counters.label(id)}`;
      }
    }
    const mapped = counters.value(SystemCounter.BYTES_CURRENTLY_MAPPED);
    const { byteCount } = this.actor.machine.files;
    return mapped === byteCount
      ? null
      : `${this.actor.name} says that ${mapped} bytes are mapped: it has ${byteCount}`;
  }

  close(): void {
    this.cnc.close();
  }

  private checkCounter(id: number, expected: number): void {
    const value = this.counters.value(id);
    check(
      value === expected,
      () => `${this.actor.name}: ${this.counters.label(id)} is ${value}, seen were ${expected}`,
    );
  }
}
