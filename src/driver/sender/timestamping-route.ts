// hot
import { type Clock, EpochNs } from '../../concurrent/clock.ts';
import type { DatagramBurst } from '../../transport/transport.ts';
import type { FrameSender } from '../frame-sender.ts';
import { stampFrame } from '../timestamps/frame-timestamp.ts';
import type { NetworkPublication } from './network-publication.ts';
import type { SendRoute } from './send-endpoint.ts';

/**
 * The way of a publication whose channel has `channel-snd-ts-offset`: when a datagram is sent is written into the message
 * at its start, in the log itself, as the official drivers do. Others go the way behind it at once.
 */
export class TimestampingRoute implements SendRoute {
  readonly frames: FrameSender;
  private readonly next: SendRoute;
  private readonly clock: Clock;
  private readonly log: DataView;
  private readonly timestampOffset: number;
  private readonly time: EpochNs = new EpochNs();

  /** `log` is what the datagrams are parts of. */
  constructor(next: SendRoute, clock: Clock, log: DataView, timestampOffset: number) {
    this.frames = next.frames;
    this.next = next;
    this.clock = clock;
    this.log = log;
    this.timestampOffset = timestampOffset;
  }

  get coalescedLengthMax(): number {
    return this.next.coalescedLengthMax;
  }

  send(burst: DatagramBurst): number {
    this.clock.readEpochNs(this.time);
    for (let i = 0; i < burst.count; i++) {
      stampFrame(this.log, burst.offsetAt(i), burst.lengthAt(i), this.timestampOffset, this.time);
    }
    return this.next.send(burst);
  }

  sendFrame(offset: number, length: number): boolean {
    return this.next.sendFrame(offset, length);
  }

  onSetupElicited(sourceAddress: number, sourcePort: number): void {
    this.next.onSetupElicited(sourceAddress, sourcePort);
  }

  destinationOf(receiverIdLow: number, receiverIdHigh: number, address: number, port: number): number {
    return this.next.destinationOf(receiverIdLow, receiverIdHigh, address, port);
  }

  removePublication(publication: NetworkPublication): void {
    this.next.removePublication(publication);
  }
}
