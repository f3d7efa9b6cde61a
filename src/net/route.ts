// hot
import { isUnicast } from './ipv4.ts';

/** The routes of a host with one address: its own network is on the link, the rest behind a gateway. */
export class Route {
  readonly address: number;
  private readonly mask: number;
  private readonly gatewayAddress: number;
  /** 0 in networks too small to have one. */
  private readonly broadcastAddress: number;

  /** @param gatewayAddress - 0: there is none, and other networks cannot be reached. */
  constructor(address: number, prefixLength: number, gatewayAddress: number) {
    this.address = address;
    this.mask = prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
    this.gatewayAddress = gatewayAddress;
    this.broadcastAddress = prefixLength > 30 ? 0 : address | ~this.mask;
  }

  isOnLink(address: number): boolean {
    return ((address ^ this.address) & this.mask) === 0;
  }

  /** Whose Ethernet address a packet goes to; 0 when there is no way, nor for broadcast and multicast. */
  nextHop(address: number): number {
    if (!isUnicast(address) || address === this.broadcastAddress) return 0;
    return this.isOnLink(address) ? address : this.gatewayAddress;
  }
}
