// hot
import type { EpochNs } from '../../concurrent/clock.ts';
import type { Region } from '../../memory/region.ts';
import type { DatagramHandler, IpAddress } from '../transport.ts';

/** `kArrivalTimeLength` of native/udp_socket_set.h. */
const ARRIVAL_TIME_LENGTH = 8;

/** Reads when the kernel had a datagram, which the end of its slot says, before it is handed over. */
export class TimedDatagrams implements DatagramHandler {
  private readonly next: DatagramHandler;
  private readonly arrivalTime: EpochNs;
  private readonly slotLength: number;

  constructor(next: DatagramHandler, arrivalTime: EpochNs, slotLength: number) {
    this.next = next;
    this.arrivalTime = arrivalTime;
    this.slotLength = slotLength;
  }

  onDatagram(region: Region, offset: number, length: number, address: IpAddress, port: number): void {
    const { slotLength } = this;
    const slotEnd = offset - (offset % slotLength) + slotLength;
    this.arrivalTime.low = region.view.getInt32(slotEnd - ARRIVAL_TIME_LENGTH, true);
    this.arrivalTime.high = region.view.getInt32(slotEnd - ARRIVAL_TIME_LENGTH + 4, true);
    this.next.onDatagram(region, offset, length, address, port);
  }
}
