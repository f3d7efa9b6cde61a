// hot
import { Region } from '../../memory/region.ts';
import { ANY_IPV6, internIpv6, ipv6Word, ipv6Zone, isIpv6 } from '../../util/ip-address.ts';
import type { IpAddress } from '../transport.ts';

/** Words of an address: four of the address itself, then its zone. */
const WORDS = 5;
/** The order of `Ipv6Table` in native/udp_address.h. */
const REMOTE = 0;
const LOCAL = WORDS;
const GROUP = 2 * WORDS;
const SOURCES = 3 * WORDS;
/** ::ffff:0:0/96, where an IPv6 socket reaches IPv4. */
const MAPPED = 0xffff;

/** IPv6 addresses as native code has them: those of the next call to a set of sockets, and those that datagrams came from. */
export class Ipv6Table {
  readonly region: Region;
  private readonly words: Int32Array;

  constructor(sources: number) {
    this.region = Region.allocate((SOURCES + sources * WORDS) * 4);
    this.words = this.region.i32;
  }

  setRemote(address: IpAddress): void {
    this.set(REMOTE, address);
  }

  setLocal(address: IpAddress): void {
    this.set(LOCAL, address);
  }

  setGroup(address: IpAddress): void {
    this.set(GROUP, address);
  }

  /** What a socket that was just opened is bound to. Cold. */
  get local(): IpAddress {
    return this.get(LOCAL) || ANY_IPV6;
  }

  /** Where the datagram with this place in the incoming table came from; 0 when there is no room for one more address. */
  source(place: number): IpAddress {
    return this.get(SOURCES + place * WORDS);
  }

  private get(at: number): IpAddress {
    const words = this.words;
    return internIpv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, words[at + 4]!);
  }

  private set(at: number, address: IpAddress): void {
    const words = this.words;
    if (isIpv6(address)) {
      for (let i = 0; i < 4; i++) words[at + i] = ipv6Word(address, i);
      words[at + 4] = ipv6Zone(address);
    } else {
      words[at] = 0;
      words[at + 1] = 0;
      words[at + 2] = address === 0 ? 0 : MAPPED;
      words[at + 3] = address;
      words[at + 4] = 0;
    }
  }
}
