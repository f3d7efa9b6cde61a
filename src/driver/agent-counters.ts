// hot
import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Region } from '../memory/region.ts';

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
  readonly errorFramesReceived: AtomicCounter;
  readonly errorFramesSent: AtomicCounter;
  readonly publicationsRevoked: AtomicCounter;
  readonly publicationImagesRevoked: AtomicCounter;
  readonly statusMessagesRejected: AtomicCounter;

  /** `valuesOffset` is the byte offset of the counters values section in the region. */
  constructor(values: Region, valuesOffset: number) {
    const counter = (id: number): AtomicCounter => new AtomicCounter(values, valuesOffset, id);
    this.bytesSent = counter(0);
    this.bytesReceived = counter(1);
    this.conductorOffersFailed = counter(4);
    this.naksSent = counter(5);
    this.naksReceived = counter(6);
    this.statusMessagesSent = counter(7);
    this.statusMessagesReceived = counter(8);
    this.heartbeatsSent = counter(9);
    this.heartbeatsReceived = counter(10);
    this.retransmitsSent = counter(11);
    this.flowControlUnderRuns = counter(12);
    this.flowControlOverRuns = counter(13);
    this.invalidPackets = counter(14);
    this.shortSends = counter(16);
    this.senderFlowControlLimits = counter(18);
    this.unblockedPublications = counter(19);
    this.lossGapFills = counter(23);
    this.senderMaxCycleTime = counter(28);
    this.senderCycleTimeThresholdExceeded = counter(29);
    this.receiverMaxCycleTime = counter(30);
    this.receiverCycleTimeThresholdExceeded = counter(31);
    this.retransmittedBytes = counter(36);
    this.errorFramesReceived = counter(38);
    this.errorFramesSent = counter(39);
    this.publicationsRevoked = counter(40);
    this.publicationImagesRevoked = counter(41);
    this.statusMessagesRejected = counter(44);
  }
}
