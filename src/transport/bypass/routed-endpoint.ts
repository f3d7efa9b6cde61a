// hot
import type { EpochNs } from '../../concurrent/clock.ts';
import type { DatagramHandler, Endpoint, EndpointOptions, IpAddress, Transport } from '../transport.ts';
import type { RoutedTransport } from './routed-transport.ts';

/** An endpoint at one of several ports, or at each of them with the same UDP port. */
export class RoutedEndpoint implements Endpoint {
  /** The index of its port; -1: it is at all. */
  port = -1;
  private readonly owner: RoutedTransport;
  private readonly handler: DatagramHandler;
  private readonly arrivalTime: EpochNs | null;
  private options: EndpointOptions;
  /** By the index of the port; null where it is not. */
  private endpoints: (Endpoint | null)[] = [];

  constructor(
    owner: RoutedTransport,
    options: EndpointOptions,
    handler: DatagramHandler,
    arrivalTime: EpochNs | null,
  ) {
    this.owner = owner;
    this.options = options;
    this.handler = handler;
    this.arrivalTime = arrivalTime;
  }

  get localAddress(): IpAddress {
    return this.port < 0 ? 0 : this.at(this.port).localAddress;
  }

  get localPort(): number {
    return this.first.localPort;
  }

  get receiveBufferLength(): number {
    return this.first.receiveBufferLength;
  }

  at(port: number): Endpoint {
    return this.endpoints[port]!;
  }

  /** Opens it where it belongs: at one port, or at all. Throws as they do, and is at none then. Cold. */
  open(port: number, transports: readonly Transport[]): void {
    let { options } = this;
    const endpoints: (Endpoint | null)[] = transports.map(() => null);
    try {
      for (let i = 0; i < transports.length; i++) {
        if (port >= 0 && port !== i) continue;
        const endpoint = transports[i]!.open(options, this.handler, this.arrivalTime);
        endpoints[i] = endpoint;
        // What the first one chose, the others have.
        options = { ...options, localPort: endpoint.localPort };
      }
    } catch (error) {
      for (const endpoint of endpoints) endpoint?.close();
      throw error;
    }
    this.port = port;
    this.endpoints = endpoints;
  }

  /** Its options with another remote address. Cold. */
  optionsFor(remoteAddress: IpAddress, remotePort: number): EndpointOptions {
    return { ...this.options, remoteAddress, remotePort };
  }

  /** Connects it elsewhere, which another port may lead to. Cold. */
  move(options: EndpointOptions, port: number, transports: readonly Transport[]): void {
    const before = this.endpoints;
    this.options = options;
    if (port === this.port && port >= 0) {
      this.at(port).reconnect(options.remoteAddress, options.remotePort);
      return;
    }
    this.open(port, transports);
    for (const endpoint of before) endpoint?.close();
  }

  reconnect(remoteAddress: IpAddress, remotePort: number): void {
    this.owner.reconnect(this, remoteAddress, remotePort);
  }

  close(): void {
    for (const endpoint of this.endpoints) endpoint?.close();
    this.endpoints = [];
  }

  private get first(): Endpoint {
    return this.at(Math.max(0, this.port));
  }
}
