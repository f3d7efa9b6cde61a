// hot
import type { Region } from '../../memory/region.ts';
import type { DatagramHandler, Endpoint, EndpointOptions } from '../../transport/transport.ts';
import { isMulticast } from '../../util/ip-address.ts';
import type { ReceiverSpec } from '../messages.ts';
import type { ReceiveEndpoint } from './receive-endpoint.ts';

/** How often a publisher that sends to those it hears of is reminded of us. */
const ANNOUNCEMENT_INTERVAL_NS = 1_000_000_000;

/** One of the UDP ports that a multi-destination subscription receives at. */
export class ReceiveDestination implements DatagramHandler {
  readonly destinationId: number;
  /** Its place among the destinations of the endpoint, and among the connections of each image. */
  readonly index: number;
  /** Where status messages and NAKs go; null: to the source of the stream. */
  readonly control: ReceiverSpec['control'];
  /** Null: removed. */
  endpoint: Endpoint | null = null;
  private readonly owner: ReceiveEndpoint;
  private nextAnnouncementNs = Number.NaN;

  constructor(
    owner: ReceiveEndpoint,
    destinationId: number,
    index: number,
    control: ReceiverSpec['control'],
  ) {
    this.owner = owner;
    this.destinationId = destinationId;
    this.index = index;
    this.control = control;
    this.nextAnnouncementNs = 0;
  }

  /** Throws what `Transport.open` throws. */
  open(options: EndpointOptions): Endpoint {
    this.endpoint = this.owner.openPort(options, this);
    return this.endpoint;
  }

  close(): void {
    this.endpoint?.close();
    this.endpoint = null;
  }

  onDatagram(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    this.owner.arriveAt(this, sourceAddress, sourcePort);
    this.owner.onDatagram(region, offset, length, sourceAddress, sourcePort);
  }

  /** Whether it is time to tell the control address, if it is one machine's, that we are here. Then the next time is set. */
  isAnnouncementDue(nowNs: number): boolean {
    if (this.control === null || isMulticast(this.control.address)) return false;
    if (this.endpoint === null || nowNs < this.nextAnnouncementNs) return false;
    this.nextAnnouncementNs = nowNs + ANNOUNCEMENT_INTERVAL_NS;
    return true;
  }
}
