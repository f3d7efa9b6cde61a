// hot
import { type Clock, EpochNs } from '../../concurrent/clock.ts';
import type { Region } from '../../memory/region.ts';
import { FRAME_ALIGNMENT, FRAME_LENGTH, HEADER_LENGTH } from '../../protocol/frame.ts';
import type { DatagramHandler } from '../../transport/transport.ts';
import type { TimestampOffsets } from '../messages.ts';
import { stampFrame } from '../timestamps/frame-timestamp.ts';

/**
 * Stands before an endpoint whose channel has `media-rcv-ts-offset` or `channel-rcv-ts-offset`: writes into every message
 * when the machine had it, and when we did. Others have nothing before them.
 */
export class ReceiveTimestamps implements DatagramHandler {
  /** For the transport to say when the machine had the next datagram. 0: it does not know, so that is when we have it. */
  readonly mediaTime: EpochNs = new EpochNs();
  private readonly channelTime: EpochNs = new EpochNs();
  private readonly next: DatagramHandler;
  private readonly clock: Clock;
  private readonly offsets: TimestampOffsets;

  constructor(next: DatagramHandler, clock: Clock, offsets: TimestampOffsets) {
    this.next = next;
    this.clock = clock;
    this.offsets = offsets;
  }

  onDatagram(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    this.clock.readEpochNs(this.channelTime);
    const hasMediaTime = this.mediaTime.high !== 0 || this.mediaTime.low !== 0;
    const mediaTime = hasMediaTime ? this.mediaTime : this.channelTime;
    const view = region.view;
    let frameOffset = 0;
    while (length - frameOffset >= HEADER_LENGTH) {
      const frame = offset + frameOffset;
      const frameLength = view.getInt32(frame + FRAME_LENGTH, true);
      if (frameLength < HEADER_LENGTH || frameLength > length - frameOffset) break;
      stampFrame(view, frame, frameLength, this.offsets.mediaReceive, mediaTime);
      stampFrame(view, frame, frameLength, this.offsets.channelReceive, this.channelTime);
      frameOffset += (frameLength + (FRAME_ALIGNMENT - 1)) & -FRAME_ALIGNMENT;
    }
    this.next.onDatagram(region, offset, length, sourceAddress, sourcePort);
  }
}
