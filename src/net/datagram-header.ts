// hot
import { addWord, fold } from '../util/internet-checksum.ts';
import { ETHERNET_HEADER_LENGTH, TYPE_IPV4 } from './ethernet.ts';
import { DONT_FRAGMENT, IPV4_HEADER_LENGTH, PROTOCOL_UDP, VERSION_AND_LENGTH } from './ipv4.ts';
import { UDP_HEADER_LENGTH } from './udp.ts';

const TYPE_WORD = (TYPE_IPV4 << 16) | VERSION_AND_LENGTH;
/** But for the time to live. */
const FRAGMENT_WORD = (DONT_FRAGMENT << 16) | PROTOCOL_UDP;
const HEADERS_LENGTH = IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH;

/** Ethernet, IPv4 and UDP headers are this long together. */
export const DATAGRAM_HEADER_LENGTH: number = ETHERNET_HEADER_LENGTH + HEADERS_LENGTH;

/**
 * The 42 bytes before a UDP payload, as eleven words of which only two lengths and the checksums change from datagram to
 * datagram. Pointed at a flow, then written as often as it has datagrams. What follows from the length is kept: most
 * datagrams of a flow are as long as the one before.
 */
export class DatagramHeader {
  private word0 = 0;
  private word1 = 0;
  private word2 = 0;
  private word5 = 0;
  private word7 = 0;
  private word8 = 0;
  /** The upper half of word 6 is the IPv4 checksum, the lower half of word 9 the length. */
  private word6 = 0;
  private word9 = 0;
  /** Sums of what does not change. */
  private ipv4Sum = 0;
  private pseudoSum = 0;
  /** The length that what follows was made for, -1: none. */
  private payloadLength = -1;
  private lengthWord = 0;
  private checksumWord = 0;
  private portsWord = 0;
  private pseudoChecksum = 0;

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
    timeToLive: number,
  ): void {
    this.word0 = (destinationHigh << 16) | (destinationLow >>> 16);
    this.word1 = (destinationLow << 16) | sourceHigh;
    this.word2 = sourceLow;
    this.word5 = FRAGMENT_WORD | (timeToLive << 8);
    this.word6 = source >>> 16;
    this.word7 = (source << 16) | (destination >>> 16);
    this.word8 = (destination << 16) | sourcePort;
    this.word9 = destinationPort << 16;
    const addresses = addWord(addWord(0, source), destination);
    this.ipv4Sum = addresses + VERSION_AND_LENGTH + DONT_FRAGMENT + (this.word5 & 0xffff);
    this.pseudoSum = addresses + PROTOCOL_UDP;
    this.payloadLength = -1;
  }

  /**
   * Writes the headers of a datagram. The UDP checksum's field gets the sum of the pseudo-header, for the device to
   * complete.
   */
  write(view: DataView, offset: number, payloadLength: number): void {
    if (payloadLength !== this.payloadLength) this.setLength(payloadLength);
    view.setInt32(offset, this.word0);
    view.setInt32(offset + 4, this.word1);
    view.setInt32(offset + 8, this.word2);
    view.setInt32(offset + 12, TYPE_WORD);
    view.setInt32(offset + 16, this.lengthWord);
    view.setInt32(offset + 20, this.word5);
    view.setInt32(offset + 24, this.checksumWord);
    view.setInt32(offset + 28, this.word7);
    view.setInt32(offset + 32, this.word8);
    view.setInt32(offset + 36, this.portsWord);
    view.setUint16(offset + 40, this.pseudoChecksum);
  }

  private setLength(payloadLength: number): void {
    const totalLength = HEADERS_LENGTH + payloadLength;
    const udpLength = UDP_HEADER_LENGTH + payloadLength;
    this.payloadLength = payloadLength;
    this.lengthWord = totalLength << 16;
    this.checksumWord = (~fold(this.ipv4Sum + totalLength) << 16) | this.word6;
    this.portsWord = this.word9 | udpLength;
    this.pseudoChecksum = fold(this.pseudoSum + udpLength);
  }
}
