// hot
import { CopyBurst } from '../../memory/copy-burst.ts';
import { Region } from '../../memory/region.ts';
import { describeFrame } from '../../protocol/describe-frame.ts';
import type {
  DatagramSender,
  IncomingInterceptor,
  OutgoingInterceptor,
} from '../../transport/interceptors.ts';
import type { DatagramBurst, Endpoint } from '../../transport/transport.ts';
import { formatSocketAddress } from '../../util/ip-text.ts';
import type { EventLog } from './event-log.ts';

/** No frame's fields reach further. */
const HEADER_LENGTH_MAX = 64;

/** Logs the first frame of every datagram that arrives. A driver that logs frames is not in a hurry. */
export class IncomingFrameLogger implements IncomingInterceptor {
  private readonly log: EventLog;

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Cold. */
  onDatagram(
    ...[next, region, offset, length, address, port]: Parameters<IncomingInterceptor['onDatagram']>
  ): void {
    const frame = describeFrame(region.view, offset, length);
    this.log.log('FRAME_IN', `${formatSocketAddress(address, port)} ${frame}`);
    next.onDatagram(region, offset, length, address, port);
  }
}

/** Logs the first frame of every datagram that was sent. */
export class OutgoingFrameLogger implements OutgoingInterceptor {
  private readonly log: EventLog;
  private readonly header: Region = Region.allocate(HEADER_LENGTH_MAX);
  private readonly copy: CopyBurst = new CopyBurst(1);

  constructor(log: EventLog) {
    this.log = log;
  }

  /** Cold. */
  send(
    next: DatagramSender,
    endpoint: Endpoint,
    burst: DatagramBurst,
    address: number,
    port: number,
  ): number {
    const sent = next.send(endpoint, burst, address, port);
    for (let i = 0; i < sent; i++) {
      const length = burst.lengthAt(i);
      const headerLength = Math.min(length, HEADER_LENGTH_MAX);
      this.copy.add(this.header.handle, 0, burst.handleAt(i), burst.offsetAt(i), headerLength);
      this.copy.copy();
      const to = port === 0 ? 'connected' : formatSocketAddress(address, port);
      this.log.log('FRAME_OUT', `${to} ${describeFrame(this.header.view, 0, length)}`);
    }
    return sent;
  }

  close(): void {
    this.header.close();
    this.copy.close();
  }
}
