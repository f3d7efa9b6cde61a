// hot
import type { EpochNs } from '../../concurrent/clock.ts';
import type { FrameTap, TapPoint } from '../../device/frame-tap.ts';
import type { Ipv4Prefix } from '../../net/ipv4-addresses.ts';
import { Route, type RouteOptions } from '../../net/route.ts';
import { AeronError } from '../../util/errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import type {
  BurstListener,
  DatagramBurst,
  DatagramHandler,
  EndpointOptions,
  IpAddress,
  Transport,
} from '../transport.ts';
import { RoutedEndpoint } from './routed-endpoint.ts';

/** One of several ports, and the networks that are reached by it. */
export interface RoutedPort {
  readonly transport: Transport;
  /** Ours on that port. */
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** 0: none. */
  readonly gatewayAddress: IpAddress;
  /** Our others on it; none when left out. */
  readonly furtherAddresses?: readonly Ipv4Prefix[];
  /** Other networks that it reaches; none when left out. */
  readonly routes?: readonly RouteOptions[];
}

/** Where the frames of all ports can be seen. */
class TapPoints implements TapPoint {
  private readonly points: readonly TapPoint[];
  private current: FrameTap | null = null;

  constructor(points: readonly TapPoint[]) {
    this.points = points;
  }

  get tap(): FrameTap | null {
    return this.current;
  }

  set tap(tap: FrameTap | null) {
    this.current = tap;
    for (let i = 0; i < this.points.length; i++) this.points[i]!.tap = tap;
  }
}

/**
 * Several ports as one transport. An endpoint with one of our addresses is at the port that has it; one without is at the
 * port by which its remote address is reached, or, when it has none, at all of them. The first port has everything else:
 * addresses of networks that no port is on and no gateway leads to, and IPv6.
 */
export class RoutedTransport implements Transport {
  readonly maxDatagramLength: number;
  readonly coalescedLengthMax = 0;
  readonly tapPoint: TapPoint;
  private readonly transports: readonly Transport[];
  /** By the index of the port. */
  private readonly routes: readonly Route[];

  constructor(ports: readonly RoutedPort[]) {
    this.transports = ports.map(({ transport }) => transport);
    this.tapPoint = new TapPoints(
      this.transports.flatMap(({ tapPoint }) => (tapPoint === undefined ? [] : [tapPoint])),
    );
    this.routes = ports.map(
      (port) =>
        new Route(port.address, port.prefixLength, port.gatewayAddress, port.routes, port.furtherAddresses),
    );
    this.maxDatagramLength = Math.min(...this.transports.map((transport) => transport.maxDatagramLength));
  }

  /** Throws as the ports' transports do, and AeronError `EADDRNOTAVAIL` for an address that no port has. Cold. */
  open(
    options: EndpointOptions,
    handler: DatagramHandler,
    arrivalTime: EpochNs | null = null,
  ): RoutedEndpoint {
    const endpoint = new RoutedEndpoint(this, options, handler, arrivalTime);
    endpoint.open(this.portsOf(options), this.transports);
    return endpoint;
  }

  /** Points a connected endpoint at another remote address, by another port if need be. Cold. */
  reconnect(endpoint: RoutedEndpoint, remoteAddress: IpAddress, remotePort: number): void {
    const options = endpoint.optionsFor(remoteAddress, remotePort);
    endpoint.move(options, this.portsOf(options), this.transports);
  }

  poll(listener: BurstListener): number {
    const transports = this.transports;
    let count = 0;
    for (let i = 0; i < transports.length; i++) count += transports[i]!.poll(listener);
    return count;
  }

  send(endpoint: RoutedEndpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const index = endpoint.port >= 0 ? endpoint.port : this.portFor(address);
    return this.transports[index]!.send(endpoint.at(index), burst, address, port);
  }

  flush(): void {
    const transports = this.transports;
    for (let i = 0; i < transports.length; i++) transports[i]!.flush();
  }

  close(): void {
    for (let i = 0; i < this.transports.length; i++) this.transports[i]!.close();
  }

  /** The port that an endpoint is at, or -1 for all. Cold. */
  private portsOf({ localAddress, remoteAddress, multicast = null }: EndpointOptions): number {
    const ownAddress = multicast === null ? localAddress : multicast.interfaceAddress;
    // IPv6 is the first port's.
    if (isIpv6(ownAddress)) return 0;
    if (ownAddress !== 0) {
      const index = this.routes.findIndex(({ addresses }) => addresses.has(ownAddress));
      if (index >= 0) return index;
      const ours = this.routes.flatMap(({ addresses }) => Array.from(addresses.numbers, formatIpAddress));
      throw new AeronError(
        'EADDRNOTAVAIL',
        `${formatIpAddress(ownAddress)} is not the address of a DPDK port: they have ${ours.join(', ')}. ` +
          'Use one of those in the channel.',
      );
    }
    if (multicast !== null) return 0;
    return remoteAddress === 0 ? -1 : this.portFor(remoteAddress);
  }

  /** By whose network, or else gateway, an address is reached. */
  private portFor(address: IpAddress): number {
    if (isIpv6(address)) return 0;
    const { routes } = this;
    let port = -1;
    let mask = -1;
    for (let i = 0; i < routes.length; i++) {
      const linkMask = routes[i]!.addresses.linkMask(address);
      if (linkMask <= mask) continue;
      port = i;
      mask = linkMask;
    }
    if (port >= 0) return port;
    for (let i = 0; i < routes.length; i++) if (routes[i]!.nextHop(address) !== 0) return i;
    return 0;
  }
}
