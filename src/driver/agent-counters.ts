// hot
import { SystemCounter } from '../cnc/counter-types.ts';
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Region } from '../memory/region.ts';

/** Ids of the counters below, for whoever adds up those of several agents. */
export const SHARED_SYSTEM_COUNTERS: readonly number[] = [
  SystemCounter.BYTES_SENT,
  SystemCounter.BYTES_RECEIVED,
  SystemCounter.CONDUCTOR_PROXY_FAILS,
  SystemCounter.NAK_MESSAGES_SENT,
  SystemCounter.NAK_MESSAGES_RECEIVED,
  SystemCounter.STATUS_MESSAGES_SENT,
  SystemCounter.STATUS_MESSAGES_RECEIVED,
  SystemCounter.HEARTBEATS_SENT,
  SystemCounter.HEARTBEATS_RECEIVED,
  SystemCounter.RETRANSMITS_SENT,
  SystemCounter.FLOW_CONTROL_UNDER_RUNS,
  SystemCounter.FLOW_CONTROL_OVER_RUNS,
  SystemCounter.INVALID_PACKETS,
  SystemCounter.SHORT_SENDS,
  SystemCounter.SENDER_FLOW_CONTROL_LIMITS,
  SystemCounter.UNBLOCKED_PUBLICATIONS,
  SystemCounter.LOSS_GAP_FILLS,
  SystemCounter.SENDER_MAX_CYCLE_TIME,
  SystemCounter.SENDER_CYCLE_TIME_THRESHOLD_EXCEEDED,
  SystemCounter.RECEIVER_MAX_CYCLE_TIME,
  SystemCounter.RECEIVER_CYCLE_TIME_THRESHOLD_EXCEEDED,
  SystemCounter.RETRANSMITTED_BYTES,
  SystemCounter.RETRANSMIT_OVERFLOW,
  SystemCounter.ERROR_FRAMES_RECEIVED,
  SystemCounter.ERROR_FRAMES_SENT,
  SystemCounter.PUBLICATIONS_REVOKED,
  SystemCounter.PUBLICATION_IMAGES_REVOKED,
  SystemCounter.STATUS_MESSAGES_REJECTED,
];

/** Those of them that are maxima and not counts. */
export const CYCLE_TIME_COUNTERS: readonly number[] = [
  SystemCounter.SENDER_MAX_CYCLE_TIME,
  SystemCounter.RECEIVER_MAX_CYCLE_TIME,
];

/** The system counters that the sender and the receiver keep. The conductor allocates them, id by id, before they run. */
export class AgentCounters {
  readonly bytesSent: AtomicCounter;
  readonly bytesReceived: AtomicCounter;
  /** Setups and new sessions that the conductor was not told of, because too many of the stream are being dealt with. */
  readonly conductorOffersFailed: AtomicCounter;
  readonly naksSent: AtomicCounter;
  readonly naksReceived: AtomicCounter;
  readonly statusMessagesSent: AtomicCounter;
  readonly statusMessagesReceived: AtomicCounter;
  readonly heartbeatsSent: AtomicCounter;
  readonly heartbeatsReceived: AtomicCounter;
  readonly retransmitsSent: AtomicCounter;
  readonly flowControlUnderRuns: AtomicCounter;
  readonly flowControlOverRuns: AtomicCounter;
  readonly invalidPackets: AtomicCounter;
  readonly shortSends: AtomicCounter;
  readonly senderFlowControlLimits: AtomicCounter;
  readonly unblockedPublications: AtomicCounter;
  readonly lossGapFills: AtomicCounter;
  readonly senderMaxCycleTime: AtomicCounter;
  readonly senderCycleTimeThresholdExceeded: AtomicCounter;
  readonly receiverMaxCycleTime: AtomicCounter;
  readonly receiverCycleTimeThresholdExceeded: AtomicCounter;
  readonly retransmittedBytes: AtomicCounter;
  readonly retransmitOverflows: AtomicCounter;
  readonly errorFramesReceived: AtomicCounter;
  readonly errorFramesSent: AtomicCounter;
  readonly publicationsRevoked: AtomicCounter;
  readonly publicationImagesRevoked: AtomicCounter;
  readonly statusMessagesRejected: AtomicCounter;

  /** `valuesOffset` is the byte offset of the counters values section in the region. */
  constructor(values: Region, valuesOffset: number) {
    const counter = (id: number): AtomicCounter => new AtomicCounter(values, valuesOffset, id);
    this.bytesSent = counter(SystemCounter.BYTES_SENT);
    this.bytesReceived = counter(SystemCounter.BYTES_RECEIVED);
    this.conductorOffersFailed = counter(SystemCounter.CONDUCTOR_PROXY_FAILS);
    this.naksSent = counter(SystemCounter.NAK_MESSAGES_SENT);
    this.naksReceived = counter(SystemCounter.NAK_MESSAGES_RECEIVED);
    this.statusMessagesSent = counter(SystemCounter.STATUS_MESSAGES_SENT);
    this.statusMessagesReceived = counter(SystemCounter.STATUS_MESSAGES_RECEIVED);
    this.heartbeatsSent = counter(SystemCounter.HEARTBEATS_SENT);
    this.heartbeatsReceived = counter(SystemCounter.HEARTBEATS_RECEIVED);
    this.retransmitsSent = counter(SystemCounter.RETRANSMITS_SENT);
    this.flowControlUnderRuns = counter(SystemCounter.FLOW_CONTROL_UNDER_RUNS);
    this.flowControlOverRuns = counter(SystemCounter.FLOW_CONTROL_OVER_RUNS);
    this.invalidPackets = counter(SystemCounter.INVALID_PACKETS);
    this.shortSends = counter(SystemCounter.SHORT_SENDS);
    this.senderFlowControlLimits = counter(SystemCounter.SENDER_FLOW_CONTROL_LIMITS);
    this.unblockedPublications = counter(SystemCounter.UNBLOCKED_PUBLICATIONS);
    this.lossGapFills = counter(SystemCounter.LOSS_GAP_FILLS);
    this.senderMaxCycleTime = counter(SystemCounter.SENDER_MAX_CYCLE_TIME);
    this.senderCycleTimeThresholdExceeded = counter(SystemCounter.SENDER_CYCLE_TIME_THRESHOLD_EXCEEDED);
    this.receiverMaxCycleTime = counter(SystemCounter.RECEIVER_MAX_CYCLE_TIME);
    this.receiverCycleTimeThresholdExceeded = counter(SystemCounter.RECEIVER_CYCLE_TIME_THRESHOLD_EXCEEDED);
    this.retransmittedBytes = counter(SystemCounter.RETRANSMITTED_BYTES);
    this.retransmitOverflows = counter(SystemCounter.RETRANSMIT_OVERFLOW);
    this.errorFramesReceived = counter(SystemCounter.ERROR_FRAMES_RECEIVED);
    this.errorFramesSent = counter(SystemCounter.ERROR_FRAMES_SENT);
    this.publicationsRevoked = counter(SystemCounter.PUBLICATIONS_REVOKED);
    this.publicationImagesRevoked = counter(SystemCounter.PUBLICATION_IMAGES_REVOKED);
    this.statusMessagesRejected = counter(SystemCounter.STATUS_MESSAGES_REJECTED);
  }
}
