// hot
import type { Region } from '../../memory/region.ts';
import { DATA_SESSION_ID, DATA_STREAM_ID, FLAG_EOS } from '../../protocol/data-frame.ts';
import {
  FLAGS,
  frameType,
  isValidFrame,
  TYPE_DATA,
  TYPE_PAD,
  TYPE_RTTM,
  TYPE_SETUP,
} from '../../protocol/frame.ts';
import {
  RTTM_ECHO_TIMESTAMP,
  RTTM_FLAG_REPLY,
  RTTM_RECEIVER_ID,
  RTTM_SESSION_ID,
  RTTM_STREAM_ID,
  writeRttm,
} from '../../protocol/rttm-frame.ts';
import {
  isValidSetup,
  SETUP_ACTIVE_TERM_ID,
  SETUP_INITIAL_TERM_ID,
  SETUP_SESSION_ID,
  SETUP_STREAM_ID,
  SETUP_TERM_LENGTH,
} from '../../protocol/setup-frame.ts';
import {
  addGroupTag,
  STATUS_MESSAGE_FLAG_SEND_SETUP,
  writeStatusMessage,
} from '../../protocol/status-message-frame.ts';
import type { DatagramHandler, Endpoint, EndpointOptions, Transport } from '../../transport/transport.ts';
import { isMulticast } from '../../util/ip-address.ts';
import type { AgentContext } from '../agent-context.ts';
import type { AgentCounters } from '../agent-counters.ts';
import type { FrameSender } from '../frame-sender.ts';
import type { GroupTag, ReceiverSpec, TimestampOffsets } from '../messages.ts';
import { SessionTable } from '../session-table.ts';
import type { Image } from './image.ts';
import { ReceiveDestination } from './receive-destination.ts';
import { ReceiveTimestamps } from './receive-timestamps.ts';
import {
  COOL_DOWN,
  dropPendingSetups,
  INIT_IN_PROGRESS,
  PENDING_SETUP,
  StreamInterest,
} from './stream-interest.ts';

const PENDING_SETUP_TIMEOUT_NS = 1_000_000_000;
const ANNOUNCEMENT_INTERVAL_NS = 1_000_000_000;
/** Positions are doubles; a stream that claims to be this far on cannot be followed. */
const POSITION_MAX = Number.MAX_SAFE_INTEGER;

/**
 * The UDP port that subscriptions of one channel receive at, or the ports of a multi-destination subscription. Finds each
 * datagram's image, by stream and session.
 */
export class ReceiveEndpoint implements DatagramHandler {
  readonly endpointId: number;
  /** The two halves of what senders know this endpoint by. */
  readonly receiverIdLow: number;
  readonly receiverIdHigh: number;
  readonly frames: FrameSender;
  /**
   * Where status messages and NAKs go; null: to the source of the stream. Of several destinations, that of
   * {@link arrivedAt}.
   */
  control: ReceiverSpec['control'];
  /** What senders are told of it; null: none. */
  readonly groupTag: GroupTag | null;
  /** Whether it has destinations instead of a port of its own. */
  readonly isMultiDestination: boolean;
  /** By index; null where one was removed. */
  readonly destinations: (ReceiveDestination | null)[] = [];
  /** Of several destinations, where the datagram that is being handled arrived, and from where. */
  arrivedAt: ReceiveDestination | null = null;
  arrivedFromAddress = 0;
  arrivedFromPort = 0;
  private readonly timestamps: TimestampOffsets | null;
  private readonly transport: Transport;
  private readonly context: AgentContext;
  private readonly counters: AgentCounters;
  private timeOfLastAnnouncementNs = Number.NaN;
  /** The port. Of several destinations, that of {@link arrivedAt}. */
  private endpoint: Endpoint | null = null;
  private readonly interests: Map<number, StreamInterest> = new Map();
  /** The image of the last datagram: most come in runs. */
  private lastImage: Image | null = null;
  /** The images of all {@link interests}. */
  private readonly sessions: SessionTable<Image> = new SessionTable();

  constructor(
    context: AgentContext,
    transport: Transport,
    frames: FrameSender,
    endpointId: number,
    receiverIdLow: number,
    receiverIdHigh: number,
    receiver: ReceiverSpec = { control: null, groupTag: null },
    isMultiDestination = false,
  ) {
    this.isMultiDestination = isMultiDestination;
    this.context = context;
    this.counters = context.counters;
    this.transport = transport;
    this.frames = frames;
    this.endpointId = endpointId;
    this.receiverIdLow = receiverIdLow;
    this.receiverIdHigh = receiverIdHigh;
    this.control = receiver.control;
    this.groupTag = receiver.groupTag;
    this.timestamps = receiver.timestamps ?? null;
    this.timeOfLastAnnouncementNs = Number.NEGATIVE_INFINITY;
  }

  /** Senders are told there from now on. Cold. */
  setControl(address: number, port: number): void {
    this.control = { address, port };
  }

  /** Throws what {@link Transport.open} throws. Cold. */
  open(options: EndpointOptions): Endpoint {
    this.endpoint = this.openPort(options, this);
    return this.endpoint;
  }

  /** A port whose datagrams `handler` gets, with timestamps if the channel wants them. Cold. */
  openPort(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    if (this.timestamps === null) return this.transport.open(options, handler);
    const stamps = new ReceiveTimestamps(handler, this.context.clock, this.timestamps);
    return this.transport.open(
      options,
      stamps,
      this.timestamps.mediaReceive === -1 ? null : stamps.mediaTime,
    );
  }

  /** Cold. */
  close(): void {
    for (const destination of this.destinations) destination?.close();
    this.endpoint?.close();
    this.endpoint = null;
    this.arrivedAt = null;
  }

  /** Throws what {@link Transport.open} throws. Cold. */
  openDestination(
    destinationId: number,
    options: EndpointOptions,
    control: ReceiverSpec['control'],
  ): Endpoint {
    const free = this.destinations.indexOf(null);
    const index = free === -1 ? this.destinations.length : free;
    const destination = new ReceiveDestination(this, destinationId, index, control);
    const opened = destination.open(options);
    this.destinations[index] = destination;
    for (const { images } of this.interests.values()) {
      for (const image of images.values()) image.onDestinationAdded(destination);
    }
    this.announceDestinations();
    return opened;
  }

  /** Cold. */
  closeDestination(destinationId: number): void {
    const destination = this.destination(destinationId);
    if (destination === null) return;
    destination.close();
    this.destinations[destination.index] = null;
    if (this.arrivedAt === destination) {
      this.arrivedAt = null;
      this.endpoint = null;
    }
    for (const { images } of this.interests.values()) {
      for (const image of images.values()) image.onDestinationRemoved(destination);
    }
  }

  /** Cold. */
  destination(destinationId: number): ReceiveDestination | null {
    return this.destinations.find((one) => one?.destinationId === destinationId) ?? null;
  }

  /** The next datagram comes through a destination: what is answered goes out there. */
  arriveAt(destination: ReceiveDestination, sourceAddress: number, sourcePort: number): void {
    this.arrivedAt = destination;
    this.arrivedFromAddress = sourceAddress;
    this.arrivedFromPort = sourcePort;
    this.control = destination.control;
    this.endpoint = destination.endpoint;
  }

  /** Somebody wants the stream; `sessionId` null means all of it. Cold. */
  addInterest(streamId: number, sessionId: number | null): void {
    let interest = this.interests.get(streamId);
    if (interest === undefined) {
      interest = new StreamInterest(streamId);
      this.interests.set(streamId, interest);
    }
    if (sessionId === null) {
      interest.isAllSessions = true;
    } else {
      interest.subscribedSessions.add(sessionId);
    }
  }

  /** Nobody wants it any more. Cold. */
  removeInterest(streamId: number, sessionId: number | null): void {
    const interest = this.interests.get(streamId);
    if (interest === undefined) return;
    if (sessionId === null) {
      interest.isAllSessions = false;
    } else {
      interest.subscribedSessions.delete(sessionId);
    }
    interest.dropUnsubscribed(this.sessions);
    this.lastImage = null;
    if (interest.isEmpty) this.interests.delete(streamId);
  }

  /** Cold. */
  addImage(image: Image): void {
    const interest = this.interests.get(image.streamId);
    if (interest === undefined) return;
    interest.states.delete(image.sessionId);
    interest.images.set(image.sessionId, image);
    this.sessions.set(image);
    this.lastImage = null;
  }

  /** The image has drained. Without an end of stream and without rejoin, its session must not come back. Cold. */
  removeImage(image: Image): void {
    const interest = this.interests.get(image.streamId);
    if (interest?.images.get(image.sessionId) !== image) return;
    interest.images.delete(image.sessionId);
    this.sessions.delete(image.sessionId, image.streamId);
    this.lastImage = null;
    if (!image.isEndOfStream && !image.rejoin) {
      interest.setState(image.sessionId, COOL_DOWN);
    }
    if (interest.isEmpty) this.interests.delete(image.streamId);
  }

  /** The conductor made no image of a setup. Cold. */
  onImageNotCreated(streamId: number, sessionId: number): void {
    const states = this.interests.get(streamId)?.states;
    if (states?.get(sessionId)?.state === INIT_IN_PROGRESS) states.delete(sessionId);
  }

  /** Forgets setups that were asked for in vain. */
  checkPendingSetups(): void {
    dropPendingSetups(this.interests, this.context.clock.nanoTime);
    if (this.isMultiDestination) this.announceDestinations();
    else if (this.control !== null) this.announce(this.control.address, this.control.port);
  }

  /** A sender that is one machine finds its receivers by their status messages: it gets one every second. */
  private announce(controlAddress: number, controlPort: number): void {
    const nowNs = this.context.clock.nanoTime;
    if (nowNs <= this.timeOfLastAnnouncementNs + ANNOUNCEMENT_INTERVAL_NS) return;
    if (this.interests.size === 0 || isMulticast(controlAddress)) return;
    if (this.elicit(0, 0, controlAddress, controlPort)) this.timeOfLastAnnouncementNs = nowNs;
  }

  /** {@link announce}, through every destination with a control address. */
  private announceDestinations(): void {
    if (this.interests.size === 0) return;
    for (let i = 0; i < this.destinations.length; i++) {
      const destination = this.destinations[i]!;
      if (destination === null || !destination.isAnnouncementDue(this.context.clock.nanoTime)) continue;
      const { address, port } = destination.control!;
      this.arriveAt(destination, address, port);
      this.elicit(0, 0, address, port);
    }
  }

  /** Adds the group tag, if there is one, to a status message written to {@link frames}. Returns its length. */
  addGroupTag(offset: number, length: number): number {
    const tag = this.groupTag;
    return tag === null ? length : addGroupTag(this.frames.view, offset, tag.low, tag.high);
  }

  /** Answers the source of a frame, or the control address in its place. Returns whether that was accepted. */
  private answer(offset: number, length: number, sourceAddress: number, sourcePort: number): boolean {
    const control = this.control;
    return control === null
      ? this.sendFrame(offset, length, sourceAddress, sourcePort)
      : this.sendFrame(offset, length, control.address, control.port);
  }

  /** Sends a frame written to {@link frames}. Returns whether it was accepted. */
  sendFrame(offset: number, length: number, address: number, port: number): boolean {
    const endpoint = this.endpoint;
    if (endpoint === null) return false;
    return this.frames.send(endpoint, offset, length, address, port);
  }

  /** Sends the first `length` bytes of a region. Returns whether they were accepted. */
  sendFrom(handle: number, length: number, address: number, port: number): boolean {
    const endpoint = this.endpoint;
    if (endpoint === null) return false;
    return this.frames.sendFrom(handle, endpoint, 0, length, address, port);
  }

  onDatagram(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    const view = region.view;
    this.counters.bytesReceived.add(length);
    if (!isValidFrame(view, offset, length)) {
      this.counters.invalidPackets.increment();
      return;
    }
    switch (frameType(view, offset)) {
      case TYPE_DATA:
      case TYPE_PAD:
        this.onData(region, offset, length, sourceAddress, sourcePort);
        break;
      case TYPE_SETUP:
        this.onSetup(view, offset, sourceAddress, sourcePort);
        break;
      case TYPE_RTTM:
        this.onRttm(view, offset, sourceAddress, sourcePort);
        break;
      default:
        break;
    }
  }

  private onData(region: Region, offset: number, length: number, address: number, port: number): void {
    const view = region.view;
    const streamId = view.getInt32(offset + DATA_STREAM_ID, true);
    const sessionId = view.getInt32(offset + DATA_SESSION_ID, true);
    const lastImage = this.lastImage;
    if (lastImage !== null && lastImage.sessionId === sessionId && lastImage.streamId === streamId) {
      lastImage.onData(region, offset, length);
      return;
    }
    const image = this.sessions.get(sessionId, streamId);
    if (image !== null) {
      this.lastImage = image;
      image.onData(region, offset, length);
      return;
    }
    const interest = this.interests.get(streamId);
    if (interest === undefined) return;
    if ((view.getUint8(offset + FLAGS) & FLAG_EOS) === 0 && !interest.states.has(sessionId)) {
      if (interest.isFor(sessionId)) this.elicitSetup(interest, sessionId, address, port);
    }
  }

  /** Asks the control address for the setup frame of a session that somebody wants and nobody has. Cold. */
  requestSetup(streamId: number, sessionId: number): void {
    const { control } = this;
    const interest = this.interests.get(streamId);
    if (control === null || interest === undefined || interest.images.has(sessionId)) return;
    const state = interest.states.get(sessionId)?.state ?? PENDING_SETUP;
    if (state === PENDING_SETUP) this.elicitSetup(interest, sessionId, control.address, control.port);
  }

  /** Asks a sender that is not known to introduce itself. */
  private elicitSetup(interest: StreamInterest, sessionId: number, address: number, port: number): void {
    if (!interest.hasRoom) {
      this.counters.conductorOffersFailed.increment();
      return;
    }
    if (!this.elicit(sessionId, interest.streamId, address, port)) return;
    const deadlineNs = this.context.clock.nanoTime + PENDING_SETUP_TIMEOUT_NS;
    interest.setState(sessionId, PENDING_SETUP, deadlineNs);
  }

  /** Asks for a setup frame. Returns whether that was sent. */
  private elicit(sessionId: number, streamId: number, address: number, port: number): boolean {
    const frames = this.frames;
    const offset = frames.claim();
    if (offset < 0) return false;
    const { receiverIdLow, receiverIdHigh } = this;
    const untaggedLength = writeStatusMessage(
      frames.view,
      offset,
      STATUS_MESSAGE_FLAG_SEND_SETUP,
      sessionId,
      streamId,
      0,
      0,
      0,
      receiverIdLow,
      receiverIdHigh,
    );
    const length = this.addGroupTag(offset, untaggedLength);
    if (!this.answer(offset, length, address, port)) return false;
    this.counters.statusMessagesSent.increment();
    return true;
  }

  private onSetup(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    if (!isValidSetup(view, offset)) {
      this.counters.invalidPackets.increment();
      return;
    }
    const streamId = view.getInt32(offset + SETUP_STREAM_ID, true);
    const sessionId = view.getInt32(offset + SETUP_SESSION_ID, true);
    const interest = this.interests.get(streamId);
    if (interest === undefined) return;
    const image = interest.images.get(sessionId);
    if (image !== undefined) {
      image.onActivity();
      return;
    }
    const known = interest.states.get(sessionId);
    if (known === undefined ? !interest.isFor(sessionId) : known.state !== PENDING_SETUP) return;
    if (!this.context.takesSetups || (known === undefined && !interest.hasRoom)) {
      this.counters.conductorOffersFailed.increment();
      return;
    }
    const initialTermId = view.getInt32(offset + SETUP_INITIAL_TERM_ID, true);
    const activeTermId = view.getInt32(offset + SETUP_ACTIVE_TERM_ID, true);
    const termLength = view.getInt32(offset + SETUP_TERM_LENGTH, true);
    const termCount = (activeTermId - initialTermId) | 0;
    if (termCount < 0 || (termCount + 1) * termLength > POSITION_MAX) {
      this.counters.invalidPackets.increment();
      return;
    }
    interest.setState(sessionId, INIT_IN_PROGRESS);
    const destinationId = this.arrivedAt === null ? 0 : this.arrivedAt.destinationId;
    this.context.setupReceived(this.endpointId, destinationId, view, offset, sourceAddress, sourcePort);
  }

  /** Echoes a round trip time measurement of the sender, or hears the echo of ours. */
  private onRttm(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    const idLow = view.getInt32(offset + RTTM_RECEIVER_ID, true);
    const idHigh = view.getInt32(offset + RTTM_RECEIVER_ID + 4, true);
    const isForAll = idLow === 0 && idHigh === 0;
    if (!isForAll && (idLow !== this.receiverIdLow || idHigh !== this.receiverIdHigh)) return;
    const streamId = view.getInt32(offset + RTTM_STREAM_ID, true);
    const sessionId = view.getInt32(offset + RTTM_SESSION_ID, true);
    const image = this.interests.get(streamId)?.images.get(sessionId);
    if (image === undefined) return;
    if ((view.getUint8(offset + FLAGS) & RTTM_FLAG_REPLY) === 0) {
      image.onRttm(view, offset);
      return;
    }
    const frames = this.frames;
    const replyOffset = frames.claim();
    if (replyOffset < 0) return;
    const length = writeRttm(
      frames.view,
      replyOffset,
      0,
      sessionId,
      streamId,
      view.getInt32(offset + RTTM_ECHO_TIMESTAMP, true),
      view.getInt32(offset + RTTM_ECHO_TIMESTAMP + 4, true),
      0,
      0,
      this.receiverIdLow,
      this.receiverIdHigh,
    );
    this.answer(replyOffset, length, sourceAddress, sourcePort);
  }
}
