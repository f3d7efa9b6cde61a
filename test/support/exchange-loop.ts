import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Aeron } from '../../src/client/aeron.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { parseIpv4 } from '../../src/util/ipv4.ts';

export type Wire = 'ipc' | 'kernel' | 'dpdk';

export const MESSAGE_LENGTH = 288;
/** What a step offers: 16 datagrams of 4 messages each, with the default MTU. */
export const MESSAGES_PER_STEP = 64;
const DATAGRAMS_PER_STEP = 16;
/**
 * Positions pass a multiple of 4 GiB while everything warms up: V8 compiles anew what meets its first number of more than 32
 * bits, and what happens once in 4 GiB.
 */
const TERM_LENGTH = 1 << 20;
const INITIAL_TERM_ID = 7;
const FIRST_TERM_ID = INITIAL_TERM_ID + (10 * 2 ** 32) / TERM_LENGTH - 64;
const POSITION = `|term-length=${TERM_LENGTH}|init-term-id=${INITIAL_TERM_ID}|term-id=${FIRST_TERM_ID}|term-offset=0`;
const STREAM_ID = 1001;
const CONNECT_DEADLINE_MS = 20_000;
const ADDRESSES = ['10.77.0.1', '10.77.0.2'];

const DRIVER_OPTIONS: Partial<DriverOptions> = {
  threadingMode: 'INVOKER',
  dirDeleteOnShutdown: true,
  networkPublicationMaxMessagesPerSend: DATAGRAMS_PER_STEP,
  socketSoRcvbuf: 1 << 21,
  socketSoSndbuf: 1 << 21,
  // A machine that is busy with other things may stop this process for longer than the default.
  clientLivenessTimeoutNs: 120_000_000_000,
  publicationUnblockTimeoutNs: 240_000_000_000,
};

/**
 * A driver and a client at each end of a wire, or of one driver's memory, all in this isolate and stepped in turn: what a
 * step does depends on nothing that goes on elsewhere.
 */
export class ExchangeLoop {
  /** Messages offered and received, as small integers: a field of another kind would be boxed. */
  sent = 0;
  received = 0;
  private readonly drivers: readonly MediaDriver[];
  private readonly clients: readonly [Aeron, Aeron];
  private readonly folder: string;
  private readonly publication: Publication;
  private readonly subscription: Subscription;
  private readonly message = Buffer.alloc(MESSAGE_LENGTH, 0x42);
  private readonly count = (): void => {
    this.received = (this.received + 1) | 0;
  };

  static async open(wire: Wire): Promise<ExchangeLoop> {
    const folder = mkdtempSync('/dev/shm/aeron-bypass-test-');
    const drivers: MediaDriver[] = [];
    for (const options of sideOptions(wire, folder)) {
      drivers.push(await MediaDriver.launch({ ...DRIVER_OPTIONS, ...options }));
    }
    const [first, second = first] = drivers;
    const connect = (driver: MediaDriver) =>
      Aeron.connect({ directory: driver.directory, driver, useConductorInvoker: true });
    const clients = [await connect(first!), await connect(second!)] as const;
    const channel = wire === 'ipc' ? 'aeron:ipc?alias=loop' : await udpChannel(wire);
    const subscription = await clients[1].addSubscription(channel, STREAM_ID);
    const publication = await clients[0].addExclusivePublication(`${channel}${POSITION}`, STREAM_ID);
    const loop = new ExchangeLoop(folder, drivers, clients, publication, subscription);
    await loop.connect();
    return loop;
  }

  private constructor(
    folder: string,
    drivers: readonly MediaDriver[],
    clients: readonly [Aeron, Aeron],
    publication: Publication,
    subscription: Subscription,
  ) {
    this.folder = folder;
    this.drivers = drivers;
    this.clients = clients;
    this.publication = publication;
    this.subscription = subscription;
  }

  /** Datagrams that the sending side has put on the wire, those without messages too. */
  get datagramsSent(): number {
    return this.drivers[0]!.transportStatistics?.datagramsSent ?? 0;
  }

  /** The publishing end's part of a step: a burst of messages, and the duty cycles that send them. */
  publish(): void {
    for (let i = 0; i < MESSAGES_PER_STEP; i++) {
      if (this.publication.offer(this.message) < 0) break;
      this.sent = (this.sent + 1) | 0;
    }
    this.cycle(0);
  }

  /** The subscribing end's part of a step: the duty cycles that receive, and polls for what a step brings. */
  consume(): void {
    this.cycle(1);
    this.subscription.poll(this.count, MESSAGES_PER_STEP);
  }

  /** The publishing end's part of a step in which nothing is published. */
  idle(): void {
    this.cycle(0);
  }

  private cycle(side: 0 | 1): void {
    if (side < this.drivers.length) this.drivers[side]!.doWork();
    this.clients[side].doWork();
  }

  private async connect(): Promise<void> {
    const deadlineMs = performance.now() + CONNECT_DEADLINE_MS;
    while (!this.publication.isConnected || !this.subscription.isConnected) {
      if (performance.now() > deadlineMs) throw new Error('the stream did not connect');
      this.idle();
      this.consume();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
    for (const driver of this.drivers) await driver.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What each end's driver is told; one driver serves both ends of IPC. */
function sideOptions(wire: Wire, folder: string): Partial<DriverOptions>[] {
  switch (wire) {
    case 'ipc':
      return [{ dir: join(folder, '0'), transport: 'none' }];
    case 'kernel':
      return [0, 1].map((side) => ({ dir: join(folder, String(side)), transport: 'kernel' }));
    case 'dpdk':
      return [0, 1].map((side) => ({
        dir: join(folder, String(side)),
        transport: 'dpdk',
        dpdkPortId: side,
        dpdkLocalIpv4Address: { address: parseIpv4(ADDRESSES[side]!)!, prefixLength: 24 },
        ealArguments: portPair(join(folder, 'wire.sock')),
      }));
  }
}

/** Two ports of one process that are joined: neither end ever leaves the other behind, which memif does not survive. */
function portPair(socket: string): string[] {
  const port = (index: number, role: string) =>
    `--vdev=net_memif${index},role=${role},id=0,socket=${socket},socket-abstract=no`;
  const memory = ['--no-huge', '--no-shconf', '-m', '256', '--iova-mode=va'];
  return ['--no-pci', ...memory, port(0, 'server'), port(1, 'client')];
}

async function udpChannel(wire: 'kernel' | 'dpdk'): Promise<string> {
  if (wire === 'dpdk') return `aeron:udp?endpoint=${ADDRESSES[1]}:20121`;
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return `aeron:udp?endpoint=127.0.0.1:${port}`;
}
