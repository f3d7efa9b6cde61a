import type { OpenedSocket } from '../../native/udp.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import type { DatagramHandler, Endpoint, IpAddress } from '../transport.ts';
import type { KernelTransport } from './kernel-transport.ts';

/** A bound UDP socket. */
export class KernelEndpoint implements Endpoint {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  /** As getsockopt gives it: Linux doubles what was asked for and stops at twice `net.core.rmem_max`. */
  readonly receiveBufferLength: number;
  /** As {@link receiveBufferLength}, of `net.core.wmem_max`. */
  readonly sendBufferLength: number;
  readonly handler: DatagramHandler;
  /** Whether the kernel knows the remote address, and lets no other be heard. */
  readonly isConnected: boolean;
  /** The family of the socket; one of IPv6 reaches IPv4 too, as ::ffff:0:0/96. */
  readonly isIpv6: boolean;
  /** Where every datagram goes to; port 0 when each send says. */
  remoteAddress: IpAddress;
  remotePort: number;
  /** Place in the transport's table of endpoints. */
  readonly index: number;
  isClosed = false;
  private readonly transport: KernelTransport;

  constructor(
    transport: KernelTransport,
    index: number,
    socket: OpenedSocket,
    isConnected: boolean,
    remoteAddress: IpAddress,
    remotePort: number,
    handler: DatagramHandler,
  ) {
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    this.receiveBufferLength = socket.receiveBufferLength;
    this.sendBufferLength = socket.sendBufferLength;
    this.handler = handler;
    this.isConnected = isConnected;
    this.isIpv6 = isIpv6(socket.localAddress);
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.index = index;
    this.transport = transport;
  }

  reconnect(remoteAddress: IpAddress, remotePort: number): void {
    this.transport.reconnect(this, remoteAddress, remotePort);
  }

  close(): void {
    this.transport.closeEndpoint(this);
  }
}
