import { Region } from '../memory/region.ts';
import { shm } from '../native/addons.ts';
import {
  type BurstListener,
  type DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
  type IpAddress,
  type Transport,
  WORDS_PER_DATAGRAM,
} from '../transport/transport.ts';
import type { TransportStatistics } from '../transport/transport-statistics.ts';
import { AeronError } from '../util/errors.ts';
import { isMulticast } from '../util/ip-address.ts';
import type { SimulatedMachine } from './simulated-machine.ts';
import type { Packet, Station } from './simulated-network.ts';

const MAX_DATAGRAM_LENGTH = 65_504;
const DEFAULT_BUFFER_LENGTH = 212_992;
const DATAGRAMS_PER_POLL = 16;
const FIRST_FREE_PORT = 40_000;
/** Packet memory is not aligned: datagrams follow each other at such a distance. */
const PACKET_GAP = 5;
/** What packet memory holds when a burst has ended: whoever still reads it reads nonsense. */
const STALE_BYTE = 0xee;

/** How sockets behave that may behave in several ways. */
export interface SocketBehaviour {
  /** Probability that a send takes only a part of its burst, or nothing. */
  shortSend: number;
  /** True: bytes are read when the duty cycle ends, as the interface allows; false: at once. */
  readsAtFlush: boolean;
}

interface Outgoing {
  readonly handle: number;
  readonly offset: number;
  readonly length: number;
  readonly packet: Omit<Packet, 'bytes' | 'to'>;
}

/** Sockets of a simulated machine: datagrams over a {@link SimulatedNetwork}. */
export class SimulatedTransport implements Transport, Station {
  readonly maxDatagramLength: number = MAX_DATAGRAM_LENGTH;
  readonly coalescedLengthMax = 0;
  readonly address: IpAddress;
  readonly statistics: { -readonly [Name in keyof TransportStatistics]: TransportStatistics[Name] } = {
    datagramsSent: 0,
    bytesSent: 0,
    datagramsReceived: 0,
    bytesReceived: 0,
    shortSends: 0,
    sendErrors: 0,
    receiveErrors: 0,
    invalidSends: 0,
    datagramsHandedOver: 0,
    handOversDropped: 0,
    lastError: '',
  };
  /** Hears of each datagram that is handed to the driver, for checks. */
  onReceived: ((bytes: Uint8Array) => void) | null = null;
  private readonly machine: SimulatedMachine;
  private readonly behaviour: SocketBehaviour;
  private readonly endpoints: SimulatedEndpoint[] = [];
  private readonly outgoing: Outgoing[] = [];
  private readonly packets: Region = Region.allocate(DATAGRAMS_PER_POLL * (MAX_DATAGRAM_LENGTH + 64));
  private nextPort = FIRST_FREE_PORT;
  private nextEndpoint = 0;
  private isClosed = false;

  constructor(machine: SimulatedMachine, behaviour: SocketBehaviour) {
    this.address = machine.address;
    this.machine = machine;
    this.behaviour = behaviour;
    machine.network.attach(this);
  }

  /** Throws AeronError `EADDRNOTAVAIL` for an address that is not the machine's, `EADDRINUSE` for a port that is taken. */
  open(options: EndpointOptions, handler: DatagramHandler): Endpoint {
    const { localAddress } = options;
    const isGroup = (options.multicast ?? null) !== null;
    if (!isGroup && localAddress !== 0 && localAddress !== this.address) {
      throw new AeronError('EADDRNOTAVAIL', `${localAddress} is not the address of this machine`);
    }
    const localPort = options.localPort === 0 ? this.freePort() : options.localPort;
    if (!isGroup && this.isBoundHere(localPort))
      throw new AeronError('EADDRINUSE', `port ${localPort} is in use`);
    const endpoint = new SimulatedEndpoint(this, options, this.address, localPort, handler);
    this.endpoints.push(endpoint);
    return endpoint;
  }

  isBound(port: number): boolean {
    return this.endpoints.some(({ localPort }) => localPort === port);
  }

  receive(packet: Packet): void {
    for (const endpoint of this.endpoints) {
      if (endpoint.accepts(packet)) endpoint.enqueue(packet.bytes, packet.source, packet.sourcePort);
    }
  }

  poll(listener: BurstListener): number {
    let count = 0;
    let offset = 3;
    for (let i = 0; i < this.endpoints.length && count < DATAGRAMS_PER_POLL; i++) {
      const endpoint = this.endpoints[(this.nextEndpoint + i) % this.endpoints.length]!;
      while (count < DATAGRAMS_PER_POLL) {
        const datagram = endpoint.dequeue();
        if (datagram === undefined) break;
        const { bytes } = datagram;
        this.packets.bytes.set(bytes, offset);
        this.statistics.datagramsReceived++;
        this.statistics.bytesReceived += bytes.length;
        this.onReceived?.(bytes);
        endpoint.handler.onDatagram(this.packets, offset, bytes.length, datagram.source, datagram.sourcePort);
        offset += bytes.length + PACKET_GAP;
        count++;
      }
    }
    this.nextEndpoint++;
    if (count === 0) return 0;
    listener.onBurstEnd();
    this.packets.bytes.fill(STALE_BYTE, 0, offset);
    return count;
  }

  send(endpoint: Endpoint, burst: DatagramBurst, address: IpAddress, port: number): number {
    const from = endpoint as SimulatedEndpoint;
    const isConnected = from.remoteAddress !== 0;
    const destination = isConnected ? from.remoteAddress : address;
    const packet = {
      source: this.address,
      sourcePort: from.localPort,
      destination,
      destinationPort: isConnected ? from.remotePort : port,
      from: this.address,
      isFrame: false,
    };
    const accepted = this.acceptedOf(burst.count);
    const { words } = burst;
    for (let i = 0; i < accepted; i++) {
      const word = i * WORDS_PER_DATAGRAM;
      const length = words[word + 2]!;
      this.statistics.datagramsSent++;
      this.statistics.bytesSent += length;
      this.outgoing.push({ handle: words[word]!, offset: words[word + 1]!, length, packet });
    }
    if (!this.behaviour.readsAtFlush) this.sendOutgoing();
    return accepted;
  }

  flush(): void {
    this.sendOutgoing();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.machine.network.detach(this);
    this.endpoints.length = 0;
    this.packets.close();
  }

  /** For endpoints that close. */
  remove(endpoint: SimulatedEndpoint): void {
    const index = this.endpoints.indexOf(endpoint);
    if (index >= 0) this.endpoints.splice(index, 1);
  }

  private acceptedOf(count: number): number {
    const { shortSend } = this.behaviour;
    if (count === 0 || shortSend === 0) return count;
    const { prng } = this.machine;
    if (prng.nextFraction() >= shortSend) return count;
    this.statistics.shortSends++;
    return prng.nextBelow(count);
  }

  private sendOutgoing(): void {
    if (this.outgoing.length === 0) return;
    for (const { handle, offset, length, packet } of this.outgoing) {
      const bytes = new Uint8Array(length);
      shm.copyOut(handle, offset, bytes, 0, length);
      const { network } = this.machine;
      const { destination } = packet;
      if (!isMulticast(destination)) network.send({ ...packet, to: destination, bytes });
      else network.sendToAll({ ...packet, to: this.address, bytes });
    }
    this.outgoing.length = 0;
  }

  private freePort(): number {
    while (this.isBoundHere(this.nextPort)) this.nextPort++;
    return this.nextPort++;
  }

  /** By any process of the machine. */
  private isBoundHere(port: number): boolean {
    return this.machine.network.isBound(this.address, port);
  }
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly source: IpAddress;
  readonly sourcePort: number;
}

class SimulatedEndpoint implements Endpoint {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly receiveBufferLength: number;
  readonly handler: DatagramHandler;
  /** Whose datagrams arrive besides; 0: none. */
  private readonly groupAddress: IpAddress;
  remoteAddress: IpAddress;
  remotePort: number;
  private readonly transport: SimulatedTransport;
  private readonly waiting: Datagram[] = [];
  private waitingBytes = 0;

  constructor(
    transport: SimulatedTransport,
    options: EndpointOptions,
    localAddress: IpAddress,
    localPort: number,
    handler: DatagramHandler,
  ) {
    this.transport = transport;
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.receiveBufferLength =
      options.receiveBufferLength === 0 ? DEFAULT_BUFFER_LENGTH : options.receiveBufferLength;
    this.groupAddress = options.multicast?.groupAddress ?? 0;
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.handler = handler;
  }

  accepts({ destination, destinationPort, source, sourcePort }: Packet): boolean {
    if (destinationPort !== this.localPort) return false;
    if (isMulticast(destination)) return destination === this.groupAddress;
    return this.remoteAddress === 0 || (this.remoteAddress === source && this.remotePort === sourcePort);
  }

  /** What the buffer has no room for is lost. */
  enqueue(bytes: Uint8Array, source: IpAddress, sourcePort: number): void {
    if (this.waitingBytes + bytes.length > this.receiveBufferLength) return;
    this.waitingBytes += bytes.length;
    this.waiting.push({ bytes, source, sourcePort });
  }

  dequeue(): Datagram | undefined {
    const datagram = this.waiting.shift();
    if (datagram !== undefined) this.waitingBytes -= datagram.bytes.length;
    return datagram;
  }

  reconnect(remoteAddress: IpAddress, remotePort: number): void {
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  close(): void {
    this.transport.remove(this);
  }
}
