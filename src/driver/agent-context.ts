import { ErrorCode } from '../cnc/error-codes.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Clock } from '../concurrent/clock.ts';
import { LossReport } from '../concurrent/loss-report.ts';
import { Region } from '../memory/region.ts';
import {
  ERROR_CODE,
  ERROR_RECEIVER_ID,
  ERROR_SESSION_ID,
  ERROR_STREAM_ID,
  errorGroupTag,
  errorText,
} from '../protocol/error-frame.ts';
import { FLAGS } from '../protocol/frame.ts';
import {
  SETUP_ACTIVE_TERM_ID,
  SETUP_INITIAL_TERM_ID,
  SETUP_MTU,
  SETUP_SESSION_ID,
  SETUP_STREAM_ID,
  SETUP_TERM_LENGTH,
  SETUP_TERM_OFFSET,
  SETUP_TTL,
} from '../protocol/setup-frame.ts';
import { Prng } from '../util/prng.ts';
import { AgentCounters } from './agent-counters.ts';
import type { CongestionControl } from './congestion/congestion-control.ts';
import { type EventLog, openEventLog } from './event-log/event-log.ts';
import { Extensions } from './extensions/extensions.ts';
import type { CleanedLogs } from './log-cleaner.ts';
import type {
  ImageSpec,
  NetworkAgentConfig,
  NetworkEvent,
  NetworkPublicationSpec,
  SubscriberPosition,
} from './messages.ts';
import { PositionCounter } from './position-counter.ts';
import { InsertBurst } from './receiver/insert-burst.ts';
import { FixedNakDelay, MulticastNakDelay, type NakDelay } from './receiver/nak-delay.ts';
import type { Resender } from './sender/retransmit-handler.ts';
import { SendScratch } from './sender/send-scratch.ts';
import { SubscriberPositions } from './subscriber-positions.ts';

/** A conductor that is slow, or a flood of forged setups, must not fill its queue. Senders repeat theirs. */
const UNANSWERED_SETUPS_MAX = 64;

/** What every stream of one network agent shares, and what streams have to tell the conductor. Cold. */
export class AgentContext {
  readonly config: NetworkAgentConfig;
  readonly clock: Clock;
  readonly emit: (event: NetworkEvent) => void;
  readonly extensions: Extensions;
  /** Null: nothing is logged. */
  readonly eventLog: EventLog | null;
  readonly counters: AgentCounters;
  readonly lossReport: LossReport;
  readonly inserts: InsertBurst = new InsertBurst();
  readonly scratch: SendScratch = new SendScratch();
  readonly cleanedLogs: CleanedLogs = { length: 0 };
  private readonly multicastNakDelay: MulticastNakDelay;
  private unansweredSetups = 0;
  private readonly values: Region;

  /** `extensions`: what streams may be made with, beyond what the driver brings along. */
  constructor(
    config: NetworkAgentConfig,
    clock: Clock,
    emit: (event: NetworkEvent) => void,
    extensions: Extensions = new Extensions(),
  ) {
    this.extensions = extensions;
    const { eventLog } = config.extensions;
    this.eventLog = eventLog === undefined ? null : openEventLog(eventLog, clock);
    this.config = config;
    this.clock = clock;
    this.emit = emit;
    this.values = Region.adopt(config.cnc.buffer, config.cnc.handle);
    const lossReport = Region.adopt(config.lossReport.buffer, config.lossReport.handle);
    const { place, receiverIdLow, nakMulticastGroupSize, nakMulticastMaxBackoffNs } = config;
    const prng = new Prng(receiverIdLow);
    this.multicastNakDelay = new MulticastNakDelay(prng, nakMulticastGroupSize, nakMulticastMaxBackoffNs);
    if (place === null) {
      this.counters = new AgentCounters(this.values, config.countersValuesOffset);
      this.lossReport = new LossReport(lossReport, clock);
    } else {
      const { buffer, handle } = place.systemCounters;
      this.counters = new AgentCounters(Region.adopt(buffer, handle), 0);
      this.lossReport = new LossReport(lossReport, clock, new Int32Array(place.lossReportTail));
    }
  }

  counter(id: number): AtomicCounter {
    return new AtomicCounter(this.values, this.config.countersValuesOffset, id);
  }

  /** A position counter, set to `position`. */
  position(id: number, position: number): PositionCounter {
    const counter = new PositionCounter(this.values, this.config.countersValuesOffset, id);
    counter.value = position;
    counter.publish();
    return counter;
  }

  /** What changes the receiver window of an image; null: nothing does. */
  congestionControl(spec: ImageSpec): CongestionControl | null {
    const { congestionControl, sessionId, streamId, termLength, mtu, windowLength, congestion } = spec;
    if (congestionControl === undefined) return null;
    return this.extensions.get(
      'congestionControl',
      congestionControl,
    )({
      clock: this.clock,
      sessionId,
      streamId,
      termLength,
      mtu,
      windowLength,
      ...(congestion === undefined ? {} : { congestion }),
      counter: (id) => this.counter(id),
    });
  }

  /** The subscribers of a stream that starts at `startPosition`. */
  subscribers(startPosition: number): SubscriberPositions {
    return new SubscriberPositions(this.values, this.config.countersValuesOffset, startPosition);
  }

  /** How long an image waits with a NAK. */
  nakDelay({ isReliable, isGroup, nakDelayNs }: ImageSpec): NakDelay {
    if (!isReliable) return new FixedNakDelay(0, 0);
    if (isGroup) return this.multicastNakDelay;
    return new FixedNakDelay(nakDelayNs, nakDelayNs * this.config.nakRetryDelayRatio);
  }

  started(maxDatagramLength: number): void {
    this.emit({ kind: 'started', maxDatagramLength });
  }

  subscriberAdded(registrationId: number, counterId: number, joinPosition: number): void {
    this.emit({ kind: 'subscriberAdded', registrationId, counterId, joinPosition });
  }

  subscriberRefused(registrationId: number, counterId: number): void {
    this.emit({ kind: 'subscriberRefused', registrationId, counterId });
  }

  subscriberRemoved(counterId: number): void {
    this.emit({ kind: 'subscriberRemoved', counterId });
  }

  subscriberLeftBehind(registrationId: number, counterId: number): void {
    this.emit({ kind: 'subscriberLeftBehind', registrationId, counterId });
  }

  responseSetup(registrationId: number, responseSessionId: number): void {
    this.emit({ kind: 'responseSetup', registrationId, responseSessionId });
  }

  responseConnected(registrationId: number): void {
    this.emit({ kind: 'responseConnected', registrationId });
  }

  /** An untethered subscriber went from one state to another. */
  untetheredChanged(
    registrationId: number,
    { counterId, subscriptionId }: SubscriberPosition,
    from: string,
    to: string,
  ): void {
    const change = `${from} -> ${to}`;
    this.eventLog?.record('UNTETHERED_SUBSCRIPTION_STATE_CHANGE', {
      subscriptionId,
      counterId,
      registrationId,
      change,
    });
  }

  /** The sender of an image has revoked its publication. */
  imageRevoked({ sessionId, streamId, channel }: ImageSpec, revokedPosition: number): void {
    this.counters.publicationImagesRevoked.increment();
    this.eventLog?.record('PUBLICATION_IMAGE_REVOKE', { revokedPosition, sessionId, streamId, channel });
  }

  /** What sends again what was lost, and says so if that is wanted. */
  resender(next: Resender, { sessionId, streamId }: NetworkPublicationSpec): Resender {
    const { eventLog } = this;
    if (eventLog === null || !eventLog.logs('RESEND')) return next;
    return {
      resend: (termId, termOffset, length) => {
        eventLog.record('RESEND', { sessionId, streamId, termId, termOffset, length });
        next.resend(termId, termOffset, length);
      },
    };
  }

  streamUnavailable(registrationId: number): void {
    this.emit({ kind: 'streamUnavailable', registrationId });
  }

  streamReleased(registrationId: number): void {
    this.emit({ kind: 'streamReleased', registrationId });
  }

  /** False while the conductor still has so many setups to answer that more of them would only pile up. */
  get takesSetups(): boolean {
    return this.unansweredSetups < UNANSWERED_SETUPS_MAX;
  }

  /** The conductor answered a setup, with an image or without. */
  onSetupAnswered(): void {
    if (this.unansweredSetups > 0) this.unansweredSetups--;
  }

  /** A valid setup frame at `offset`, from a sender that somebody wants to hear. */
  setupReceived(
    endpointId: number,
    destinationId: number,
    view: DataView,
    offset: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    this.unansweredSetups++;
    this.emit({
      kind: 'setupReceived',
      endpointId,
      flags: view.getUint8(offset + FLAGS),
      ttl: view.getInt32(offset + SETUP_TTL, true),
      destinationId,
      sessionId: view.getInt32(offset + SETUP_SESSION_ID, true),
      streamId: view.getInt32(offset + SETUP_STREAM_ID, true),
      initialTermId: view.getInt32(offset + SETUP_INITIAL_TERM_ID, true),
      activeTermId: view.getInt32(offset + SETUP_ACTIVE_TERM_ID, true),
      termOffset: view.getInt32(offset + SETUP_TERM_OFFSET, true),
      termLength: view.getInt32(offset + SETUP_TERM_LENGTH, true),
      mtu: view.getInt32(offset + SETUP_MTU, true),
      sourceAddress,
      sourcePort,
    });
  }

  /** Something for the error log. */
  report(message: string): void {
    this.emit({ kind: 'error', code: ErrorCode.GENERIC_ERROR, message });
  }

  destinationSilent(endpointId: number, destinationId: number): void {
    this.emit({ kind: 'destinationSilent', endpointId, destinationId });
  }

  /** A valid error frame at `offset`, from a receiver of a publication. */
  publicationError(
    registrationId: number,
    destinationId: number,
    view: DataView,
    offset: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    this.emit({
      kind: 'publicationError',
      registrationId,
      sessionId: view.getInt32(offset + ERROR_SESSION_ID, true),
      streamId: view.getInt32(offset + ERROR_STREAM_ID, true),
      receiverIdHigh: view.getInt32(offset + ERROR_RECEIVER_ID + 4, true),
      receiverIdLow: view.getInt32(offset + ERROR_RECEIVER_ID, true),
      groupTag: errorGroupTag(view, offset),
      destinationId,
      errorCode: view.getInt32(offset + ERROR_CODE, true),
      message: errorText(view, offset),
      sourceAddress,
      sourcePort,
    });
  }

  close(): void {
    this.inserts.close();
    this.emit({ kind: 'closed' });
  }
}
