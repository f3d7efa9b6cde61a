// hot
import { addWord, fold } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, TYPE_IPV4 } from './ethernet.ts';
import { DONT_FRAGMENT, IPV4_HEADER_LENGTH, PROTOCOL_UDP, TIME_TO_LIVE, VERSION_AND_LENGTH } from './ipv4.ts';
import { UDP_HEADER_LENGTH } from './udp.ts';

const TYPE_WORD = (TYPE_IPV4 << 16) | VERSION_AND_LENGTH;
const FRAGMENT_WORD = (DONT_FRAGMENT << 16) | (TIME_TO_LIVE << 8) | PROTOCOL_UDP;
const HEADERS_LENGTH = IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH;

/** Ethernet, IPv4 and UDP headers are this long together. */
export const DATAGRAM_HEADER_LENGTH: number = ETHERNET_HEADER_LENGTH + HEADERS_LENGTH;

/**
 * The 42 bytes before a UDP payload, as eleven words of which only two lengths and the checksums change from datagram to
 * datagram. Pointed at a flow, then written as often as it has datagrams.
 */
export class DatagramHeader {
  private word0 = 0;
  private word1 = 0;
  private word2 = 0;
  /** Source and destination address and their halves, as the header has them. */
  private source = 0;
  private destination = 0;
  private ports = 0;
  /** Sums of what does not change. */
  private ipv4Sum = 0;
  private pseudoSum = 0;

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
  ): void {
    this.word0 = (destinationHigh << 16) | (destinationLow >>> 16);
    this.word1 = (destinationLow << 16) | sourceHigh;
    this.word2 = sourceLow;
    this.source = source;
    this.destination = destination;
    this.ports = (sourcePort << 16) | destinationPort;
    const addresses = addWord(addWord(0, source), destination);
    this.ipv4Sum = addresses + VERSION_AND_LENGTH + DONT_FRAGMENT + (FRAGMENT_WORD & 0xffff);
    this.pseudoSum = addresses + PROTOCOL_UDP;
  }

  /**
   * Writes the headers of a datagram. The UDP checksum's field gets the sum of the pseudo-header, for the device to
   * complete.
   */
  write(view: DataView, offset: number, payloadLength: number): void {
    const totalLength = HEADERS_LENGTH + payloadLength;
    const udpLength = UDP_HEADER_LENGTH + payloadLength;
    const ipv4Checksum = ~fold(this.ipv4Sum + totalLength) & 0xffff;
    const source = this.source;
    const destination = this.destination;
    view.setInt32(offset, this.word0);
    view.setInt32(offset + 4, this.word1);
    view.setInt32(offset + 8, this.word2);
    view.setInt32(offset + 12, TYPE_WORD);
    view.setInt32(offset + 16, totalLength << 16);
    view.setInt32(offset + 20, FRAGMENT_WORD);
    view.setInt32(offset + 24, (ipv4Checksum << 16) | (source >>> 16));
    view.setInt32(offset + 28, (source << 16) | (destination >>> 16));
    view.setInt32(offset + 32, (destination << 16) | (this.ports >>> 16));
    view.setInt32(offset + 36, (this.ports << 16) | udpLength);
    view.setUint16(offset + 40, fold(this.pseudoSum + udpLength));
  }
}
