// hot
import type { Region } from '../../memory/region.ts';
import { ERROR_SESSION_ID, ERROR_STREAM_ID, isValidError } from '../../protocol/error-frame.ts';
import {
  FLAGS,
  frameType,
  isValidFrame,
  TYPE_ERR,
  TYPE_NAK,
  TYPE_RSP_SETUP,
  TYPE_RTTM,
  TYPE_SM,
} from '../../protocol/frame.ts';
import { isValidNak, NAK_SESSION_ID, NAK_STREAM_ID } from '../../protocol/nak-frame.ts';
import {
  RESPONSE_SETUP_RESPONSE_SESSION_ID,
  RESPONSE_SETUP_SESSION_ID,
  RESPONSE_SETUP_STREAM_ID,
} from '../../protocol/response-setup-frame.ts';
import { RTTM_SESSION_ID, RTTM_STREAM_ID } from '../../protocol/rttm-frame.ts';
import {
  isValidStatusMessage,
  STATUS_MESSAGE_FLAG_SEND_SETUP,
  STATUS_MESSAGE_RECEIVER_ID,
  STATUS_MESSAGE_SESSION_ID,
  STATUS_MESSAGE_STREAM_ID,
} from '../../protocol/status-message-frame.ts';
import type {
  DatagramBurst,
  DatagramHandler,
  Endpoint,
  EndpointOptions,
  Transport,
} from '../../transport/transport.ts';
import type { AgentContext } from '../agent-context.ts';
import type { AgentCounters } from '../agent-counters.ts';
import type { FrameSender } from '../frame-sender.ts';
import { SessionTable } from '../session-table.ts';
import type { Destinations } from './destinations.ts';
import type { NetworkPublication } from './network-publication.ts';

/** Bounds status messages for streams this endpoint does not know; they are counted like the others. */
const TERM_LENGTH_MAX = 1073741824;

/** The way from a publication to its receivers. */
export interface SendRoute {
  readonly frames: FrameSender;
  /** See {@link Transport.coalescedLengthMax}. */
  readonly coalescedLengthMax: number;
  /** Sends a burst. Returns how many datagrams were accepted, in order. */
  send(burst: DatagramBurst): number;
  /** Sends a frame written to {@link frames}. Returns whether it was accepted. */
  sendFrame(offset: number, length: number): boolean;
  /** A receiver has asked for a setup frame. */
  onSetupElicited(sourceAddress: number, sourcePort: number): void;
  /** The id of the destination that a receiver answers for, or -1. */
  destinationOf(receiverIdLow: number, receiverIdHigh: number, address: number, port: number): number;
  /** Cold. */
  removePublication(publication: NetworkPublication): void;
}

/** The UDP port that publications of one channel send from, and where status messages and NAKs for them arrive. */
export class SendEndpoint implements DatagramHandler, SendRoute {
  readonly frames: FrameSender;
  private readonly transport: Transport;
  private readonly counters: AgentCounters;
  private endpoint: Endpoint | null = null;
  /** Null: there is one, at the remote address. */
  readonly destinations: Destinations | null;
  /** Where all publications of the endpoint go. */
  private remoteAddress = 0;
  private remotePort = 0;
  /** By stream id, then by session id. */
  private readonly publications: SessionTable<NetworkPublication> = new SessionTable();

  constructor(
    context: AgentContext,
    transport: Transport,
    frames: FrameSender,
    destinations: Destinations | null = null,
  ) {
    this.counters = context.counters;
    this.transport = transport;
    this.frames = frames;
    this.destinations = destinations;
  }

  /** See {@link Transport.coalescedLengthMax}. */
  get coalescedLengthMax(): number {
    return this.transport.coalescedLengthMax;
  }

  /** Throws what {@link Transport.open} throws. Cold. */
  open(options: EndpointOptions): Endpoint {
    this.endpoint = this.transport.open(options, this);
    return this.endpoint;
  }

  /** Cold. */
  close(): void {
    this.endpoint?.close();
    this.endpoint = null;
    this.destinations?.close();
  }

  /** Points the endpoint, and so its publications, at another address. Cold. */
  reconnect(remoteAddress: number, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.endpoint?.reconnect(remoteAddress, remotePort);
  }

  /** Adds a publication; every one of an endpoint has the same remote address. Cold. */
  addPublication(publication: NetworkPublication, remoteAddress: number, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.publications.set(publication);
  }

  /** Cold. */
  removePublication(publication: NetworkPublication): void {
    const { sessionId, streamId } = publication;
    if (this.publications.get(sessionId, streamId) !== publication) return;
    this.publications.delete(sessionId, streamId);
    this.destinations?.dropBacklog();
  }

  /** Every receiver of the endpoint is known already, or is not of one publication only. */
  onSetupElicited(): void {}

  /** {@link send}, to one receiver. */
  sendTo(burst: DatagramBurst, address: number, port: number): number {
    const endpoint = this.endpoint;
    return endpoint === null ? 0 : this.transport.send(endpoint, burst, address, port);
  }

  /** {@link sendFrame}, to one receiver. */
  sendFrameTo(offset: number, length: number, address: number, port: number): boolean {
    const endpoint = this.endpoint;
    return endpoint !== null && this.frames.send(endpoint, offset, length, address, port);
  }

  /** Sends a burst. Returns how many datagrams were accepted, in order. */
  send(burst: DatagramBurst): number {
    const endpoint = this.endpoint;
    if (endpoint === null) return 0;
    if (this.destinations !== null) return this.destinations.send(endpoint, burst);
    return this.transport.send(endpoint, burst, this.remoteAddress, this.remotePort);
  }

  /** Sends a frame written to {@link frames}. Returns whether it was accepted. */
  sendFrame(offset: number, length: number): boolean {
    const endpoint = this.endpoint;
    if (endpoint === null) return false;
    if (this.destinations !== null) return this.destinations.sendFrame(endpoint, this.frames, offset, length);
    return this.frames.send(endpoint, offset, length, this.remoteAddress, this.remotePort);
  }

  /** One duty cycle of an endpoint with several destinations: sends what is left of an earlier burst. */
  drain(): void {
    if (this.endpoint !== null) this.destinations?.drain(this.endpoint);
  }

  /** The id of the destination that a receiver answers for, or -1. */
  destinationOf(receiverIdLow: number, receiverIdHigh: number, address: number, port: number): number {
    if (this.destinations === null) return -1;
    return this.destinations.idOf(receiverIdLow, receiverIdHigh, address, port);
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
      case TYPE_SM:
        this.onStatusMessage(view, offset, sourceAddress, sourcePort);
        break;
      case TYPE_NAK:
        this.onNak(view, offset);
        break;
      case TYPE_RSP_SETUP:
        this.onResponseSetup(view, offset);
        break;
      case TYPE_ERR:
        this.onError(view, offset, sourceAddress, sourcePort);
        break;
      case TYPE_RTTM:
        this.find(view, offset + RTTM_STREAM_ID, offset + RTTM_SESSION_ID)?.onRttm(view, offset);
        break;
      default:
        break;
    }
  }

  private onStatusMessage(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    const publication = this.find(
      view,
      offset + STATUS_MESSAGE_STREAM_ID,
      offset + STATUS_MESSAGE_SESSION_ID,
    );
    const termLength = publication === null ? TERM_LENGTH_MAX : publication.termLength;
    if (!isValidStatusMessage(view, offset, termLength)) {
      this.counters.invalidPackets.increment();
      return;
    }
    this.counters.statusMessagesReceived.increment();
    if (publication !== null) {
      if ((view.getUint8(offset + FLAGS) & STATUS_MESSAGE_FLAG_SEND_SETUP) !== 0) {
        publication.onSetupElicited(view, offset, sourceAddress, sourcePort);
      } else if (!publication.onStatusMessage(view, offset)) {
        return;
      }
    }
    if (this.destinations === null) return;
    const receiverIdLow = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_ID, true);
    const receiverIdHigh = view.getInt32(offset + STATUS_MESSAGE_RECEIVER_ID + 4, true);
    this.destinations.onStatusMessage(receiverIdLow, receiverIdHigh, sourceAddress, sourcePort);
  }

  private onResponseSetup(view: DataView, offset: number): void {
    const publication = this.find(
      view,
      offset + RESPONSE_SETUP_STREAM_ID,
      offset + RESPONSE_SETUP_SESSION_ID,
    );
    publication?.onResponseSetup(view.getInt32(offset + RESPONSE_SETUP_RESPONSE_SESSION_ID, true));
  }

  private onNak(view: DataView, offset: number): void {
    const publication = this.find(view, offset + NAK_STREAM_ID, offset + NAK_SESSION_ID);
    if (publication === null) return;
    if (!isValidNak(view, offset, publication.termLength)) {
      this.counters.invalidPackets.increment();
      return;
    }
    this.counters.naksReceived.increment();
    publication.onNak(view, offset);
  }

  private onError(view: DataView, offset: number, sourceAddress: number, sourcePort: number): void {
    if (!isValidError(view, offset)) {
      this.counters.invalidPackets.increment();
      return;
    }
    this.counters.errorFramesReceived.increment();
    const publication = this.find(view, offset + ERROR_STREAM_ID, offset + ERROR_SESSION_ID);
    publication?.onError(view, offset, sourceAddress, sourcePort);
  }

  private find(view: DataView, streamIdOffset: number, sessionIdOffset: number): NetworkPublication | null {
    return this.publications.get(view.getInt32(sessionIdOffset, true), view.getInt32(streamIdOffset, true));
  }
}
