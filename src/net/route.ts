// hot
import { isUnicast } from './ipv4.ts';
import { Ipv4Addresses, type Ipv4Prefix, maskOf } from './ipv4-addresses.ts';

/** A network besides those of our addresses. */
export interface RouteOptions {
  readonly network: number;
  readonly prefixLength: number;
  /** The router that has it behind itself; 0: it is on the link. */
  readonly gatewayAddress: number;
}

/**
 * The routes of a host: the networks of its addresses are on the link, others are on the link too or behind routers of their
 * own, the rest is behind a gateway. Of the networks that an address is in the smallest counts.
 */
export class Route {
  readonly addresses: Ipv4Addresses;
  private readonly address: number;
  private readonly mask: number;
  private readonly gatewayAddress: number;
  /** 0 in networks too small to have one. */
  private readonly broadcastAddress: number;
  /** All networks, our own among them, the smallest first; none when there is no other than that of our one address. */
  private readonly networkCount: number;
  private readonly networks: Int32Array;
  private readonly masks: Int32Array;
  private readonly gateways: Int32Array;

  /**
   * @param address - The first of ours; 0: there is none, and no way to anybody.
   * @param gatewayAddress - 0: there is none, and networks that are not in `routes` cannot be reached.
   * @param further - The others of ours.
   */
  constructor(
    address: number,
    prefixLength: number,
    gatewayAddress: number,
    routes: readonly RouteOptions[] = [],
    further: readonly Ipv4Prefix[] = [],
  ) {
    this.addresses = new Ipv4Addresses(address === 0 ? [] : [{ address, prefixLength }, ...further]);
    this.address = address;
    // Nobody has the address 0, so nobody is in its network of one.
    this.mask = address === 0 ? -1 : maskOf(prefixLength);
    this.gatewayAddress = gatewayAddress;
    this.broadcastAddress = prefixLength > 30 ? 0 : address | ~this.mask;
    const own = [{ address, prefixLength }, ...further].map((prefix) => ({
      network: prefix.address & maskOf(prefix.prefixLength),
      prefixLength: prefix.prefixLength,
      gatewayAddress: 0,
    }));
    const all = routes.length + further.length === 0 ? [] : [...own, ...routes];
    all.sort((a, b) => b.prefixLength - a.prefixLength);
    this.networkCount = all.length;
    this.networks = Int32Array.from(all, ({ network }) => network);
    this.masks = Int32Array.from(all, (network) => maskOf(network.prefixLength));
    this.gateways = Int32Array.from(all, (network) => network.gatewayAddress);
  }

  /** Whose Ethernet address a packet goes to; 0 when there is no way, nor for broadcast and multicast. */
  nextHop(address: number): number {
    if (!isUnicast(address) || address === this.broadcastAddress) return 0;
    if (this.networkCount > 0) return this.nextHopOfNetworks(address);
    return ((address ^ this.address) & this.mask) === 0 ? address : this.gatewayAddress;
  }

  /** Which of our addresses speaks to an address, where nobody said. */
  sourceFor(address: number): number {
    return this.addresses.count === 1 ? this.address : this.addresses.sourceFor(this.nextHop(address));
  }

  private nextHopOfNetworks(address: number): number {
    for (let i = 0; i < this.networkCount; i++) {
      const mask = this.masks[i]!;
      if (((address ^ this.networks[i]!) & mask) !== 0) continue;
      const gateway = this.gateways[i]!;
      if (gateway !== 0) return gateway;
      // The last address of a network is everybody's, where there are more than two.
      return (mask & 2) === 0 && (address | mask) === -1 ? 0 : address;
    }
    return this.gatewayAddress;
  }
}
