// hot
import type { DatagramHandler, Endpoint, IpAddress, MulticastOptions } from '../transport.ts';

/** Where a channel names no other: groups of this network only (RFC 1112, 6.1). */
export const GROUP_TIME_TO_LIVE = 1;

/** Knows which endpoints there are. */
export interface EndpointOwner {
  /** The endpoint is no longer there. */
  release(endpoint: BypassEndpoint): void;
}

/** A UDP port of the bypass stack, at its own address or at that of a group. */
export class BypassEndpoint implements Endpoint {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly receiveBufferLength: number;
  readonly sendBufferLength: number;
  readonly handler: DatagramHandler;
  /** 0: not connected. */
  remoteAddress: IpAddress;
  remotePort: number;
  /** The group whose datagrams it hears; 0: it hears those to our own address. */
  readonly groupAddress: IpAddress;
  /** Of datagrams to groups. */
  readonly ttl: number;
  private readonly owner: EndpointOwner;
  private open = true;

  constructor(
    owner: EndpointOwner,
    localAddress: IpAddress,
    localPort: number,
    remoteAddress: IpAddress,
    remotePort: number,
    receiveBufferLength: number,
    sendBufferLength: number,
    handler: DatagramHandler,
    multicast: MulticastOptions | null,
  ) {
    this.owner = owner;
    this.groupAddress = multicast === null ? 0 : multicast.groupAddress;
    this.ttl = multicast === null || multicast.ttl === 0 ? GROUP_TIME_TO_LIVE : multicast.ttl;
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.receiveBufferLength = receiveBufferLength;
    this.sendBufferLength = sendBufferLength;
    this.handler = handler;
  }

  /** True unless the endpoint is connected to somebody else. */
  accepts(sourceAddress: IpAddress, sourcePort: number): boolean {
    return (
      this.remoteAddress === 0 || (this.remoteAddress === sourceAddress && this.remotePort === sourcePort)
    );
  }

  reconnect(remoteAddress: IpAddress, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.owner.release(this);
  }
}
