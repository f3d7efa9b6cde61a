// hot
import { isUnicast } from './ipv4.ts';

/** A network besides that of our address. */
export interface RouteOptions {
  readonly network: number;
  readonly prefixLength: number;
  /** The router that has it behind itself; 0: it is on the link. */
  readonly gatewayAddress: number;
}

/**
 * The routes of a host with one address: its own network is on the link, others are on the link too or behind routers of their
 * own, the rest is behind a gateway. Of the networks that an address is in the smallest counts.
 */
export class Route {
  readonly address: number;
  private readonly mask: number;
  private readonly gatewayAddress: number;
  /** 0 in networks too small to have one. */
  private readonly broadcastAddress: number;
  /** All networks, our own among them, the smallest first; none when there is no other than our own. */
  private readonly networkCount: number;
  private readonly networks: Int32Array;
  private readonly masks: Int32Array;
  private readonly gateways: Int32Array;

  /** @param gatewayAddress - 0: there is none, and networks that are not in `routes` cannot be reached. */
  constructor(
    address: number,
    prefixLength: number,
    gatewayAddress: number,
    routes: readonly RouteOptions[] = [],
  ) {
    this.address = address;
    this.mask = maskOf(prefixLength);
    this.gatewayAddress = gatewayAddress;
    this.broadcastAddress = prefixLength > 30 ? 0 : address | ~this.mask;
    const own = { network: address & this.mask, prefixLength, gatewayAddress: 0 };
    const all = routes.length === 0 ? [] : [own, ...routes];
    all.sort((a, b) => b.prefixLength - a.prefixLength);
    this.networkCount = all.length;
    this.networks = Int32Array.from(all, ({ network }) => network);
    this.masks = Int32Array.from(all, (network) => maskOf(network.prefixLength));
    this.gateways = Int32Array.from(all, (network) => network.gatewayAddress);
  }

  /** Whether an address is in the network of ours. */
  isOnLink(address: number): boolean {
    return ((address ^ this.address) & this.mask) === 0;
  }

  /** Whose Ethernet address a packet goes to; 0 when there is no way, nor for broadcast and multicast. */
  nextHop(address: number): number {
    if (!isUnicast(address) || address === this.broadcastAddress) return 0;
    if (this.networkCount > 0) return this.nextHopOfNetworks(address);
    return this.isOnLink(address) ? address : this.gatewayAddress;
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

function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}
