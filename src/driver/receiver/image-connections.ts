// hot
import type { Clock } from '../../concurrent/clock.ts';
import { releaseAddress, retainAddress } from '../../util/ip-address.ts';
import type { ReceiveDestination } from './receive-destination.ts';
import type { ReceiveEndpoint } from './receive-endpoint.ts';

/** A connection not heard of for this long gets no more status messages and NAKs. */
export const CONNECTION_TIMEOUT_NS = 5_000_000_000;

/** One way that a stream comes: through a destination, from a sender. */
interface ImageConnection {
  readonly destination: ReceiveDestination;
  /** Where status messages and NAKs go. */
  readonly address: number;
  readonly port: number;
  timeOfLastActivityNs: number;
  /** Of one that was not heard of yet: minus infinity. */
  timeOfLastFrameNs: number;
  /** Where its sender said that the stream ends; minus infinity: it has not. */
  eosPosition: number;
}

/** The ways that an image of a multi-destination subscription comes, one for each destination that brings it. */
export class ImageConnections {
  /** The largest end of the stream that was told, once {@link onEndOfStream} returned true. */
  eosPosition: number = Number.NaN;
  private readonly endpoint: ReceiveEndpoint;
  private readonly clock: Clock;
  /** By the index of their destinations. */
  private readonly connections: (ImageConnection | null)[] = [];

  constructor(endpoint: ReceiveEndpoint, clock: Clock) {
    this.endpoint = endpoint;
    this.clock = clock;
  }

  /** A way that is known before a frame came by it. Cold. */
  add(destination: ReceiveDestination, sourceAddress: number, sourcePort: number): void {
    const { control } = destination;
    while (this.connections.length <= destination.index) this.connections.push(null);
    this.forget(destination.index);
    this.connections[destination.index] = {
      destination,
      address: retainAddress(control === null ? sourceAddress : control.address),
      port: control === null ? sourcePort : control.port,
      timeOfLastActivityNs: this.clock.nanoTime,
      timeOfLastFrameNs: Number.NEGATIVE_INFINITY,
      eosPosition: Number.NEGATIVE_INFINITY,
    };
  }

  /** The destination is gone. Cold. */
  remove(destination: ReceiveDestination): void {
    if (this.connections[destination.index]?.destination === destination) {
      this.forget(destination.index);
    }
  }

  /** Cold. */
  close(): void {
    for (let i = 0; i < this.connections.length; i++) this.forget(i);
  }

  private forget(index: number): void {
    const connection = this.connections[index]!;
    if (connection !== null) releaseAddress(connection.address);
    this.connections[index] = null;
  }

  /** A frame of the stream arrived, at the destination that the endpoint says. */
  onFrame(): void {
    const connection = this.arrival();
    connection.timeOfLastActivityNs = this.clock.nanoTime;
    connection.timeOfLastFrameNs = this.clock.nanoTime;
  }

  /** The sender said, at that destination, that the stream ends at `position`. Returns whether all have said so. */
  onEndOfStream(position: number): boolean {
    this.arrival().eosPosition = position;
    const { destinations } = this.endpoint;
    let eosPosition = 0;
    for (let i = 0; i < destinations.length; i++) {
      if (destinations[i]! === null) continue;
      const connection = this.connections[i] ?? null;
      if (connection === null || connection.eosPosition === Number.NEGATIVE_INFINITY) return false;
      if (connection.eosPosition > eosPosition) eosPosition = connection.eosPosition;
    }
    this.eosPosition = eosPosition;
    return true;
  }

  /** The connection that the datagram which is being handled came by. */
  private arrival(): ImageConnection {
    const { arrivedAt, arrivedFromAddress, arrivedFromPort } = this.endpoint;
    const destination = arrivedAt!;
    const known = this.connections[destination.index];
    if (known != null && known.destination === destination) return known;
    this.add(destination, arrivedFromAddress, arrivedFromPort);
    return this.connections[destination.index]!;
  }

  get isAnyAlive(): boolean {
    for (let i = 0; i < this.connections.length; i++) {
      if (this.isAlive(this.connections[i]!)) return true;
    }
    return false;
  }

  private isAlive(connection: ImageConnection | null): boolean {
    if (connection === null || connection.destination.endpoint === null) return false;
    return this.clock.nanoTime < connection.timeOfLastActivityNs + CONNECTION_TIMEOUT_NS;
  }

  /** Connections that brought something within the last `timeoutNs`. */
  countActive(timeoutNs: number): number {
    let count = 0;
    for (let i = 0; i < this.connections.length; i++) {
      const connection = this.connections[i]!;
      if (connection !== null && this.clock.nanoTime < connection.timeOfLastFrameNs + timeoutNs) count++;
    }
    return count;
  }

  /** Sends the first `length` bytes at `offset` of a region to every live connection. Returns whether one took them. */
  send(handle: number, offset: number, length: number): boolean {
    let isAccepted = false;
    for (let i = 0; i < this.connections.length; i++) {
      const connection = this.connections[i]!;
      if (!this.isAlive(connection)) continue;
      const { destination, address, port } = connection!;
      const { frames } = this.endpoint;
      if (frames.sendFrom(handle, destination.endpoint!, offset, length, address, port)) isAccepted = true;
    }
    return isAccepted;
  }
}
