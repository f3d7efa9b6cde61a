import type { CncFile } from '../../cnc/cnc-file.ts';
import { type DriverEvent, encodeEvent, eventTypeId } from '../../cnc/events.ts';
import { BroadcastTransmitter } from '../../concurrent/broadcast-transmitter.ts';
import type { EventLog } from '../event-log/event-log.ts';

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

/** Logs what clients are told, too. */
export class LoggedEventTransmitter extends EventTransmitter {
  private readonly log: EventLog;

  constructor(cnc: CncFile, log: EventLog) {
    super(cnc);
    this.log = log;
  }

  override transmit(event: DriverEvent): void {
    this.log.onEvent(event);
    super.transmit(event);
  }
}
