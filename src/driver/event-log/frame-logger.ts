// hot
import { CopyBurst } from '../../memory/copy-burst.ts';
import { Region } from '../../memory/region.ts';
import { describeFrame } from '../../protocol/describe-frame.ts';
import { frameType, TYPE, TYPE_NAK } from '../../protocol/frame.ts';
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

/** Whether a log wants to see every datagram that arrives. */
export function logsIncoming(log: EventLog): boolean {
  return log.logs('FRAME_IN') || log.logs('NAK_RECEIVED');
}

/** Whether a log wants to see every datagram that is sent. */
export function logsOutgoing(log: EventLog): boolean {
  return log.logs('FRAME_OUT') || log.logs('NAK_SENT');
}

/** Cold. */
function record(
  log: EventLog,
  events: { readonly frame: string | null; readonly nak: string | null },
  address: string,
  view: DataView,
  offset: number,
  length: number,
): void {
  const isNak = length >= TYPE + 2 && frameType(view, offset) === TYPE_NAK;
  const nak = isNak ? events.nak : null;
  if (events.frame === null && nak === null) return;
  const text = `${address} ${describeFrame(view, offset, length)}`;
  if (events.frame !== null) log.log(events.frame, text);
  if (nak !== null) log.log(nak, text);
}

/** The names of events that are wanted. Cold. */
function wantedEvents(
  log: EventLog,
  frame: string,
  nak: string,
): { frame: string | null; nak: string | null } {
  return { frame: log.logs(frame) ? frame : null, nak: log.logs(nak) ? nak : null };
}

/** Logs the first frame of every datagram that arrives. A driver that logs frames is not in a hurry. */
export class IncomingFrameLogger implements IncomingInterceptor {
  private readonly log: EventLog;
  private readonly events: ReturnType<typeof wantedEvents>;

  constructor(log: EventLog) {
    this.log = log;
    this.events = wantedEvents(log, 'FRAME_IN', 'NAK_RECEIVED');
  }

  /** Cold. */
  onDatagram(
    ...[next, region, offset, length, address, port]: Parameters<IncomingInterceptor['onDatagram']>
  ): void {
    record(this.log, this.events, formatSocketAddress(address, port), region.view, offset, length);
    next.onDatagram(region, offset, length, address, port);
  }
}

/** Logs the first frame of every datagram that was sent. */
export class OutgoingFrameLogger implements OutgoingInterceptor {
  private readonly log: EventLog;
  private readonly header: Region = Region.allocate(HEADER_LENGTH_MAX);
  private readonly copy: CopyBurst = new CopyBurst(1);
  private readonly events: ReturnType<typeof wantedEvents>;

  constructor(log: EventLog) {
    this.log = log;
    this.events = wantedEvents(log, 'FRAME_OUT', 'NAK_SENT');
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
      record(this.log, this.events, to, this.header.view, 0, length);
    }
    return sent;
  }

  close(): void {
    this.header.close();
    this.copy.close();
  }
}
