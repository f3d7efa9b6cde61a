// hot
import { addBytes, fold } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, TYPE_IPV6, writeEthernet } from './ethernet.ts';
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH, IPV6_SOURCE, NEXT_UDP, writeIpv6 } from './ipv6.ts';
import { UDP_CHECKSUM, UDP_DESTINATION_PORT, UDP_HEADER_LENGTH, UDP_LENGTH, UDP_SOURCE_PORT } from './udp.ts';

const PACKET = ETHERNET_HEADER_LENGTH;
const DATAGRAM = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH;
const WORDS = 16;
/** Ethernet, IPv6 and UDP headers are this long together. */
export const IPV6_DATAGRAM_HEADER_LENGTH: number = DATAGRAM + UDP_HEADER_LENGTH;

/**
 * The 62 bytes before a UDP payload, of which only two lengths and the checksum change from datagram to datagram. Pointed
 * at a flow, then written as often as it has datagrams.
 */
export class Ipv6DatagramHeader {
  private readonly template: DataView = new DataView(new ArrayBuffer(WORDS * 4));
  /** What is written: the template, word by word. */
  private readonly words: Int32Array = new Int32Array(WORDS);
  private pseudoSum = 0;
  /** The length that `words` were made for, -1: none. */
  private payloadLength = -1;

  /** Who speaks to whom. */
  point(
    destinationHigh: number,
    destinationLow: number,
    sourceHigh: number,
    sourceLow: number,
    source: number,
    destination: number,
    sourcePort: number,
    destinationPort: number,
    hopLimit: number,
  ): void {
    const view = this.template;
    writeEthernet(view, 0, destinationHigh, destinationLow, sourceHigh, sourceLow, TYPE_IPV6);
    writeIpv6(view, PACKET, 0, NEXT_UDP, hopLimit, source, destination);
    view.setUint16(DATAGRAM + UDP_SOURCE_PORT, sourcePort);
    view.setUint16(DATAGRAM + UDP_DESTINATION_PORT, destinationPort);
    this.pseudoSum = addBytes(NEXT_UDP, view, PACKET + IPV6_SOURCE, IPV6_HEADER_LENGTH - IPV6_SOURCE);
    this.payloadLength = -1;
  }

  /**
   * Writes the headers of a datagram. The UDP checksum's field gets the sum of the pseudo-header, for the device to
   * complete.
   */
  write(view: DataView, offset: number, payloadLength: number): void {
    if (payloadLength !== this.payloadLength) this.setLength(payloadLength);
    const words = this.words;
    // Two bytes more than the headers have: the payload, copied later, goes there.
    for (let i = 0; i < WORDS; i++) view.setInt32(offset + i * 4, words[i]!);
  }

  private setLength(payloadLength: number): void {
    const view = this.template;
    const udpLength = UDP_HEADER_LENGTH + payloadLength;
    view.setUint16(PACKET + IPV6_PAYLOAD_LENGTH, udpLength);
    view.setUint16(DATAGRAM + UDP_LENGTH, udpLength);
    view.setUint16(DATAGRAM + UDP_CHECKSUM, fold(this.pseudoSum + udpLength));
    for (let i = 0; i < WORDS; i++) this.words[i] = view.getInt32(i * 4);
    this.payloadLength = payloadLength;
  }
}
