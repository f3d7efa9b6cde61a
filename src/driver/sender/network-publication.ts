// hot
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import { PARTITION_COUNT } from '../../logbuffer/descriptor.ts';
import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { TermScanner } from '../../logbuffer/term-scanner.ts';
import { FLAG_EOS, FLAG_REVOKED, FLAG_UNFRAGMENTED, writeHeartbeat } from '../../protocol/data-frame.ts';
import { ERROR_RECEIVER_ID } from '../../protocol/error-frame.ts';
import { FLAGS } from '../../protocol/frame.ts';
import { NAK_GAP_LENGTH, NAK_TERM_ID, NAK_TERM_OFFSET } from '../../protocol/nak-frame.ts';
import {
  RTTM_ECHO_TIMESTAMP,
  RTTM_FLAG_REPLY,
  RTTM_RECEIVER_ID,
  writeRttm,
} from '../../protocol/rttm-frame.ts';
import { SETUP_FLAG_GROUP, SETUP_FLAG_SEND_RESPONSE_SETUP, writeSetup } from '../../protocol/setup-frame.ts';
import { DatagramBurst } from '../../transport/transport.ts';
import type { AgentContext } from '../agent-context.ts';
import type { AgentCounters } from '../agent-counters.ts';
import type { FlowControl } from '../flow/flow-control.ts';
import { makeFlowControl } from '../flow/make-flow-control.ts';
import type { StatusMessage } from '../flow/status-message.ts';
import { LogCleaner } from '../log-cleaner.ts';
import type { NetworkPublicationSpec, SubscriberPosition } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { SubscriberPositions } from '../subscriber-positions.ts';
import { UntetheredSubscribers } from '../untethered-subscribers.ts';
import { BlockedPublisher } from './blocked-publisher.ts';
import { LogResender, reachLength } from './log-resender.ts';
import { PublisherTail } from './publisher-tail.ts';
import { ReceiverLiveness } from './receiver-liveness.ts';
import { RetransmitHandler } from './retransmit-handler.ts';
import type { SendRoute } from './send-endpoint.ts';

const SETUP_INTERVAL_NS = 100_000_000;
const HEARTBEAT_INTERVAL_NS = 100_000_000;
/** Times that receivers are told of a revocation before the publication may go: a heartbeat may be lost, or two. */
const REVOCATIONS = 3;
/** So long it stays for that at most, where its heartbeats cannot be sent. */
const REVOCATION_TIMEOUT_NS = 1_000_000_000;
/** Clients hear of rejections at this rate at most, however often a receiver comes back. */
const ERROR_INTERVAL_NS = 100_000_000;

/**
 * Datagrams of a send, where neither the settings nor the transport say otherwise. The official C driver's 4 cost kernel
 * sockets a tenth more a datagram; 16 would save a twentieth, and other streams would wait twice as long.
 */
const MESSAGES_PER_SEND = 8;

/** Frames that name a response session are heard at this rate at most. */
const RESPONSE_SETUP_INTERVAL_NS = 50_000_000;

const ACTIVE = 0;
const DRAINING = 1;
const LINGER = 2;
const DONE = 3;

/** Receivers that are told apart: those of a unicast stream, where there is one at a time, and of a group. */
const UNICAST_RECEIVERS = 64;
const GROUP_RECEIVERS = 1024;

/** Cold. */
function retransmitHandler(
  resender: LogResender,
  context: AgentContext,
  spec: NetworkPublicationSpec,
): RetransmitHandler {
  const { clock, config, counters } = context;
  const { termLength, flowControl, isGroup, maxResend } = spec;
  const windowLength = Math.min(config.initialWindowLength, termLength / 2);
  return new RetransmitHandler(context.resender(resender, spec), clock, counters.retransmitOverflows, {
    delayNs: config.retransmitDelayNs,
    lingerNs: config.retransmitLingerNs,
    termLength,
    lengthMax: windowLength * flowControl.retransmitWindowMultiple,
    isGroup,
    maxResend,
  });
}

/** A log that clients write and that is sent to one receiver, or to a group of them. */
export class NetworkPublication {
  private isEndOfStream = false;
  private isRevoked = false;
  /** Heartbeats that are still to say so before the publication may go, however short its linger time. */
  private revocationsLeft = 0;
  private timeOfLastSetupNs = Number.NaN;
  private timeOfLastErrorNs = Number.NaN;
  private timeOfLastResponseSetupNs = Number.NaN;
  private timeOfLingerNs = Number.NaN;

  // What a turn touches lies side by side, here and in the order of the constructor: of a thousand streams none is in a
  // cache when its turn comes.
  private state = ACTIVE;
  private hasInitialConnection = false;
  private isSetupElicited = false;
  private isConnected = false;
  private trackSenderLimits = false;
  /** The sender position, by term. */
  private termId = 0;
  private termStart = 0;
  private termOffset = 0;
  private timeOfLastSendNs = Number.NaN;
  private readonly clock: Clock;
  private readonly counters: AgentCounters;
  private readonly endpoint: SendRoute;
  private readonly scanner: TermScanner;
  private readonly burst: DatagramBurst;
  /** Where in the term each datagram of the burst ends. */
  private readonly endOffsets: Int32Array;
  private readonly i32: Int32Array;
  private readonly handle: number;
  readonly termLength: number;
  private readonly mtu: number;
  private readonly termWindowLength: number;
  private readonly messagesPerSend: number;
  /** So many when all after {@link messagesPerSend} are equally long: the transport takes them together. */
  private readonly coalescedMessagesPerSend: number;
  private readonly senderLimit: PositionCounter;
  private readonly senderPosition: PositionCounter;
  private readonly publisherPosition: PositionCounter;
  private readonly publisherLimit: PositionCounter;
  private readonly tail: PublisherTail;
  private readonly cleaner: LogCleaner;
  private readonly spies: SubscriberPositions;
  private readonly retransmits: RetransmitHandler;
  // And a status message.
  private readonly liveness: ReceiverLiveness;
  private readonly flowControl: FlowControl;
  private readonly statusMessage: StatusMessage;
  private readonly initialTermId: number;
  private readonly reachLength: number;
  private readonly isGroup: boolean;
  private readonly isResponse: boolean;
  private hasReceivedUnicastEos = false;

  readonly registrationId: number;
  readonly sessionId: number;
  readonly streamId: number;
  private readonly spec: NetworkPublicationSpec;
  private readonly context: AgentContext;
  private readonly log: LogBuffers;
  private readonly setupFlags: number;
  private readonly spiesSimulateConnection: boolean;
  private readonly blocked: BlockedPublisher;
  private readonly senderBpe: AtomicCounter;
  private readonly senderNaksReceived: AtomicCounter;
  private readonly untethered: UntetheredSubscribers;

  constructor(context: AgentContext, endpoint: SendRoute, log: LogBuffers, spec: NetworkPublicationSpec) {
    const { clock, scratch } = context;
    const { termLength, initialTermId, startPosition, isGroup } = spec;
    const termCount = Math.floor(startPosition / termLength);
    this.termId = (initialTermId + termCount) | 0;
    this.termStart = log.termStart(termCount % PARTITION_COUNT);
    this.termOffset = startPosition - termCount * termLength;
    this.clock = clock;
    this.counters = context.counters;
    this.endpoint = endpoint;
    this.scanner = scratch.scanner;
    this.burst = scratch.burst;
    this.endOffsets = scratch.endOffsets;
    this.i32 = log.region.i32;
    this.handle = log.region.handle;
    this.termLength = termLength;
    this.mtu = spec.mtu;
    this.termWindowLength = spec.termWindowLength;
    const { maxMessagesPerSend, publicationConnectionTimeoutNs } = context.config;
    this.messagesPerSend = maxMessagesPerSend === 0 ? MESSAGES_PER_SEND : maxMessagesPerSend;
    const coalesced = maxMessagesPerSend === 0 ? Math.floor(endpoint.coalescedLengthMax / spec.mtu) : 0;
    const messagesMax = Math.max(this.messagesPerSend, coalesced);
    this.coalescedMessagesPerSend = Math.min(messagesMax, DatagramBurst.CAPACITY);
    this.senderLimit = context.position(spec.senderLimitCounterId, startPosition);
    this.senderPosition = context.position(spec.senderPositionCounterId, startPosition);
    this.publisherPosition = context.position(spec.publisherPositionCounterId, startPosition);
    this.publisherLimit = context.position(spec.publisherLimitCounterId, startPosition);
    this.tail = new PublisherTail(log, termLength, initialTermId, startPosition);
    this.cleaner = new LogCleaner(context.cleanedLogs, log.region, termLength, startPosition);
    this.spies = context.subscribers(startPosition);
    const resender = new LogResender(context, endpoint, log, spec, this.senderPosition);
    this.retransmits = retransmitHandler(resender, context, spec);

    this.registrationId = spec.registrationId;
    this.sessionId = spec.sessionId;
    this.streamId = spec.streamId;
    this.spec = spec;
    this.context = context;
    this.log = log;
    this.initialTermId = initialTermId;
    this.setupFlags =
      (isGroup ? SETUP_FLAG_GROUP : 0) | (spec.wantsResponse ? SETUP_FLAG_SEND_RESPONSE_SETUP : 0);
    this.reachLength = reachLength(termLength, spec.mtu);
    this.isGroup = isGroup;
    this.isResponse = spec.isResponse;
    this.spiesSimulateConnection = spec.spiesSimulateConnection;
    this.blocked = new BlockedPublisher(context, log);
    this.senderBpe = context.counter(spec.senderBpeCounterId);
    this.senderNaksReceived = context.counter(spec.senderNaksReceivedCounterId);
    const receivers = isGroup ? GROUP_RECEIVERS : UNICAST_RECEIVERS;
    this.liveness = new ReceiverLiveness(clock, publicationConnectionTimeoutNs, receivers);
    this.untethered = new UntetheredSubscribers(context, spec.registrationId, this.spies, spec.untethered);
    this.flowControl = makeFlowControl(spec.flowControl, context, this.senderLimit, spec);
    this.statusMessage = scratch.statusMessage;
    this.timeOfLastSetupNs = clock.nanoTime - SETUP_INTERVAL_NS - 1;
    this.timeOfLastSendNs = clock.nanoTime - HEARTBEAT_INTERVAL_NS - 1;
    this.timeOfLastErrorNs = Number.NEGATIVE_INFINITY;
    this.timeOfLastResponseSetupNs = Number.NEGATIVE_INFINITY;
    this.spies.addAll(spec.subscribers, startPosition);
    this.untethered.addAll(spec.subscribers);
    this.updateConnected();
  }

  /** Whether {@link onTimer} has let go of the publication. */
  get isDone(): boolean {
    return this.state === DONE;
  }

  /** One duty cycle. Returns the number of datagrams sent. */
  doWork(): number {
    if (!this.hasInitialConnection || this.isSetupElicited) this.checkSetup();
    const sent = this.sendData();
    if (sent === 0) {
      this.checkHeartbeat();
      this.flowControl.onIdle();
      this.pruneReceivers();
      if (this.spies.count > 0) this.followSpies();
    }
    this.retransmits.processTimeouts();
    if (this.state === ACTIVE) this.updatePublisher(sent === 0);
    return sent;
  }

  private sendData(): number {
    const window = this.senderLimit.value - this.senderPosition.value;
    if (window <= 0) {
      this.onBackPressure();
      return 0;
    }
    const { burst, scanner, i32, termStart, termLength, mtu, endOffsets } = this;
    let termOffset = this.termOffset;
    const endOffset = window < termLength - termOffset ? (termOffset + window) | 0 : termLength;
    burst.clear();
    let bytes = 0;
    let lastLength = 0;
    for (let i = 0; i < this.coalescedMessagesPerSend && termOffset < endOffset; i++) {
      const available = scanner.scan(i32, termStart, termOffset, Math.min(mtu, endOffset - termOffset));
      if (available <= 0) {
        if (available < 0) this.onBackPressure();
        break;
      }
      burst.add(this.handle, termStart + termOffset, available);
      // A padding frame reaches to the end of the term at most, whatever its length says.
      termOffset = Math.min(termOffset + available + scanner.padding, termLength);
      endOffsets[i] = termOffset;
      bytes += available;
      if (i >= this.messagesPerSend && available !== lastLength) break;
      lastLength = available;
    }
    return burst.count === 0 ? 0 : this.sendBurst(bytes);
  }

  /** Sends the burst of `bytes` bytes and moves to the end of what was accepted. */
  private sendBurst(bytes: number): number {
    const burst = this.burst;
    const accepted = this.endpoint.send(burst);
    if (accepted < burst.count) {
      this.counters.shortSends.increment();
      if (accepted === 0) return 0;
      for (let i = accepted; i < burst.count; i++) bytes -= burst.lengthAt(i);
    }
    this.counters.bytesSent.add(bytes);
    const termOffset = this.endOffsets[accepted - 1]!;
    this.senderPosition.value += termOffset - this.termOffset;
    this.senderPosition.publish();
    if (termOffset === this.termLength) {
      this.termId = (this.termId + 1) | 0;
      this.termStart += this.termLength;
      if (this.termStart === PARTITION_COUNT * this.termLength) this.termStart = 0;
      this.termOffset = 0;
    } else {
      this.termOffset = termOffset;
    }
    this.timeOfLastSendNs = this.clock.nanoTime;
    this.trackSenderLimits = true;
    return accepted;
  }

  /** Counts once each time the receiver's window stops the sender. */
  private onBackPressure(): void {
    if (!this.trackSenderLimits) return;
    this.trackSenderLimits = false;
    this.senderBpe.increment();
    this.counters.senderFlowControlLimits.increment();
  }

  private checkSetup(): void {
    if (this.clock.nanoTime <= this.timeOfLastSetupNs + SETUP_INTERVAL_NS) return;
    const frames = this.endpoint.frames;
    const offset = frames.claim();
    if (offset < 0) return;
    if (this.isSetupElicited) this.flowControl.onSetup();
    const length = writeSetup(
      frames.view,
      offset,
      this.setupFlags,
      this.termOffset,
      this.sessionId,
      this.streamId,
      this.initialTermId,
      this.termId,
      this.termLength,
      this.mtu,
      this.spec.ttl,
    );
    this.endpoint.sendFrame(offset, length);
    this.timeOfLastSetupNs = this.clock.nanoTime;
    if (this.liveness.count > 0) this.isSetupElicited = false;
  }

  private checkHeartbeat(): void {
    if (!this.hasInitialConnection) return;
    if (this.clock.nanoTime <= this.timeOfLastSendNs + HEARTBEAT_INTERVAL_NS) return;
    const frames = this.endpoint.frames;
    const offset = frames.claim();
    if (offset < 0) return;
    let flags = FLAG_UNFRAGMENTED;
    if (this.isRevoked) {
      flags |= FLAG_EOS | FLAG_REVOKED;
    } else if (this.isEndOfStream && this.spec.signalEos) {
      flags |= FLAG_EOS;
    }
    const { termOffset, sessionId, streamId, termId } = this;
    const length = writeHeartbeat(frames.view, offset, flags, termOffset, sessionId, streamId, termId);
    const isSent = this.endpoint.sendFrame(offset, length);
    if (this.isRevoked && isSent) this.revocationsLeft--;
    this.counters.heartbeatsSent.increment();
    this.timeOfLastSendNs = this.clock.nanoTime;
  }

  private pruneReceivers(): void {
    if (this.liveness.count === 0) return;
    this.liveness.prune();
    if (this.liveness.count === 0) this.updateConnected();
  }

  private updateConnected(): void {
    const isConnected = this.state === ACTIVE && this.hasSubscribers();
    if (isConnected === this.isConnected) return;
    this.isConnected = isConnected;
    this.log.setConnected(isConnected);
  }

  private hasSubscribers(): boolean {
    if (this.liveness.count > 0 && this.flowControl.hasRequiredReceivers) return true;
    return this.spiesSimulateConnection && this.spies.count > 0;
  }

  private readSpies(): void {
    this.spies.limit = this.tail.position;
    this.spies.update();
  }

  /** Spies that stand for a receiver, while there is none, take the stream along. */
  private followSpies(): void {
    if (!this.spiesSimulateConnection || this.liveness.count > 0) return;
    if (this.tail.update()) this.publishTail();
    this.readSpies();
    const { senderPosition, senderLimit } = this;
    const position = this.spies.max;
    if (position > senderPosition.value) {
      senderPosition.value = position;
      senderPosition.publish();
      this.findTerm();
    }
    if (senderLimit.value === senderPosition.value) return;
    senderLimit.value = senderPosition.value;
    senderLimit.publish();
  }

  /** The term of the sender position, when that has not come there frame by frame. */
  private findTerm(): void {
    const termCount = Math.floor(this.senderPosition.value / this.termLength);
    this.termId = (this.initialTermId + termCount) | 0;
    this.termStart = (termCount % PARTITION_COUNT) * this.termLength;
    this.termOffset = this.senderPosition.value - termCount * this.termLength;
  }

  /** Publisher position and limit, and cleaning behind the sender and the spies. */
  private updatePublisher(isIdle: boolean): void {
    if (this.tail.update()) this.publishTail();
    const { publisherLimit, cleaner } = this;
    let position = this.senderPosition.value;
    if (isIdle) this.updateConnected();
    if (!this.isConnected) {
      if (publisherLimit.value <= position) return;
      publisherLimit.value = position;
    } else {
      if (this.spies.count > 0) {
        this.readSpies();
        if (this.spies.min < position) position = this.spies.min;
      }
      cleaner.limit = position + this.termWindowLength;
      cleaner.target = position - this.termLength;
      cleaner.cleanSome(isIdle);
      if (cleaner.limit <= publisherLimit.value) return;
      if (!cleaner.allowsLimit()) {
        cleaner.clean();
        if (!cleaner.allowsLimit()) return;
      }
      publisherLimit.value = cleaner.limit;
    }
    this.publishLimit();
  }

  private publishLimit(): void {
    if (this.publisherLimit.value > this.tail.limit) this.tail.limit = this.publisherLimit.value;
    this.publisherLimit.publish();
  }

  private publishTail(): void {
    this.publisherPosition.value = this.tail.position;
    this.publisherPosition.publish();
  }

  /** A status message whose fields are in range. Returns false when it is not believed. */
  onStatusMessage(view: DataView, offset: number): boolean {
    const message = this.statusMessage;
    message.read(view, offset, this.initialTermId, this.termLength);
    if (
      message.position < this.senderPosition.value - this.reachLength ||
      message.position > this.senderPosition.value + this.termLength / 2
    ) {
      this.counters.statusMessagesRejected.increment();
      return false;
    }
    if (message.isEndOfStream) {
      this.liveness.remove(message.receiverIdLow, message.receiverIdHigh);
      if (!this.isGroup) this.hasReceivedUnicastEos = true;
    } else {
      if (this.isResponse && this.liveness.count === 0) this.context.responseConnected(this.registrationId);
      this.liveness.onStatusMessage(message.receiverIdLow, message.receiverIdHigh);
      // The receiver left and came back: it has yet to hear where the stream ends.
      this.hasReceivedUnicastEos = false;
    }
    this.hasInitialConnection = true;
    this.flowControl.onStatusMessage(message);
    this.updateConnected();
    return true;
  }

  /** A receiver asks for a setup frame. */
  onSetupElicited(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    if (this.isEndOfStream) return;
    this.endpoint.onSetupElicited(sourceAddress, sourcePort);
    this.isSetupElicited = true;
    this.statusMessage.read(view, offset, this.initialTermId, this.termLength);
    this.flowControl.onSetupElicited(this.statusMessage);
  }

  /** The receiver names the session of its response stream, again and again until that is connected. */
  onResponseSetup(responseSessionId: number): void {
    const nowNs = this.clock.nanoTime;
    if (!this.spec.wantsResponse || nowNs <= this.timeOfLastResponseSetupNs + RESPONSE_SETUP_INTERVAL_NS)
      return;
    this.timeOfLastResponseSetupNs = nowNs;
    this.context.responseSetup(this.registrationId, responseSessionId);
  }

  /** A NAK whose gap lies in a term. */
  onNak(view: DataView, offset: number): void {
    this.senderNaksReceived.increment();
    const termId = view.getInt32(offset + NAK_TERM_ID, true);
    const termOffset = view.getInt32(offset + NAK_TERM_OFFSET, true);
    this.retransmits.onNak(termId, termOffset, view.getInt32(offset + NAK_GAP_LENGTH, true));
  }

  /** An error frame: the receiver rejects the stream. */
  onError(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    const receiverIdLow = view.getInt32(offset + ERROR_RECEIVER_ID, true);
    const receiverIdHigh = view.getInt32(offset + ERROR_RECEIVER_ID + 4, true);
    this.flowControl.onError(receiverIdLow, receiverIdHigh);
    if (!this.liveness.remove(receiverIdLow, receiverIdHigh)) return;
    this.updateConnected();
    if (this.clock.nanoTime <= this.timeOfLastErrorNs + ERROR_INTERVAL_NS) return;
    this.timeOfLastErrorNs = this.clock.nanoTime;
    const destinationId = this.endpoint.destinationOf(
      receiverIdLow,
      receiverIdHigh,
      sourceAddress,
      sourcePort,
    );
    this.context.publicationError(
      this.registrationId,
      destinationId,
      view,
      offset,
      sourceAddress,
      sourcePort,
    );
  }

  /** Echoes a round trip time measurement. */
  onRttm(view: DataView, offset: number): void {
    if ((view.getUint8(offset + FLAGS) & RTTM_FLAG_REPLY) === 0) return;
    const frames = this.endpoint.frames;
    const replyOffset = frames.claim();
    if (replyOffset < 0) return;
    const length = writeRttm(
      frames.view,
      replyOffset,
      0,
      this.sessionId,
      this.streamId,
      view.getInt32(offset + RTTM_ECHO_TIMESTAMP, true),
      view.getInt32(offset + RTTM_ECHO_TIMESTAMP + 4, true),
      0,
      0,
      view.getInt32(offset + RTTM_RECEIVER_ID, true),
      view.getInt32(offset + RTTM_RECEIVER_ID + 4, true),
    );
    this.endpoint.sendFrame(replyOffset, length);
  }

  /** Adds a spy, unless the stream takes no more, and says so. Cold. */
  addSubscriber(subscriber: SubscriberPosition): void {
    const { registrationId } = this;
    const { counterId } = subscriber;
    if (!this.isAccepting()) {
      this.context.subscriberRefused(registrationId, counterId);
      return;
    }
    const joinPosition = this.senderPosition.value;
    this.spies.join(counterId, joinPosition);
    this.untethered.add(subscriber);
    this.updateConnected();
    this.context.subscriberAdded(registrationId, counterId, joinPosition);
  }

  private isAccepting(): boolean {
    return (
      this.state === ACTIVE || (this.state === DRAINING && this.tail.position > this.senderPosition.value)
    );
  }

  /** Cold. */
  removeSubscriber(counterId: number): void {
    // Whoever comes next, alone, goes on behind what this one has read.
    if (this.spies.count > 0) this.followSpies();
    this.spies.remove(counterId);
    this.untethered.remove(counterId);
    this.updateConnected();
  }

  /** The last client is gone: what it wrote is still sent, unless the publication is revoked. Cold. */
  drain(revoke: boolean): void {
    if (this.state !== ACTIVE) return;
    this.tail.update();
    const endPosition = this.tail.position;
    this.publishTail();
    this.publisherLimit.value = endPosition;
    this.publishLimit();
    this.log.setEndOfStreamPosition(endPosition);
    this.blocked.restart();
    if (revoke) {
      this.linger();
      this.isRevoked = true;
      this.isEndOfStream = true;
      this.revocationsLeft = REVOCATIONS;
      // The first heartbeat that says so does not wait for its turn.
      this.timeOfLastSendNs = Number.NEGATIVE_INFINITY;
      this.log.setRevoked();
      this.counters.publicationsRevoked.increment();
    } else {
      this.state = DRAINING;
      if (this.senderPosition.value >= endPosition) this.isEndOfStream = true;
    }
    this.updateConnected();
  }

  /** The state machine. Called once every timer interval. */
  onTimer(): void {
    switch (this.state) {
      case ACTIVE:
        if (this.untethered.count > 0) this.checkUntethered();
        if (!this.spec.isExclusive) this.checkForBlockedPublisher();
        break;
      case DRAINING:
        if (this.untethered.count > 0) this.untethered.checkDraining(this.tail.position);
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
    const { untethered } = this;
    const windowLength = this.termWindowLength;
    const position = this.senderPosition.value;
    this.readSpies();
    untethered.windowLimit = position - windowLength + windowLength / 4;
    untethered.joinPosition = position;
    if (untethered.check()) this.updateConnected();
  }

  private checkForBlockedPublisher(): void {
    const termCount = (this.termId - this.initialTermId) | 0;
    const position = this.senderPosition.value;
    const isBlocked = this.tail.termCount !== termCount || this.tail.position > position;
    if (this.blocked.hasStoodStill(isBlocked, position)) this.blocked.unblock(position);
  }

  private checkDrained(): void {
    const { tail, senderPosition, blocked } = this;
    if (tail.update()) this.publishTail();
    if (tail.position > senderPosition.value) {
      if (blocked.unblock(senderPosition.value)) return;
      if (blocked.hasStoodStill(this.senderLimit.value > senderPosition.value, senderPosition.value)) {
        tail.truncate(senderPosition.value);
        this.publishTail();
      } else if (this.liveness.count > 0) {
        return;
      }
    }
    if (tail.position <= senderPosition.value) this.isEndOfStream = true;
    this.readSpies();
    if (this.spies.count === 0 || this.spies.min >= tail.position) this.linger();
  }

  /** Spies have seen all of it, or shall not. */
  private linger(): void {
    this.state = LINGER;
    this.timeOfLingerNs = this.clock.nanoTime;
    if (this.spies.count > 0) this.context.streamUnavailable(this.registrationId);
  }

  private checkLinger(): void {
    const lingerEndNs = this.timeOfLingerNs + this.spec.lingerTimeoutNs;
    const isStaying = this.clock.nanoTime <= lingerEndNs || this.isTellingRevocation();
    if (!this.hasReceivedUnicastEos && isStaying) return;
    this.state = DONE;
    this.cleaner.close();
    this.endpoint.removePublication(this);
  }

  /** Whether somebody who may be reading has not been told often enough that there is nothing more to read. */
  private isTellingRevocation(): boolean {
    if (this.revocationsLeft <= 0 || !this.hasInitialConnection) return false;
    return this.clock.nanoTime <= this.timeOfLingerNs + REVOCATION_TIMEOUT_NS;
  }
}
