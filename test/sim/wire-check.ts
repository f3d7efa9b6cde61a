/** Looks at every packet that is sent: whether it keeps to the protocol, and what the driver should have counted. */
import {
  DATA_SESSION_ID,
  DATA_STREAM_ID,
  DATA_TERM_ID,
  DATA_TERM_OFFSET,
} from '../../src/protocol/data-frame.ts';
import {
  FLAGS,
  frameLength,
  frameType,
  HEADER_LENGTH,
  TYPE_DATA,
  TYPE_NAK,
  TYPE_PAD,
  TYPE_SETUP,
  TYPE_SM,
} from '../../src/protocol/frame.ts';
import {
  NAK_GAP_LENGTH,
  NAK_SESSION_ID,
  NAK_STREAM_ID,
  NAK_TERM_ID,
  NAK_TERM_OFFSET,
} from '../../src/protocol/nak-frame.ts';
import {
  SETUP_ACTIVE_TERM_ID,
  SETUP_INITIAL_TERM_ID,
  SETUP_MTU,
  SETUP_SESSION_ID,
  SETUP_STREAM_ID,
  SETUP_TERM_LENGTH,
  SETUP_TERM_OFFSET,
} from '../../src/protocol/setup-frame.ts';
import {
  STATUS_MESSAGE_CONSUMPTION_TERM_ID,
  STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET,
  STATUS_MESSAGE_FLAG_SEND_SETUP,
  STATUS_MESSAGE_RECEIVER_ID,
  STATUS_MESSAGE_RECEIVER_WINDOW,
  STATUS_MESSAGE_SESSION_ID,
  STATUS_MESSAGE_STREAM_ID,
} from '../../src/protocol/status-message-frame.ts';
import type { NetworkTap, Packet, SimulatedTime } from '../../src/testing/index.ts';
import { align } from '../../src/util/bits.ts';
import { messageOf } from '../../src/util/errors.ts';
import { formatSocketAddress } from '../../src/util/ip-text.ts';
import { check } from './failure.ts';

const USE_NS = 1e6;
/** CUBIC's first window. */
const CUBIC_FRAMES = 10;
const TYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
/** Ethernet, IPv4 and UDP. */
const UDP_PAYLOAD = 42;

/** What the wire has shown of one session. */
interface WireSession {
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  /** The end of what was sent, or announced. */
  sentEnd: number;
  /** The furthest that any receiver has allowed, or asked for. */
  limit: number;
  /** What each receiver has said it consumed. */
  readonly consumed: Map<bigint, number>;
  /** The smallest and the largest window that each machine has told; for congestion control. */
  readonly windows: Map<number, { min: number; max: number }>;
}

/** What there is to see on the wire. */
export interface WireExpectations {
  /**
   * No subscription ends while its stream goes on. An image that is given up and the one after it both speak for a while,
   * as they do in official drivers.
   */
  readonly hasSteadyReceivers: boolean;
  /** Stream ids whose receivers lower their window when something is lost, and say so before they ask for it. */
  readonly cubicStreams: ReadonlySet<number>;
  /** Of receivers, at first. */
  readonly windowLength: number;
}

/** What a machine has sent since its driver started. */
export class SentCounts {
  naks = 0;
  statusMessages = 0;
  heartbeats = 0;
  retransmittedBytes = 0;
}

export class WireCheck implements NetworkTap {
  private readonly sessions: Map<string, WireSession> = new Map();
  private readonly counts: Map<number, SentCounts> = new Map();
  /** When data of a session last went to an address, for sessions that somebody has asked for. */
  private readonly uses: Map<string, number> = new Map();
  private readonly watched: Set<number> = new Set();
  private readonly time: SimulatedTime;
  private readonly hasSteadyReceivers: boolean;
  private readonly cubicStreams: ReadonlySet<number>;
  private readonly windowLength: number;
  private readonly report: (failure: string) => void;

  /** What a driver throws it also catches: failures are told to `report`. */
  constructor(time: SimulatedTime, expectations: WireExpectations, report: (failure: string) => void) {
    this.time = time;
    this.hasSteadyReceivers = expectations.hasSteadyReceivers;
    this.cubicStreams = expectations.cubicStreams;
    this.windowLength = expectations.windowLength;
    this.report = report;
  }

  /** Of the machine with that address. */
  countsOf(address: number): SentCounts {
    let counts = this.counts.get(address);
    if (counts === undefined) {
      counts = new SentCounts();
      this.counts.set(address, counts);
    }
    return counts;
  }

  /** A driver starts: it counts from 0. */
  reset(address: number): void {
    this.counts.delete(address);
  }

  /** Whether data of a session has just gone to a channel's endpoint. From the first question on, it is looked at. */
  isUsed(sessionId: number, channel: string): boolean {
    this.watched.add(sessionId);
    const address = /endpoint=([\d.]+:\d+)/.exec(channel)?.[1];
    const lastNs = this.uses.get(`${sessionId} ${address}`) ?? Number.NEGATIVE_INFINITY;
    return this.time.nowNs - lastNs < USE_NS;
  }

  onSent(packet: Packet): void {
    try {
      this.look(packet);
    } catch (error) {
      this.report(messageOf(error));
    }
  }

  private look({ bytes, isFrame, from, destination, destinationPort }: Packet): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!isFrame) {
      this.onDatagram(view, bytes.length, from, destination, destinationPort);
    } else if (view.getUint16(12) === TYPE_IPV4 && view.getUint8(23) === PROTOCOL_UDP) {
      const payload = new DataView(bytes.buffer, bytes.byteOffset + UDP_PAYLOAD);
      this.onDatagram(payload, view.getUint16(38) - 8, from, view.getInt32(30), view.getUint16(36));
    }
  }

  private onDatagram(view: DataView, length: number, from: number, address: number, port: number): void {
    switch (frameType(view, 0)) {
      case TYPE_DATA:
      case TYPE_PAD:
        this.onUse(view.getInt32(DATA_SESSION_ID, true), address, port);
        this.onData(view, length, from);
        break;
      case TYPE_SETUP:
        this.onSetup(view);
        break;
      case TYPE_SM:
        this.onStatusMessage(view, from);
        break;
      case TYPE_NAK:
        this.onNak(view, from);
        break;
      default:
        break;
    }
  }

  private onUse(sessionId: number, address: number, port: number): void {
    if (!this.watched.has(sessionId)) return;
    this.uses.set(`${sessionId} ${formatSocketAddress(address, port)}`, this.time.nowNs);
  }

  private onSetup(view: DataView): void {
    const key = keyOf(view, SETUP_SESSION_ID, SETUP_STREAM_ID);
    const known = this.sessions.get(key);
    if (known !== undefined) {
      this.announce(known, view.getInt32(SETUP_ACTIVE_TERM_ID, true), view.getInt32(SETUP_TERM_OFFSET, true));
      return;
    }
    this.sessions.set(key, {
      initialTermId: view.getInt32(SETUP_INITIAL_TERM_ID, true),
      termLength: view.getInt32(SETUP_TERM_LENGTH, true),
      mtu: view.getInt32(SETUP_MTU, true),
      sentEnd: 0,
      limit: 0,
      consumed: new Map(),
      windows: new Map(),
    });
  }

  private onData(view: DataView, length: number, from: number): void {
    const key = keyOf(view, DATA_SESSION_ID, DATA_STREAM_ID);
    const session = this.sessions.get(key);
    check(session !== undefined, () => `data of session ${key} before its setup`);
    const { termLength, mtu } = session!;
    if (frameLength(view, 0) === 0) {
      this.announce(session!, view.getInt32(DATA_TERM_ID, true), view.getInt32(DATA_TERM_OFFSET, true));
      this.countsOf(from).heartbeats++;
      return;
    }
    check(length <= mtu, () => `a datagram of ${length} bytes of session ${key}, whose MTU is ${mtu}`);
    const start = positionAt(
      session!,
      view.getInt32(DATA_TERM_ID, true),
      view.getInt32(DATA_TERM_OFFSET, true),
    );
    let termOffset = view.getInt32(DATA_TERM_OFFSET, true);
    let lengthOfPadding = 0;
    for (let offset = 0; offset < length; ) {
      const frame = frameLength(view, offset);
      check(
        view.getInt32(offset + DATA_TERM_OFFSET, true) === termOffset,
        () => `session ${key}: a frame is not where it says`,
      );
      const isPadding = frameType(view, offset) === TYPE_PAD;
      check(frame >= HEADER_LENGTH, () => `session ${key}: a frame of ${frame} bytes`);
      termOffset += align(frame, 32);
      check(
        termOffset <= termLength,
        () => `session ${key}: a frame ends at ${termOffset} of a term of ${termLength} bytes`,
      );
      const sentLength = isPadding ? HEADER_LENGTH : align(frame, 32);
      lengthOfPadding = align(frame, 32) - sentLength;
      offset += sentLength;
      check(offset <= length, () => `session ${key}: a frame reaches beyond its datagram`);
    }
    const end = start + length;
    check(
      end <= session!.limit,
      () => `session ${key}: data up to ${end} is sent, its receivers allow ${session!.limit}`,
    );
    if (start < session!.sentEnd) this.countsOf(from).retransmittedBytes += length;
    session!.sentEnd = Math.max(session!.sentEnd, end + lengthOfPadding);
  }

  /** What spies have read while nobody else listened counts as sent. */
  private announce(session: WireSession, termId: number, termOffset: number): void {
    session.sentEnd = Math.max(session.sentEnd, positionAt(session, termId, termOffset));
  }

  private onStatusMessage(view: DataView, from: number): void {
    this.countsOf(from).statusMessages++;
    if ((view.getUint8(FLAGS) & STATUS_MESSAGE_FLAG_SEND_SETUP) !== 0) return;
    const key = keyOf(view, STATUS_MESSAGE_SESSION_ID, STATUS_MESSAGE_STREAM_ID);
    const session = this.sessions.get(key);
    check(session !== undefined, () => `a status message for session ${key} before its setup`);
    const consumed = positionAt(
      session!,
      view.getInt32(STATUS_MESSAGE_CONSUMPTION_TERM_ID, true),
      view.getInt32(STATUS_MESSAGE_CONSUMPTION_TERM_OFFSET, true),
    );
    const receiver = view.getBigInt64(STATUS_MESSAGE_RECEIVER_ID, true);
    const before = session!.consumed.get(receiver) ?? 0;
    check(
      consumed >= before || !this.hasSteadyReceivers,
      () => `session ${key}: a receiver consumed ${before}, and now ${consumed}`,
    );
    session!.consumed.set(receiver, consumed);
    const window = view.getInt32(STATUS_MESSAGE_RECEIVER_WINDOW, true);
    const limit = consumed + window;
    const { min, max } = session!.windows.get(from) ?? { min: window, max: window };
    session!.windows.set(from, { min: Math.min(min, window), max: Math.max(max, window) });
    session!.limit = Math.max(session!.limit, limit);
  }

  private onNak(view: DataView, from: number): void {
    this.countsOf(from).naks++;
    const key = keyOf(view, NAK_SESSION_ID, NAK_STREAM_ID);
    const session = this.sessions.get(key);
    check(session !== undefined, () => `a NAK for session ${key} before its setup`);
    const termOffset = view.getInt32(NAK_TERM_OFFSET, true);
    const end =
      positionAt(session!, view.getInt32(NAK_TERM_ID, true), termOffset) +
      view.getInt32(NAK_GAP_LENGTH, true);
    check(
      end <= session!.sentEnd,
      () => `session ${key}: a NAK up to ${end}, sent was up to ${session!.sentEnd}`,
    );
    session!.limit = Math.max(session!.limit, end);
    if (this.cubicStreams.has(view.getInt32(NAK_STREAM_ID, true))) this.checkCongestion(session!, key, from);
  }

  /** Who asks again for something by congestion control has lowered its window for it. */
  private checkCongestion({ windows, mtu, termLength }: WireSession, key: string, from: number): void {
    const { min = 0, max = 0 } = windows.get(from) ?? {};
    const atFirst =
      Math.min(CUBIC_FRAMES, Math.floor(Math.min(this.windowLength, termLength / 2) / mtu)) * mtu;
    check(
      min < max || min < atFirst || min <= mtu,
      () => `session ${key}: a NAK, and the receiver's window of ${max} was never lowered`,
    );
  }
}

function keyOf(view: DataView, sessionId: number, streamId: number): string {
  return `${view.getInt32(sessionId, true)} of stream ${view.getInt32(streamId, true)}`;
}

function positionAt({ initialTermId, termLength }: WireSession, termId: number, termOffset: number): number {
  return ((termId - initialTermId) | 0) * termLength + termOffset;
}
