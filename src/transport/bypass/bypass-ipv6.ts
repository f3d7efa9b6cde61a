// hot
import type { IpStack } from '../../net/ip-stack.ts';
import { IPV6_HEADER_LENGTH } from '../../net/ipv6.ts';
import type { Ipv6Host } from '../../net/ipv6-host.ts';
import { TX_UNREACHABLE, TX_UNRESOLVED } from '../../net/net-statistics.ts';
import { READY, UNRESOLVED } from '../../net/send-state.ts';
import { UDP_HEADER_LENGTH } from '../../net/udp.ts';
import { AeronError } from '../../util/errors.ts';
import { ANY_IPV6, internIpv6, ipv6Word, ipv6Zone, isIpv6, isMulticast } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import { type DatagramBurst, type IpAddress, WORDS_PER_DATAGRAM } from '../transport.ts';
import { AddressPorts } from './address-ports.ts';
import type { BypassEndpoint } from './bypass-endpoint.ts';
import { LOCAL_SENT, LOCAL_SENT_BYTES, SENDS_TOO_LONG } from './bypass-statistics.ts';
import type { LocalDatagrams } from './local-datagrams.ts';

/** What {@link BypassTransport} does for endpoints of IPv6: they have ports of their own, and datagrams 20 bytes shorter. */
export class BypassIpv6 {
  readonly ports: AddressPorts;
  readonly maxDatagramLength: number;
  private readonly stack: IpStack;
  private readonly host: Ipv6Host;
  private readonly local: LocalDatagrams;
  private readonly counts: Float64Array;

  /** `agentIndex` and `agentCount` as for {@link AddressPorts}. */
  constructor(
    stack: IpStack,
    host: Ipv6Host,
    agentIndex: number,
    agentCount: number,
    local: LocalDatagrams,
    counts: Float64Array,
  ) {
    this.stack = stack;
    this.host = host;
    this.ports = new AddressPorts(host.addresses.numbers, agentIndex, agentCount);
    this.local = local;
    this.counts = counts;
    this.maxDatagramLength = stack.device.mtu - IPV6_HEADER_LENGTH - UDP_HEADER_LENGTH;
  }

  /** Throws AeronError `EADDRNOTAVAIL` for an address that is not ours. Cold. */
  checkOwn(address: IpAddress): void {
    const { addresses } = this.host;
    if (address === ANY_IPV6 || addresses.has(address)) return;
    throw new AeronError(
      'EADDRNOTAVAIL',
      `${formatIpAddress(address)} is none of the addresses of the DPDK port, ` +
        `${Array.from(addresses.numbers, formatIpAddress).join(', ')}. Use one of those in the channel.`,
    );
  }

  /** The same address on the card's only link: an interface that is named with it says nothing here. */
  withoutZone(address: IpAddress): IpAddress {
    if (!isIpv6(address) || ipv6Zone(address) === 0) return address;
    return internIpv6(
      ipv6Word(address, 0),
      ipv6Word(address, 1),
      ipv6Word(address, 2),
      ipv6Word(address, 3),
      0,
    );
  }

  /** As {@link Transport.send}. A datagram to a group leaves, and comes back if there is a member among our own endpoints. */
  send(endpoint: BypassEndpoint, burst: DatagramBurst, toAddress: IpAddress, port: number): number {
    const { stack, host } = this;
    const { localPort } = endpoint;
    const address = this.withoutZone(toAddress);
    const isGroup = isMulticast(address);
    const source = host.sourceFor(address, endpoint.localAddress);
    if (host.addresses.has(address)) return this.add(burst, address, localPort, address, port, false, true);
    const state = isGroup
      ? host.startGroupDatagrams(source, address, localPort, port, endpoint.ttl)
      : host.startDatagrams(source, address, localPort, port);
    if (state === UNRESOLVED) {
      stack.statistics[TX_UNRESOLVED]!++;
      return 0;
    }
    if (state !== READY) {
      // Lost, as a kernel loses them: a sender of several destinations goes on.
      stack.statistics[TX_UNREACHABLE]! += burst.count;
      return burst.count;
    }
    const isLocalToo = isGroup && host.mld.membership.isMember(address);
    return this.add(burst, source, localPort, address, port, true, isLocalToo);
  }

  private add(
    burst: DatagramBurst,
    source: IpAddress,
    localPort: number,
    address: IpAddress,
    port: number,
    leaves: boolean,
    isLocal: boolean,
  ): number {
    const { host, local, counts } = this;
    const words = burst.words;
    let accepted = 0;
    for (; accepted < burst.count; accepted++) {
      const word = accepted * WORDS_PER_DATAGRAM;
      const handle = words[word]!;
      const offset = words[word + 1]!;
      const length = words[word + 2]!;
      if (length > this.maxDatagramLength) {
        counts[SENDS_TOO_LONG]!++;
        continue;
      }
      if (isLocal && local.isFull) break;
      if (leaves && !host.addDatagram(handle, offset, length)) break;
      if (!isLocal) continue;
      local.add(handle, offset, length, source, localPort, address, port);
      if (leaves) continue;
      counts[LOCAL_SENT]!++;
      counts[LOCAL_SENT_BYTES]! += length;
    }
    local.copyQueued();
    return accepted;
  }
}
