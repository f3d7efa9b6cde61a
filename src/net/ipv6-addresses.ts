// hot
import { ANY_IPV6, internIpv6, ipv6Word, isMulticast, retainAddress } from '../util/ip-address.ts';
import { isLinkLocal } from './ipv6.ts';

/** An address of ours, and how many of its first bits all hosts of the link have. */
export interface Ipv6Prefix {
  readonly address: number;
  readonly prefixLength: number;
}

/** What is known of an address of ours: whether somebody else has it is being asked, nobody has, somebody has. */
export const TENTATIVE = 0;
export const PREFERRED = 1;
export const DUPLICATE = 2;

const LINK_LOCAL_WORD_0 = 0xfe800000 | 0;

/** Our addresses on a link, and the way to others': what is on the link is reached directly, the rest by a gateway. */
export class Ipv6Addresses {
  /** ff02::1, where every host of the link is. */
  readonly allNodes: number = retainAddress(internIpv6(0xff020000 | 0, 0, 0, 1, 0));
  readonly count: number;
  readonly numbers: Int32Array;
  /** {@link TENTATIVE}, {@link PREFERRED} or {@link DUPLICATE}. */
  readonly states: Uint8Array;
  /** The groups that hosts who look for these addresses send to: RFC 4291, 2.7.1. */
  readonly solicitedNodes: Int32Array;
  private readonly prefixLengths: Uint8Array;
  private readonly gatewayAddress: number;
  private readonly linkLocalIndex: number;

  /**
   * Where none is link-local, one is made of the card's address: RFC 4291, appendix A.
   * @param gatewayAddress - 0: there is none, and other networks cannot be reached.
   */
  constructor(prefixes: readonly Ipv6Prefix[], gatewayAddress: number, macHigh: number, macLow: number) {
    const all = prefixes.map(({ address, prefixLength }) => ({
      address: withoutZone(address),
      prefixLength,
    }));
    let linkLocalIndex = all.findIndex(({ address }) => isLinkLocal(ipv6Word(address, 0)));
    if (linkLocalIndex < 0) {
      linkLocalIndex = all.length;
      all.push({ address: linkLocalOf(macHigh, macLow), prefixLength: 64 });
    }
    this.linkLocalIndex = linkLocalIndex;
    this.gatewayAddress = gatewayAddress === 0 ? 0 : withoutZone(gatewayAddress);
    this.count = all.length;
    this.numbers = Int32Array.from(all, ({ address }) => address);
    this.prefixLengths = Uint8Array.from(all, ({ prefixLength }) => prefixLength);
    this.states = new Uint8Array(all.length);
    this.solicitedNodes = this.numbers.map((address) => solicitedNode(address));
  }

  /** The place of an address of ours that these words are, or -1. */
  indexOf(word0: number, word1: number, word2: number, word3: number): number {
    for (let i = 0; i < this.count; i++) {
      const address = this.numbers[i]!;
      if (
        ipv6Word(address, 3) === word3 &&
        ipv6Word(address, 2) === word2 &&
        ipv6Word(address, 1) === word1 &&
        ipv6Word(address, 0) === word0
      ) {
        return i;
      }
    }
    return -1;
  }

  /** Whether the address is one of ours. */
  has(address: number): boolean {
    return this.numbers.indexOf(address) >= 0;
  }

  /** Whether it is ours and nobody else's. */
  isUsable(address: number): boolean {
    const index = this.numbers.indexOf(address);
    return index >= 0 && this.states[index] === PREFERRED;
  }

  /** Whether somebody else had it first. */
  isDuplicate(address: number): boolean {
    const index = this.numbers.indexOf(address);
    return index < 0 || this.states[index] === DUPLICATE;
  }

  /** What reports on groups come from: the link-local address, or `::` until it is known to be ours. */
  get reportSource(): number {
    return this.states[this.linkLocalIndex] === PREFERRED ? this.numbers[this.linkLocalIndex]! : ANY_IPV6;
  }

  /** Which of our addresses, whatever is known of it, speaks to `destination`: RFC 6724 in short. */
  sourceFor(destination: number): number {
    const word0 = ipv6Word(destination, 0);
    const isOnThisLink = isLinkLocal(word0) || word0 >>> 16 === 0xff02;
    if (isOnThisLink) return this.numbers[this.linkLocalIndex]!;
    let source = -1;
    for (let i = 0; i < this.count; i++) {
      if (this.inPrefix(destination, i)) return this.numbers[i]!;
      if (source < 0 && i !== this.linkLocalIndex) source = i;
    }
    return this.numbers[source < 0 ? this.linkLocalIndex : source]!;
  }

  /** Whose Ethernet address a packet goes to; 0 when there is no way. */
  nextHop(destination: number): number {
    const word0 = ipv6Word(destination, 0);
    const isLoopback = word0 === 0 && ipv6Word(destination, 1) === 0 && ipv6Word(destination, 2) === 0;
    if (isMulticast(destination) || isLoopback) return 0;
    if (isLinkLocal(word0)) return destination;
    for (let i = 0; i < this.count; i++) if (this.inPrefix(destination, i)) return destination;
    return this.gatewayAddress;
  }

  private inPrefix(destination: number, index: number): boolean {
    const own = this.numbers[index]!;
    const length = this.prefixLengths[index]!;
    for (let i = 0; i < 4; i++) {
      const bits = length - 32 * i;
      if (bits <= 0) return true;
      const differing = ipv6Word(destination, i) ^ ipv6Word(own, i);
      if ((bits >= 32 ? differing : differing >>> (32 - bits)) !== 0) return false;
    }
    return true;
  }
}

/** The group ff02::1:ffxx:xxxx of an address. Cold. */
export function solicitedNode(address: number): number {
  return retainAddress(internIpv6(0xff020000 | 0, 0, 1, 0xff000000 | (ipv6Word(address, 3) & 0xffffff), 0));
}

/** The same address on a card's only link. Cold. */
export function withoutZone(address: number): number {
  return retainAddress(
    internIpv6(ipv6Word(address, 0), ipv6Word(address, 1), ipv6Word(address, 2), ipv6Word(address, 3), 0),
  );
}

function linkLocalOf(macHigh: number, macLow: number): number {
  const word2 = ((macHigh ^ 0x0200) << 16) | ((macLow >>> 24) << 8) | 0xff;
  return retainAddress(internIpv6(LINK_LOCAL_WORD_0, 0, word2, 0xfe000000 | (macLow & 0xffffff), 0));
}
