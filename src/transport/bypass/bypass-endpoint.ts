// hot
import type { DatagramHandler, Endpoint, Ipv4Address } from '../transport.ts';
import type { PortTable } from './port-table.ts';

/** A UDP port of the bypass stack. */
export class BypassEndpoint implements Endpoint {
  readonly localAddress: Ipv4Address;
  readonly localPort: number;
  readonly receiveBufferLength: number;
  readonly sendBufferLength: number;
  readonly handler: DatagramHandler;
  /** 0: not connected. */
  remoteAddress: Ipv4Address;
  remotePort: number;
  private readonly ports: PortTable;
  private open = true;

  constructor(
    ports: PortTable,
    localAddress: Ipv4Address,
    localPort: number,
    remoteAddress: Ipv4Address,
    remotePort: number,
    receiveBufferLength: number,
    sendBufferLength: number,
    handler: DatagramHandler,
  ) {
    this.ports = ports;
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.receiveBufferLength = receiveBufferLength;
    this.sendBufferLength = sendBufferLength;
    this.handler = handler;
    ports.add(localPort, this);
  }

  /** True unless the endpoint is connected to somebody else. */
  accepts(sourceAddress: Ipv4Address, sourcePort: number): boolean {
    return (
      this.remoteAddress === 0 || (this.remoteAddress === sourceAddress && this.remotePort === sourcePort)
    );
  }

  reconnect(remoteAddress: Ipv4Address, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.ports.remove(this.localPort);
  }
}
