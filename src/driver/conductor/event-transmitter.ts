import type { CncFile } from '../../cnc/cnc-file.ts';
import { type DriverEvent, encodeEvent, eventTypeId } from '../../cnc/events.ts';
import { BroadcastTransmitter } from '../../concurrent/broadcast-transmitter.ts';

/** Room for a log's path, or a channel, or an error text, and the rest of an event. */
const EVENT_LENGTH_MAX = 16 * 1024;

/** Tells clients what happened. All of them see every event. */
export class EventTransmitter {
  private readonly broadcast: BroadcastTransmitter;
  private readonly bytes: Buffer = Buffer.alloc(EVENT_LENGTH_MAX);

  constructor(cnc: CncFile) {
    this.broadcast = new BroadcastTransmitter(cnc.region, cnc.toClients.offset, cnc.toClients.length);
  }

  transmit(event: DriverEvent): void {
    const length = encodeEvent(event, this.bytes);
    this.broadcast.transmit(eventTypeId(event), this.bytes, 0, length);
  }

  operationSucceeded(correlationId: number): void {
    this.transmit({ type: 'operationSuccess', correlationId });
  }
}
