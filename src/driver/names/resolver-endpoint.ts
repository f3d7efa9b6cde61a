// hot
import { Region } from '../../memory/region.ts';
import { frameType, isValidFrame, TYPE_RES } from '../../protocol/frame.ts';
import { decodeResolution } from '../../protocol/resolution-frame.ts';
import type { DatagramHandler, Endpoint, EndpointOptions, Transport } from '../../transport/transport.ts';
import type { AgentContext } from '../agent-context.ts';
import type { FrameSender } from '../frame-sender.ts';

/** What neighbours say is for the conductor, whose queue a flood must not fill: so many frames in so long. */
const FRAMES_PER_INTERVAL = 64;
const INTERVAL_NS = 100_000_000;
const FRAME_LENGTH_MAX = 65_504;

/** The UDP port at which drivers tell each other what names they know. */
export class ResolverEndpoint implements DatagramHandler {
  private readonly context: AgentContext;
  private readonly transport: Transport;
  private readonly frames: FrameSender;
  private readonly frame: Region = Region.allocate(FRAME_LENGTH_MAX);
  private readonly endpointId: number;
  private endpoint: Endpoint | null = null;
  private framesLeft = FRAMES_PER_INTERVAL;
  private nextIntervalNs = Number.NaN;

  constructor(context: AgentContext, transport: Transport, frames: FrameSender, endpointId: number) {
    this.context = context;
    this.transport = transport;
    this.frames = frames;
    this.endpointId = endpointId;
    this.nextIntervalNs = context.clock.nanoTime + INTERVAL_NS;
  }

  /** Throws what {@link Transport.open} throws. Cold. */
  open(options: EndpointOptions): Endpoint {
    this.endpoint = this.transport.open(options, this);
    return this.endpoint;
  }

  /** Sends a frame at once. Cold: a few a second. */
  send(frame: Uint8Array, address: number, port: number): void {
    if (this.endpoint === null || frame.length > FRAME_LENGTH_MAX) return;
    this.frame.bytes.set(frame);
    this.frames.sendFrom(this.frame.handle, this.endpoint, 0, frame.length, address, port);
    this.transport.flush(); // The next frame takes the same memory.
  }

  onDatagram(region: Region, offset: number, length: number, address: number, port: number): void {
    const counters = this.context.counters;
    counters.bytesReceived.add(length);
    if (!isValidFrame(region.view, offset, length)) {
      counters.invalidPackets.increment();
    } else if (frameType(region.view, offset) === TYPE_RES) {
      this.onResolution(region, offset, length, address, port);
    }
  }

  /** Cold. */
  private onResolution(region: Region, offset: number, length: number, address: number, port: number): void {
    const { clock, counters, emit } = this.context;
    if (clock.nanoTime >= this.nextIntervalNs) {
      this.nextIntervalNs = clock.nanoTime + INTERVAL_NS;
      this.framesLeft = FRAMES_PER_INTERVAL;
    }
    if (this.framesLeft === 0) {
      counters.conductorOffersFailed.increment();
      return;
    }
    this.framesLeft--;
    const { entries, isValid } = decodeResolution(
      Uint8Array.from(region.bytes.subarray(offset, offset + length)),
    );
    if (!isValid) counters.invalidPackets.increment();
    if (entries.length === 0) return;
    emit({
      kind: 'resolutionReceived',
      endpointId: this.endpointId,
      entries,
      sourceAddress: address,
      sourcePort: port,
    });
  }

  /** Cold. */
  close(): void {
    this.endpoint?.close();
    this.endpoint = null;
    this.frame.close();
  }
}
