// hot

import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import { PARTITION_COUNT } from '../../logbuffer/descriptor.ts';
import { fillGap } from '../../logbuffer/gap-filler.ts';
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import { zero } from '../../memory/bytes.ts';
import { Region } from '../../memory/region.ts';
import { DATA_TERM_ID, DATA_TERM_OFFSET, FLAG_EOS, FLAG_REVOKED } from '../../protocol/data-frame.ts';
import {
  ERROR_FLAG_HAS_GROUP_TAG,
  ERROR_LENGTH,
  ERROR_TEXT_LENGTH_MAX,
  writeError,
} from '../../protocol/error-frame.ts';
import { FLAGS, FRAME_ALIGNMENT } from '../../protocol/frame.ts';
import { writeNak } from '../../protocol/nak-frame.ts';
import { writeResponseSetup } from '../../protocol/response-setup-frame.ts';
import {
  RTTM_ECHO_TIMESTAMP,
  RTTM_FLAG_REPLY,
  RTTM_RECEPTION_DELTA,
  writeRttm,
} from '../../protocol/rttm-frame.ts';
import { STATUS_MESSAGE_FLAG_EOS, writeStatusMessage } from '../../protocol/status-message-frame.ts';
import type { AgentContext } from '../agent-context.ts';
import type { AgentCounters } from '../agent-counters.ts';
import type { CongestionControl } from '../congestion/congestion-control.ts';
import type { ImageSpec, SubscriberPosition } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { SubscriberPositions } from '../subscriber-positions.ts';
import { UntetheredSubscribers } from '../untethered-subscribers.ts';
import { CONNECTION_TIMEOUT_NS, ImageConnections } from './image-connections.ts';
import type { InsertTarget } from './insert-burst.ts';
import { LossDetector } from './loss-detector.ts';
import { LossObserver } from './loss-observer.ts';
import type { ReceiveDestination } from './receive-destination.ts';
import type { ReceiveEndpoint } from './receive-endpoint.ts';
import { validateFrames } from './validate-frames.ts';

const IMAGE_REJECTED = 13;
const TWO_32 = 4294967296;
/** An answer that took longer than the connection lives for is none. */
const RTT_MAX_NS = CONNECTION_TIMEOUT_NS;

/** While an image drains, its end is told this many times. */
const EOS_STATUS_MESSAGES = 5;

const ACTIVE = 0;
const DRAINING = 1;
const LINGER = 2;
const DONE = 3;

/** The receiver's side of one session: datagrams become a log that subscribers read. */
export class Image implements InsertTarget {
  // What a datagram and a turn touch lies side by side: of a thousand images none is in a cache when something comes for it.
  isInserting = false;
  /** The sender has said where the stream ends. */
  isEndOfStream = false;
  readonly sessionId: number;
  readonly streamId: number;
  /** The error frame to send while the image is rejected. */
  private rejection: Region | null = null;
  private readonly initialTermId: number;
  private readonly termLength: number;
  private readonly handle: number;
  private readonly clock: Clock;
  private readonly context: AgentContext;
  /** Null: the stream comes one way only, to the endpoint's port. */
  private readonly connections: ImageConnections | null;
  /** The end of what has arrived or was announced. Moves before it is published. */
  private readonly rcvHwm: PositionCounter;
  /** Everything before it has arrived: the rebuild position. Moves before it is published. */
  private readonly rcvPos: PositionCounter;
  private readonly subscribers: SubscriberPositions;
  private readonly loss: LossDetector;
  /** Null: the window stays as it is. */
  private readonly congestion: CongestionControl | null;
  private state = ACTIVE;
  private needsScan = false;
  private isStatusMessagePending = false;
  private isRevoked = false;
  /** The published receive position: while a burst comes in, the other is ahead of it. */
  private insertedPosition = Number.NaN;
  private overRunPosition = Number.NaN;
  private lastSmPosition = Number.NaN;
  private smThresholdPosition = Number.NaN;
  private smDeadlineNs = Number.NaN;
  private timeOfLastPacketNs = Number.NaN;
  private timeOfLastActivityNs = Number.NaN;
  private timeOfLastFrameNs = Number.NaN;

  // A status message, and what is rarer.
  /** For {@link clean}: as its argument it would be boxed. */
  private cleanEndPosition = Number.NaN;
  private nextSmPosition = Number.NaN;
  /** The receiver window that senders are told. */
  private windowLength: number;
  private readonly endpoint: ReceiveEndpoint;
  /** Where status messages and NAKs go. */
  private readonly controlAddress: number;
  private readonly controlPort: number;
  private readonly counters: AgentCounters;
  private activeTransportCount = 0;
  private areStatusMessagesStopped = false;
  private hasResponseSession = false;
  private responseSessionId = 0;
  readonly registrationId: number;
  readonly rejoin: boolean;
  private readonly spec: ImageSpec;
  private readonly log: LogBuffers;
  private readonly i32: Int32Array;
  private readonly rcvNaksSent: AtomicCounter;
  private readonly untethered: UntetheredSubscribers;
  private readonly lossObserver: LossObserver;
  private rejectionLength = 0;
  private timeOfLastStateChangeNs = Number.NaN;

  constructor(context: AgentContext, endpoint: ReceiveEndpoint, log: LogBuffers, spec: ImageSpec) {
    const { clock } = context;
    const { joinPosition, termLength } = spec;
    this.registrationId = spec.registrationId;
    this.sessionId = spec.sessionId;
    this.streamId = spec.streamId;
    this.rejoin = spec.rejoin;
    this.spec = spec;
    this.context = context;
    this.clock = clock;
    this.counters = context.counters;
    this.endpoint = endpoint;
    this.connections = endpoint.isMultiDestination ? new ImageConnections(endpoint, clock) : null;
    this.log = log;
    this.i32 = log.region.i32;
    this.handle = log.region.handle;
    this.initialTermId = spec.initialTermId;
    this.termLength = termLength;
    this.rcvHwm = context.position(spec.rcvHwmCounterId, joinPosition);
    this.rcvPos = context.position(spec.rcvPosCounterId, joinPosition);
    this.rcvNaksSent = context.counter(spec.rcvNaksSentCounterId);
    this.subscribers = context.subscribers(joinPosition);
    this.loss = new LossDetector(clock, context.nakDelay(spec));
    this.controlAddress = endpoint.control?.address ?? spec.sourceAddress;
    this.controlPort = endpoint.control?.port ?? spec.sourcePort;
    this.congestion = context.congestionControl(spec);
    this.windowLength = this.congestion?.windowLength ?? spec.windowLength;
    this.insertedPosition = joinPosition;
    this.nextSmPosition = joinPosition;
    this.lastSmPosition = joinPosition;
    this.overRunPosition = joinPosition + termLength / 2;
    this.smThresholdPosition = joinPosition + this.windowLength / 4;
    this.smDeadlineNs = 0;
    this.timeOfLastPacketNs = clock.nanoTime;
    this.timeOfLastActivityNs = clock.nanoTime;
    this.timeOfLastFrameNs = Number.NEGATIVE_INFINITY;
    this.timeOfLastStateChangeNs = clock.nanoTime;
    this.lossObserver = new LossObserver(context, spec);
    this.untethered = new UntetheredSubscribers(
      context,
      spec.registrationId,
      this.subscribers,
      spec.untethered,
    );
    this.subscribers.addAll(spec.subscribers, joinPosition);
    this.untethered.addAll(spec.subscribers);
    this.connect();
  }

  /** The connections that are known from the start. Cold. */
  private connect(): void {
    if (this.connections === null) return;
    const { destinationId, sourceAddress, sourcePort } = this.spec;
    for (const destination of this.endpoint.destinations) {
      if (destination === null) continue;
      const isSource = destination.destinationId === destinationId;
      if (isSource) this.connections.add(destination, sourceAddress, sourcePort);
      else this.onDestinationAdded(destination);
    }
  }

  /** Another way by which the stream may come: its sender, where it is known, hears of us at once. Cold. */
  onDestinationAdded(destination: ReceiveDestination): void {
    if (destination.control !== null) this.connections?.add(destination, 0, 0);
  }

  /** Cold. */
  onDestinationRemoved(destination: ReceiveDestination): void {
    this.connections?.remove(destination);
    this.updateActiveTransportCount();
  }

  /** Whether {@link onTimer} has let go of the image. */
  get isDone(): boolean {
    return this.state === DONE;
  }

  /** A data datagram of this session that `isValidFrame` has let pass. Nothing it says is believed. */
  onData(region: Region, offset: number, length: number): void {
    if (this.rejection !== null) return;
    const view = region.view;
    const termCount = (view.getInt32(offset + DATA_TERM_ID, true) - this.initialTermId) | 0;
    if (termCount < 0) return;
    const termLength = this.termLength;
    const termOffset = view.getInt32(offset + DATA_TERM_OFFSET, true);
    const termBytes = validateFrames(view, offset, length, termOffset, termLength);
    if (termBytes < 0) {
      this.counters.invalidPackets.increment();
      return;
    }
    const position = termCount * termLength + termOffset;
    const endPosition = position + termBytes;
    if (endPosition > this.overRunPosition && !this.isInReach(position, endPosition, termBytes, length)) {
      this.counters.flowControlOverRuns.increment();
      // No sign of life: who is outrun by faster receivers is to begin anew where the stream is.
      return;
    }
    const windowBottom = termBytes === 0 ? this.lastSmPosition - termLength : this.lastSmPosition;
    if (position < windowBottom) {
      this.counters.flowControlUnderRuns.increment();
      if (termBytes > 0 && endPosition >= windowBottom - this.spec.windowLength) this.onActivity();
      return;
    }
    this.onActivity();
    this.timeOfLastPacketNs = this.clock.nanoTime;
    const inserts = this.context.inserts;
    const isNext = position === this.rcvHwm.value;
    if (endPosition > this.rcvHwm.value) {
      if (!isNext) {
        this.cleanEndPosition = endPosition;
        this.clean();
      }
      this.rcvHwm.value = endPosition;
    }
    if (termBytes === 0) {
      this.onHeartbeat(view.getUint8(offset + FLAGS), position);
      inserts.notify(this);
    } else {
      const toOffset = (termCount % PARTITION_COUNT) * termLength + termOffset;
      const endOffset = toOffset + termBytes;
      const zeroOffset = !isNext ? -1 : endOffset === PARTITION_COUNT * termLength ? 0 : endOffset;
      inserts.add(this, this.handle, toOffset, region.handle, offset, length, zeroOffset);
      // In order, which is the rule, nothing needs to be scanned; onInserted() takes it back if it was left out.
      if (position === this.rcvPos.value) this.rcvPos.value = endPosition;
    }
  }

  /**
   * Beyond the high-water mark the log still has what was there three terms ago, but for a word of zero at the mark: readers
   * stop there. What comes next brings its own; for anything further on, all up to {@link cleanEndPosition} is zeroed.
   */
  private clean(): void {
    const { termLength, log, cleanEndPosition: endPosition } = this;
    let position = this.rcvHwm.value;
    while (position < endPosition) {
      const termCount = Math.floor(position / termLength);
      const termOffset = position - termCount * termLength;
      const length = Math.min(endPosition - position, termLength - termOffset);
      zero(log.region, (termCount % PARTITION_COUNT) * termLength + termOffset, length);
      position += length;
    }
    const termCount = Math.floor(endPosition / termLength);
    const endOffset = (termCount % PARTITION_COUNT) * termLength + endPosition - termCount * termLength;
    zero(log.region, endOffset, FRAME_ALIGNMENT);
  }

  /**
   * Whether a datagram that ends beyond the window is to be taken all the same: a sender puts the padding at the end of a term
   * into the window by what of it is sent, and its heartbeats come from behind that until the window moves. Cold.
   */
  private isInReach(position: number, endPosition: number, termBytes: number, length: number): boolean {
    if (termBytes === 0) return endPosition <= this.rcvHwm.value;
    return length < termBytes && position + length <= this.overRunPosition;
  }

  /** The sender introduced itself again. */
  onActivity(): void {
    this.timeOfLastActivityNs = this.clock.nanoTime;
    this.timeOfLastFrameNs = this.clock.nanoTime;
    if (this.connections !== null) this.connections.onFrame();
  }

  private onHeartbeat(flags: number, position: number): void {
    this.counters.heartbeatsReceived.increment();
    if ((flags & FLAG_EOS) === 0 || this.isEndOfStream) return;
    if (this.connections !== null) {
      if (!this.connections.onEndOfStream(position)) return;
      this.onEndOfStream(flags, this.connections.eosPosition);
    } else {
      this.onEndOfStream(flags, position);
    }
  }

  private onEndOfStream(flags: number, position: number): void {
    this.isEndOfStream = true;
    if ((flags & FLAG_REVOKED) !== 0) {
      this.isRevoked = true;
      this.log.setRevoked();
      this.context.imageRevoked(this.spec, position);
    }
    this.log.setEndOfStreamPosition(position);
  }

  onInserted(isComplete: boolean): void {
    this.rcvHwm.publish();
    // What was left out may have ended later than what was there: look, as for anything that came out of order.
    if (!isComplete) this.rcvPos.value = this.insertedPosition;
    this.insertedPosition = this.rcvPos.value;
    this.rcvPos.publish();
    this.needsScan = this.rcvPos.value < this.rcvHwm.value;
    if (!this.needsScan) this.loss.clear();
    if (this.isEndOfStream && this.state === ACTIVE && this.rcvPos.value >= this.rcvHwm.value)
      this.startDraining();
  }

  /** One duty cycle, after what arrived in it was inserted. Returns how much was done. */
  doWork(): number {
    if (this.state >= LINGER) return 0;
    let workCount = 0;
    if (this.needsScan) {
      this.rebuild();
      workCount++;
    }
    const subscribers = this.subscribers;
    if (subscribers.count > 0) {
      subscribers.limit = this.rcvPos.value;
      if (subscribers.update() && subscribers.min > this.smThresholdPosition) this.scheduleStatusMessage();
    }
    if (this.congestion !== null) workCount += this.controlCongestion(this.congestion);
    if (this.isStatusMessagePending) {
      workCount += this.sendStatusMessage();
    } else if (this.clock.nanoTime > this.smDeadlineNs) {
      // A window of little more than a frame may have no room for the next one until its last bytes count as consumed.
      if (subscribers.count > 0 && subscribers.min > this.nextSmPosition) this.scheduleStatusMessage();
      workCount += this.sendStatusMessage();
    }
    if (this.loss.isDue() && !this.isRevoked) {
      this.onLoss();
      workCount++;
    }
    return workCount;
  }

  /** Moves the rebuild position over frames that arrived out of order, up to the next gap or the end of the term. */
  private rebuild(): void {
    const termLength = this.termLength;
    const termCount = Math.floor(this.rcvPos.value / termLength);
    const termPosition = termCount * termLength;
    const termId = (this.initialTermId + termCount) | 0;
    const termStart = (termCount % PARTITION_COUNT) * termLength;
    const rebuildOffset = this.rcvPos.value - termPosition;
    const limitOffset = Math.min(this.rcvHwm.value - termPosition, termLength);
    const endOffset = this.loss.scan(this.i32, termStart, termId, rebuildOffset, limitOffset);
    this.needsScan = endOffset === termLength && termPosition + endOffset < this.rcvHwm.value;
    if (endOffset === rebuildOffset) return;
    this.rcvPos.value = termPosition + endOffset;
    this.insertedPosition = this.rcvPos.value;
    this.rcvPos.publish();
  }

  private controlCongestion(congestion: CongestionControl): number {
    const hasConsumed = this.subscribers.count > 0 && this.subscribers.min > this.nextSmPosition;
    const isForced = congestion.onCycle(hasConsumed, this.loss.isLossFound);
    this.loss.isLossFound = false;
    if (isForced || congestion.windowLength !== this.windowLength) {
      this.windowLength = congestion.windowLength;
      this.scheduleStatusMessage();
    }
    return congestion.isMeasurementDue() && !this.isRevoked ? this.measureRtt() : 0;
  }

  /** Asks the sender to answer at once. */
  private measureRtt(): number {
    const { frames, receiverIdLow, receiverIdHigh } = this.endpoint;
    const offset = frames.claim();
    if (offset < 0 || this.rejection !== null) return 0;
    this.clock.update();
    const nowNs = this.clock.nanoTime;
    const length = writeRttm(
      frames.view,
      offset,
      RTTM_FLAG_REPLY,
      this.sessionId,
      this.streamId,
      nowNs | 0,
      Math.floor(nowNs / TWO_32),
      0,
      0,
      receiverIdLow,
      receiverIdHigh,
    );
    this.sendFrame(offset, length);
    return 1;
  }

  /** The sender answered {@link measureRtt}, or somebody says so. */
  onRttm(view: DataView, offset: number): void {
    if (this.congestion === null) return;
    this.clock.update();
    const echoAt = offset + RTTM_ECHO_TIMESTAMP;
    const echoNs = view.getInt32(echoAt + 4, true) * TWO_32 + view.getUint32(echoAt, true);
    const deltaAt = offset + RTTM_RECEPTION_DELTA;
    const deltaNs = view.getInt32(deltaAt + 4, true) * TWO_32 + view.getUint32(deltaAt, true);
    const rttNs = this.clock.nanoTime - echoNs - deltaNs;
    if (rttNs < 0 || rttNs > RTT_MAX_NS) this.counters.invalidPackets.increment();
    else this.congestion.onMeasurement(rttNs);
  }

  private scheduleStatusMessage(): void {
    // While nobody reads, the window may change, and begins where the last one did.
    const minPosition = this.subscribers.count > 0 ? this.subscribers.min : this.nextSmPosition;
    this.nextSmPosition = minPosition;
    this.smThresholdPosition = minPosition + this.windowLength / 4;
    this.isStatusMessagePending = true;
  }

  private sendStatusMessage(): number {
    if (this.areStatusMessagesStopped) return 0;
    if (this.rejection !== null) return this.sendRejection(this.rejection);
    if (this.hasResponseSession && this.clock.nanoTime > this.smDeadlineNs) this.sendResponseSetup();
    if (this.isConnectionAlive()) {
      const frames = this.endpoint.frames;
      const offset = frames.claim();
      if (offset < 0) return 0;
      const termCount = Math.floor(this.nextSmPosition / this.termLength);
      const untaggedLength = writeStatusMessage(
        frames.view,
        offset,
        this.state === ACTIVE ? 0 : STATUS_MESSAGE_FLAG_EOS,
        this.sessionId,
        this.streamId,
        (this.initialTermId + termCount) | 0,
        this.nextSmPosition - termCount * this.termLength,
        this.windowLength,
        this.endpoint.receiverIdLow,
        this.endpoint.receiverIdHigh,
      );
      const length = this.endpoint.addGroupTag(offset, untaggedLength);
      // What was not accepted is tried again in the next cycle.
      if (!this.sendFrame(offset, length)) return 0;
      this.counters.statusMessagesSent.increment();
    }
    this.isStatusMessagePending = false;
    this.lastSmPosition = this.nextSmPosition;
    this.overRunPosition = this.nextSmPosition + this.termLength / 2;
    this.smDeadlineNs = this.clock.nanoTime + this.context.config.statusMessageTimeoutNs;
    this.updateActiveTransportCount();
    return 1;
  }

  /** Tells the sender the session of its response stream, until that is connected; `null`: no more. Cold. */
  setResponseSession(sessionId: number | null): void {
    this.hasResponseSession = sessionId !== null;
    this.responseSessionId = sessionId ?? 0;
    // With the next status message, which is due now.
    this.smDeadlineNs = 0;
  }

  private sendResponseSetup(): void {
    const frames = this.endpoint.frames;
    const offset = frames.claim();
    if (offset < 0) return;
    const { sessionId, streamId, responseSessionId } = this;
    const length = writeResponseSetup(frames.view, offset, 0, sessionId, streamId, responseSessionId);
    this.sendFrame(offset, length);
  }

  private isConnectionAlive(): boolean {
    if (this.connections !== null) return this.connections.isAnyAlive;
    return this.clock.nanoTime < this.timeOfLastActivityNs + CONNECTION_TIMEOUT_NS;
  }

  private updateActiveTransportCount(): void {
    const { imageLivenessTimeoutNs } = this.context.config;
    const expiryNs = this.timeOfLastFrameNs + imageLivenessTimeoutNs;
    const count =
      this.connections !== null
        ? this.connections.countActive(imageLivenessTimeoutNs)
        : this.clock.nanoTime < expiryNs
          ? 1
          : 0;
    if (count === this.activeTransportCount) return;
    this.activeTransportCount = count;
    this.log.setActiveTransportCount(count);
  }

  private sendFrame(offset: number, length: number): boolean {
    if (this.connections !== null) {
      return this.connections.send(this.endpoint.frames.handle, offset, length);
    }
    return this.endpoint.sendFrame(offset, length, this.controlAddress, this.controlPort);
  }

  private sendRejection(rejection: Region): number {
    this.isStatusMessagePending = false;
    if (this.clock.nanoTime <= this.smDeadlineNs) return 0;
    const { controlAddress, controlPort } = this;
    const isSent =
      this.connections !== null
        ? this.connections.send(rejection.handle, 0, this.rejectionLength)
        : this.endpoint.sendFrom(rejection.handle, this.rejectionLength, controlAddress, controlPort);
    if (isSent) this.counters.errorFramesSent.increment();
    this.smDeadlineNs = this.clock.nanoTime + this.context.config.statusMessageTimeoutNs;
    return 1;
  }

  /** Asks for the gap again, or fills it when the stream need not be complete. */
  private onLoss(): void {
    const { gapTermId, gapOffset, gapLength } = this.loss;
    this.lossObserver.onGap(gapTermId, gapOffset, gapLength);
    if (!this.spec.isReliable) {
      if (fillGap(this.log, gapTermId, gapOffset, gapLength)) this.counters.lossGapFills.increment();
      this.needsScan = true;
      return;
    }
    if (!this.isConnectionAlive()) return;
    const frames = this.endpoint.frames;
    const offset = frames.claim();
    if (offset < 0) return;
    const { sessionId, streamId } = this;
    const length = writeNak(frames.view, offset, 0, sessionId, streamId, gapTermId, gapOffset, gapLength);
    if (!this.sendFrame(offset, length)) return;
    this.counters.naksSent.increment();
    this.rcvNaksSent.increment();
  }

  /** Adds a subscriber, unless the stream takes no more, and says so. Cold. */
  addSubscriber(subscriber: SubscriberPosition): void {
    const { registrationId, subscribers } = this;
    const { counterId } = subscriber;
    subscribers.limit = this.rcvPos.value;
    subscribers.update();
    if (!this.isAccepting()) {
      this.context.subscriberRefused(registrationId, counterId);
      return;
    }
    const joinPosition = this.joinPosition();
    subscribers.join(counterId, joinPosition);
    this.untethered.add(subscriber);
    this.context.subscriberAdded(registrationId, counterId, joinPosition);
  }

  private joinPosition(): number {
    return Math.min(this.subscribers.min, this.rcvPos.value);
  }

  private isAccepting(): boolean {
    // An untethered subscriber that rests brings an image back to which nobody else listens: it does not end.
    if (this.subscribers.count === 0 && (this.state !== ACTIVE || this.untethered.count === 0)) return false;
    return this.state === ACTIVE || (this.state === DRAINING && !this.isDrained());
  }

  /** Cold. */
  removeSubscriber(counterId: number): void {
    this.subscribers.remove(counterId);
    this.untethered.remove(counterId);
  }

  /** Takes no more datagrams, and tells the sender why from now on instead of status messages. Cold. */
  reject(reason: string): void {
    if (this.rejection !== null || this.state >= LINGER) return;
    const rejection = Region.allocate(ERROR_LENGTH + ERROR_TEXT_LENGTH_MAX + 1);
    const { receiverIdLow, receiverIdHigh, groupTag } = this.endpoint;
    const { sessionId, streamId } = this;
    this.rejectionLength = writeError(
      rejection.view,
      0,
      groupTag === null ? 0 : ERROR_FLAG_HAS_GROUP_TAG,
      sessionId,
      streamId,
      receiverIdLow,
      receiverIdHigh,
      groupTag?.low ?? 0,
      groupTag?.high ?? 0,
      IMAGE_REJECTED,
      Buffer.from(reason),
    );
    this.rejection = rejection;
  }

  /** Another image starts: if it is of the same session, this one keeps quiet unless it is still active. Cold. */
  onReplacedBy(image: Image): void {
    const isSame = image.sessionId === this.sessionId && image.streamId === this.streamId;
    if (isSame && image.endpoint === this.endpoint && this.state !== ACTIVE)
      this.areStatusMessagesStopped = true;
  }

  /** The state machine. Called once every timer interval. */
  onTimer(): void {
    switch (this.state) {
      case ACTIVE:
        if (this.untethered.count > 0) this.checkUntethered();
        this.checkActive();
        break;
      case DRAINING:
        if (this.untethered.count > 0) this.untethered.checkDraining(this.rcvPos.value);
        this.checkDrained();
        break;
      case LINGER:
        this.checkLinger();
        break;
      default:
        break;
    }
  }

  private checkUntethered(): void {
    const { untethered, subscribers, windowLength } = this;
    // In what is left of the window there must be room for a frame, or the sender stands still before this limit.
    const roomLength = Math.max(windowLength / 4, Math.min(this.spec.mtu, windowLength - FRAME_ALIGNMENT));
    untethered.windowLimit = subscribers.max - windowLength + roomLength;
    untethered.joinPosition = this.joinPosition();
    untethered.check();
  }

  private checkActive(): void {
    const livenessEndNs = this.timeOfLastPacketNs + this.context.config.imageLivenessTimeoutNs;
    if (
      this.isRevoked ||
      this.subscribers.count === 0 ||
      this.clock.nanoTime > livenessEndNs ||
      (this.isEndOfStream && this.rcvPos.value >= this.rcvHwm.value)
    ) {
      this.startDraining();
    }
  }

  /** Nobody wants the stream any more. Cold. */
  onInterestLost(): void {
    if (this.state === ACTIVE) this.startDraining();
  }

  /** The sender hears of it in this cycle. */
  private startDraining(): void {
    this.state = DRAINING;
    this.timeOfLastStateChangeNs = this.clock.nanoTime;
    this.smDeadlineNs = 0;
  }

  private checkDrained(): void {
    const drainEndNs =
      this.timeOfLastStateChangeNs + EOS_STATUS_MESSAGES * this.context.config.statusMessageTimeoutNs;
    if (!this.isRevoked && !(this.isDrained() && this.clock.nanoTime > drainEndNs)) return;
    if (this.isRevoked) this.sendStatusMessage();
    this.state = LINGER;
    this.timeOfLastStateChangeNs = this.clock.nanoTime;
    this.endpoint.removeImage(this);
    this.context.streamUnavailable(this.registrationId);
  }

  private isDrained(): boolean {
    this.subscribers.limit = this.rcvPos.value;
    this.subscribers.update();
    return this.subscribers.count === 0 || this.subscribers.min >= this.rcvPos.value;
  }

  private checkLinger(): void {
    const lingerEndNs = this.timeOfLastStateChangeNs + this.context.config.imageLivenessTimeoutNs;
    if (this.subscribers.count > 0 && this.clock.nanoTime <= lingerEndNs) return;
    this.state = DONE;
    this.rejection?.close();
    this.connections?.close();
  }
}
