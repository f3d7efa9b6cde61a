import { getSystemErrorName } from 'node:util';
import { Region } from '../../memory/region.ts';
import type { TransportStatistics } from '../transport-statistics.ts';

const DATAGRAMS_SENT = 0;
const BYTES_SENT = 1;
const DATAGRAMS_RECEIVED = 2;
const BYTES_RECEIVED = 3;
const SHORT_SENDS = 4;
const SEND_ERRORS = 5;
const RECEIVE_ERRORS = 6;
const INVALID_SENDS = 7;
const LAST_ERRNO = 8;
const COALESCED_SENDS = 9;
const COALESCED_RECEIVES = 10;
const COALESCING_REFUSALS = 11;
const WORDS = 12;

/** Statistics that native code keeps, in the order of `Statistics` in native/udp_socket_set.h. */
export class KernelStatistics implements TransportStatistics {
  readonly region: Region = Region.allocate(WORDS * 8);
  /** The kernel knows whose a datagram is. */
  readonly datagramsHandedOver: number = 0;
  readonly handOversDropped: number = 0;
  private readonly words: Float64Array = new Float64Array(this.region.buffer);

  /** A datagram of IPv6 is dropped: so many addresses are held that there is no room for its source's. */
  countUnknownSource(): void {
    this.words[RECEIVE_ERRORS]!++;
  }

  /** A socket of IPv4 cannot reach IPv6. What was to be sent is lost. */
  countUnreachable(): void {
    this.words[SEND_ERRORS]!++;
  }

  get datagramsSent(): number {
    return this.words[DATAGRAMS_SENT]!;
  }

  get bytesSent(): number {
    return this.words[BYTES_SENT]!;
  }

  get datagramsReceived(): number {
    return this.words[DATAGRAMS_RECEIVED]!;
  }

  get bytesReceived(): number {
    return this.words[BYTES_RECEIVED]!;
  }

  get shortSends(): number {
    return this.words[SHORT_SENDS]!;
  }

  get sendErrors(): number {
    return this.words[SEND_ERRORS]!;
  }

  get receiveErrors(): number {
    return this.words[RECEIVE_ERRORS]!;
  }

  get invalidSends(): number {
    return this.words[INVALID_SENDS]!;
  }

  /** Messages to the kernel that held several datagrams each. */
  get coalescedSends(): number {
    return this.words[COALESCED_SENDS]!;
  }

  /** Messages from the kernel that held several datagrams each. */
  get coalescedReceives(): number {
    return this.words[COALESCED_RECEIVES]!;
  }

  /** Sockets whose route does not take coalesced messages, or none with datagrams of some length. */
  get coalescingRefusals(): number {
    return this.words[COALESCING_REFUSALS]!;
  }

  get lastError(): string {
    const errno = this.words[LAST_ERRNO]!;
    return errno === 0 ? '' : getSystemErrorName(-errno);
  }
}
