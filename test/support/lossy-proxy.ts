import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Prng } from '../../src/util/prng.ts';

const ADDRESS = '127.0.0.1';
const SOCKET_BUFFER_LENGTH = 2 * 1024 * 1024;
/** A held datagram is overtaken by at most this many … */
const OVERTAKEN_MAX = 8;
/** … and waits no longer than this when nothing follows it. */
const HOLD_TIMEOUT_MS = 2;

export interface LossyProxyOptions {
  /** Where publishers send to. */
  readonly listenPort: number;
  /** Where the subscriber's driver listens. */
  readonly targetPort: number;
  /** Of each datagram, either way: 0 … 1. */
  readonly lossProbability: number;
  /** That a datagram lets up to 8 later ones pass: 0 … 1. */
  readonly reorderProbability: number;
  readonly seed: number;
}

interface Held {
  readonly datagram: Buffer;
  overtakenBy: number;
}

/** One direction of the wire: what it drops and delays is decided by its own run of pseudo-random numbers. */
class LossyLink {
  passed = 0;
  dropped = 0;
  reordered = 0;
  private readonly options: LossyProxyOptions;
  private readonly deliver: (datagram: Buffer) => void;
  private held: Held[] = [];
  private readonly prng: Prng;
  private timer: NodeJS.Timeout | null = null;

  constructor(options: LossyProxyOptions, salt: number, deliver: (datagram: Buffer) => void) {
    this.options = options;
    this.deliver = deliver;
    this.prng = new Prng(options.seed + salt);
  }

  send(datagram: Buffer): void {
    if (this.prng.nextFraction() < this.options.lossProbability) {
      this.dropped++;
    } else if (this.prng.nextFraction() < this.options.reorderProbability) {
      this.reordered++;
      this.held.push({ datagram, overtakenBy: 1 + this.prng.nextBelow(OVERTAKEN_MAX) });
      this.timer ??= setTimeout(() => this.releaseAll(), HOLD_TIMEOUT_MS);
    } else {
      this.pass(datagram);
      this.releaseOvertaken();
    }
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.held = [];
  }

  private pass(datagram: Buffer): void {
    this.passed++;
    this.deliver(datagram);
  }

  private releaseOvertaken(): void {
    if (this.held.length === 0) return;
    for (const item of this.held) {
      if (--item.overtakenBy === 0) this.pass(item.datagram);
    }
    this.held = this.held.filter((item) => item.overtakenBy > 0);
  }

  private releaseAll(): void {
    this.timer = null;
    for (const item of this.held) this.pass(item.datagram);
    this.held = [];
  }
}

/**
 * A bad wire between one publication and one receiver on this machine: datagrams to `listenPort` come out at
 * `targetPort` and replies go back from `listenPort` (an Aeron sender's socket is connected, so it hears nothing else),
 * some lost, some late. Both directions are equally bad.
 */
export class LossyProxy {
  readonly forward: LossyLink;
  readonly backward: LossyLink;
  private readonly front: Socket;
  private readonly back: Socket;
  /** The publication's port, known by its first datagram; a later one replaces it. */
  private senderPort = 0;

  private constructor(options: LossyProxyOptions, front: Socket, back: Socket) {
    this.front = front;
    this.back = back;
    this.forward = new LossyLink(options, 0, (datagram) => back.send(datagram, options.targetPort, ADDRESS));
    this.backward = new LossyLink(options, 1, (datagram) => front.send(datagram, this.senderPort, ADDRESS));
    front.on('message', (datagram, source) => {
      this.senderPort = source.port;
      this.forward.send(datagram);
    });
    back.on('message', (datagram) => this.backward.send(datagram));
    // A datagram to a port nobody listens on comes back as an error of the socket: the wire does not care.
    front.on('error', () => {});
    back.on('error', () => {});
  }

  static async start(options: LossyProxyOptions): Promise<LossyProxy> {
    const front = await openSocket(options.listenPort);
    const back = await openSocket(0);
    return new LossyProxy(options, front, back);
  }

  close(): void {
    this.forward.close();
    this.backward.close();
    this.front.close();
    this.back.close();
  }
}

async function openSocket(port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: SOCKET_BUFFER_LENGTH,
    sendBufferSize: SOCKET_BUFFER_LENGTH,
  });
  socket.bind(port, ADDRESS);
  await once(socket, 'listening');
  return socket;
}

/** A UDP port of this machine that is free now, and unlikely to be taken soon: the kernel hands out the next ones. */
export async function freeUdpPort(): Promise<number> {
  const socket = await openSocket(0);
  const { port } = socket.address() as AddressInfo;
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
