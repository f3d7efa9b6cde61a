/** The four roles over our own driver and client. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { WordViews } from '../../src/cli/demo/word-views.ts';
import { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import type { FragmentHandler } from '../../src/client/fragment-handler.ts';
import type { Header } from '../../src/client/header.ts';
import { ADMIN_ACTION } from '../../src/client/offer-result.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { sharedMemoryWire } from '../../src/device/dpdk/shared-memory-wire.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import { shm } from '../../src/native/addons.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { SideArguments } from './side-arguments.ts';
import { runSlices, SLICE_NS } from './slices.ts';
import { wireIsMade } from './wire-is-made.ts';

/** Messages offered, and fragments polled, between two duty cycles at most. */
const BURST = 64;
const STEPS_PER_CLOCK_UPDATE = 16;
const SAMPLE_NS = 100_000_000;
const STREAM_ID = 1001;
const ANSWER_STREAM_ID = 2001;
const DPDK_ADDRESSES = ['10.77.0.1', '10.77.0.2'];
const TWO_32 = 4294967296;
const FRAME_HEADER_LENGTH = 32;
const SAMPLES_MAX = 4096;
const WIRE_TIMEOUT_MS = 10_000;
const ETHERNET_MTU = 1500;
const IPV4_AND_UDP_LENGTH = 28;

const WAITING = 0;
const WARMING_UP = 1;
const MEASURING = 2;

/** Runs one side until it has printed its result; publishers and echoes run until they are killed. */
export async function runOurSide(args: SideArguments): Promise<void> {
  const side = await OurSide.start(args);
  print({ event: 'ready', reportsCollections: true });
  await side.run();
}

function print(event: object): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

class OurSide {
  private readonly args: SideArguments;
  private readonly driverStartMs: number;
  private readonly driver: MediaDriver | null;
  private readonly clients: readonly Aeron[];
  private readonly publications: readonly ExclusivePublication[];
  private readonly subscriptions: readonly Subscription[];
  private readonly clock: SystemClock = new SystemClock();
  /** The message that is sent, as bytes and as words. */
  private readonly message: Buffer;
  private readonly words: Int32Array;
  private readonly nextSequence: Float64Array;
  private readonly expected: Float64Array;
  private readonly histogram: LatencyHistogram = new LatencyHistogram();
  private readonly onMessage: FragmentHandler;
  private readonly samples: number[] = new Array<number>(SAMPLES_MAX).fill(0);
  private readonly wordViews: WordViews = new WordViews();
  private phase = WAITING;
  private messages = 0;
  private lost = 0;
  private sent = 0;
  private next = 0;
  private nextPolled = 0;
  private sampleCount = 0;
  private sampled = 0;
  private messagesAtStart = 0;
  private lostAtStart = 0;
  // Fields of doubles: what changes in the loop is a field, because V8 allocates a double that a closure captured.
  private timeStampNs = 0.5;
  private sampleEndNs = Number.NaN;
  private windowStartNs = Number.NaN;
  private phaseEndNs = Number.NaN;

  private constructor(
    args: SideArguments,
    driverStartMs: number,
    driver: MediaDriver | null,
    clients: readonly Aeron[],
    publications: readonly ExclusivePublication[],
    subscriptions: readonly Subscription[],
  ) {
    this.args = args;
    this.driverStartMs = driverStartMs;
    this.driver = driver;
    this.clients = clients;
    this.publications = publications;
    this.subscriptions = subscriptions;
    this.message = Buffer.alloc(args.messageLength, 0x61);
    this.words = new Int32Array(this.message.buffer, this.message.byteOffset, 4);
    this.nextSequence = new Float64Array(publications.length);
    this.expected = new Float64Array(Math.max(args.streams, args.clients));
    const onCounted = this.expected.length === 1 ? this.onCounted : this.onCountedOfMany;
    const handler = { count: onCounted, ping: this.onPong, echo: this.onPing, publish: onCounted };
    const isFragmented = args.messageLength > args.mtu - FRAME_HEADER_LENGTH;
    const onMessage = handler[args.role];
    this.onMessage = isFragmented ? new FragmentAssembler(onMessage).handler : onMessage;
  }

  static async start(args: SideArguments): Promise<OurSide> {
    shm.pin(args.cpu);
    if (args.wire === 'dpdk' && args.end === 'b') {
      await wireIsMade(socketPathOf(args), WIRE_TIMEOUT_MS);
    }
    const startMs = performance.now();
    const driver = await launchDriver(args);
    const driverStartMs = performance.now() - startMs;
    const directory = join(args.folder, String(args.media === 'ipc' ? 0 : args.side));
    const clients: Aeron[] = [];
    const publications: ExclusivePublication[] = [];
    const subscriptions: Subscription[] = [];
    const isSender = args.role === 'publish' || args.role === 'ping';
    const streams = Math.max(args.streams, args.clients);
    for (let i = 0; i < (isSender ? args.clients : 1); i++) {
      clients.push(
        await Aeron.connect({
          directory,
          useConductorInvoker: true,
          ...(driver === null ? {} : { driver }),
        }),
      );
    }
    for (let i = 0; i < streams; i++) {
      const aeron = clients[i % clients.length]!;
      const [out, back] = isSender ? [STREAM_ID, ANSWER_STREAM_ID] : [ANSWER_STREAM_ID, STREAM_ID];
      if (args.role !== 'count')
        publications.push(await aeron.addExclusivePublication(publishChannel(args), out + i));
      if (args.role !== 'publish')
        subscriptions.push(await aeron.addSubscription(subscribeChannel(args), back + i));
    }
    return new OurSide(args, driverStartMs, driver, clients, publications, subscriptions);
  }

  run(): Promise<void> {
    const { role, rate } = this.args;
    if (role === 'publish') return this.publish();
    if (role === 'count') return this.count();
    if (role === 'echo') return this.echo();
    return rate === 0 ? this.pingOneInFlight() : this.pingAtRate();
  }

  /** Runs duty cycles until `step` says it is done; the event loop gets a turn after each slice. */
  private loop(step: () => boolean): Promise<void> {
    return runSlices(() => this.slice(step));
  }

  private slice(step: () => boolean): boolean {
    this.clock.update();
    const sliceEndNs = this.clock.nanoTime + SLICE_NS;
    while (this.clock.nanoTime < sliceEndNs) {
      for (let i = 0; i < STEPS_PER_CLOCK_UPDATE; i++) {
        if (step()) return true;
        if (this.driver !== null) this.driver.doWork();
        for (let c = 0; c < this.clients.length; c++) this.clients[c]!.doWork();
      }
      this.clock.update();
    }
    return false;
  }

  /** Polls the streams in turn, until it has {@link BURST} fragments or as many streams, or all, had their turn. */
  private poll(): void {
    const { subscriptions } = this;
    const count = subscriptions.length;
    const turns = Math.min(count, BURST);
    let left = BURST;
    for (let i = 0; i < turns && left > 0; i++) {
      left -= subscriptions[this.nextPolled]!.poll(this.onMessage, left);
      this.nextPolled = this.nextPolled + 1 === count ? 0 : this.nextPolled + 1;
    }
  }

  private offer(publication: ExclusivePublication, sequence: number): boolean {
    const { words } = this;
    words[0] = sequence | 0;
    words[1] = (sequence / TWO_32) | 0;
    words[2] = this.timeStampNs | 0;
    words[3] = (this.timeStampNs / TWO_32) | 0;
    const { message } = this;
    const { messageLength } = this.args;
    const result = publication.offer(message, 0, messageLength);
    // The term has ended, which is no back pressure: there is room in the next.
    if (result === ADMIN_ACTION) return publication.offer(message, 0, messageLength) > 0;
    return result > 0;
  }

  private async publish(): Promise<void> {
    const { publications, nextSequence } = this;
    const count = publications.length;
    await this.loop(() => {
      for (let i = 0; i < BURST; i++) {
        if (!this.offer(publications[this.next]!, nextSequence[this.next]!)) break;
        nextSequence[this.next]!++;
        this.next = this.next + 1 === count ? 0 : this.next + 1;
      }
      return false;
    });
  }

  private async count(): Promise<void> {
    const samples = this.samples;
    await this.loop(() => {
      this.poll();
      if (this.clock.nanoTime >= this.sampleEndNs) {
        samples[this.sampleCount++] = this.messages - this.sampled;
        this.sampled = this.messages;
        this.sampleEndNs += SAMPLE_NS;
      }
      return this.isWindowOver();
    });
    const messages = this.messages - this.messagesAtStart;
    const lost = this.lost - this.lostAtStart;
    this.finish({
      messages,
      elapsedNs: this.elapsedNs(),
      lost,
      samples: samples.slice(0, this.sampleCount),
    });
  }

  private async pingOneInFlight(): Promise<void> {
    const publication = this.publications[0]!;
    await this.ping(() => {
      if (this.messages === this.sent && this.offer(publication, this.sent)) this.sent++;
    });
  }

  /** Each message has a time at which it is due, and that is the time it carries. */
  private async pingAtRate(): Promise<void> {
    const publication = this.publications[0]!;
    const intervalNs = 1e9 / this.args.rate;
    await this.ping(() => {
      if (this.sent === 0) this.timeStampNs = this.clock.nanoTime;
      for (let i = 0; i < BURST && this.clock.nanoTime >= this.timeStampNs; i++) {
        if (!this.offer(publication, this.sent)) break;
        this.sent++;
        this.timeStampNs += intervalNs;
      }
    });
  }

  /** `send` sends what is due. */
  private async ping(send: () => void): Promise<void> {
    const isScheduled = this.args.rate > 0;
    await this.loop(() => {
      this.poll();
      this.clock.update();
      if (!isScheduled) this.timeStampNs = this.clock.nanoTime;
      send();
      return this.isWindowOver();
    });
    const messages = this.messages - this.messagesAtStart;
    this.finish({
      messages,
      elapsedNs: this.elapsedNs(),
      lost: 0,
      histogram: this.histogram.toBuckets(),
    });
  }

  /** Warm-up begins with the first message, the window after it. */
  private isWindowOver(): boolean {
    const nowNs = this.clock.nanoTime;
    if (this.phase === MEASURING) return nowNs >= this.phaseEndNs;
    if (this.phase === WARMING_UP) {
      if (nowNs >= this.phaseEndNs) this.openWindow();
    } else if (this.messages > 0) {
      this.phase = WARMING_UP;
      this.phaseEndNs = nowNs + this.args.warmUpMs * 1e6;
      this.sampleEndNs = nowNs + SAMPLE_NS;
    }
    return false;
  }

  private openWindow(): void {
    print({ event: 'window' });
    this.clock.update();
    this.phase = MEASURING;
    this.windowStartNs = this.clock.nanoTime;
    this.phaseEndNs = this.clock.nanoTime + this.args.durationMs * 1e6;
    this.messagesAtStart = this.messages;
    this.lostAtStart = this.lost;
    this.histogram.clear();
  }

  private elapsedNs(): number {
    return this.clock.nanoTime - this.windowStartNs;
  }

  private echo(): Promise<void> {
    return this.loop(() => {
      this.poll();
      return false;
    });
  }

  private finish(result: object): void {
    print({ event: 'result', ...result, driverStartMs: this.driverStartMs });
  }

  private readonly onCounted = (buffer: Buffer, offset: number): void => {
    const words = this.wordViews.of(buffer);
    const sequence = words[(offset >> 2) + 1]! * TWO_32 + (words[offset >> 2]! >>> 0);
    const expected = this.expected[0]!;
    if (sequence !== expected) this.lost += sequence - expected;
    this.expected[0] = sequence + 1;
    this.messages++;
  };

  /**
   * Each message of many streams is in another buffer: its view would be looked for in a map. What follows stands here twice,
   * because a sequence that is the argument of a call is boxed.
   */
  private readonly onCountedOfMany = (
    buffer: Buffer,
    offset: number,
    _length: number,
    header: Header,
  ): void => {
    const sequence = buffer.readInt32LE(offset + 4) * TWO_32 + buffer.readUInt32LE(offset);
    const stream = header.streamId - STREAM_ID;
    const expected = this.expected[stream]!;
    if (sequence !== expected) this.lost += sequence - expected;
    this.expected[stream] = sequence + 1;
    this.messages++;
  };

  private readonly onPong = (buffer: Buffer, offset: number): void => {
    const words = this.wordViews.of(buffer);
    const sentNs = words[(offset >> 2) + 3]! * TWO_32 + (words[(offset >> 2) + 2]! >>> 0);
    this.clock.update();
    this.histogram.record(this.clock.nanoTime - sentNs);
    this.messages++;
  };

  private readonly onPing = (buffer: Buffer, offset: number, length: number): void => {
    const publication = this.publications[0]!;
    while (publication.offer(buffer, offset, length) < 0) {
      if (this.driver !== null) this.driver.doWork();
      this.clients[0]!.doWork();
    }
  };
}

async function launchDriver(args: SideArguments): Promise<MediaDriver | null> {
  const { media, side, folder, mtu, windowLength, socketBufferLength } = args;
  if (media === 'ipc' && side === 1) return null;
  const isDpdk = media === 'udp' && args.wire === 'dpdk';
  const eal = isDpdk
    ? [
        ...sharedMemoryWire({
          role: args.end,
          socketPath: socketPathOf(args),
          useHugepages: args.hugepages,
        }).ealArguments,
        '--',
        `-Daeron.dpdk.mtu=${Math.max(ETHERNET_MTU, mtu + IPV4_AND_UDP_LENGTH)}`,
        `-Daeron.dpdk.local.ipv4.address=${DPDK_ADDRESSES[side]}/24`,
      ]
    : [];
  const options = loadConfiguration({
    env: {},
    args: [
      ...eal,
      `-Daeron.dir=${join(folder, String(side))}`,
      '-Daeron.threading.mode=INVOKER',
      `-Daeron.socket.so_rcvbuf=${socketBufferLength}`,
      `-Daeron.socket.so_sndbuf=${socketBufferLength}`,
      `-Daeron.rcv.initial.window.length=${windowLength}`,
      `-Daeron.mtu.length=${mtu}`,
      `-Daeron.ipc.mtu.length=${mtu}`,
      `-Daeron.debug.receive.loss.rate=${args.lossRate}`,
      ...args.driverArguments,
    ],
  });
  return MediaDriver.launch(options);
}

function endpoint(args: SideArguments, side: 0 | 1): string {
  const address = args.wire === 'dpdk' ? DPDK_ADDRESSES[side] : '127.0.0.1';
  return `aeron:udp?endpoint=${address}:${args.ports[side]}`;
}

function publishChannel(args: SideArguments): string {
  const parameters = `term-length=${args.termLength}`;
  if (args.media === 'ipc') return `aeron:ipc?${parameters}`;
  return `${endpoint(args, args.side === 0 ? 1 : 0)}|${parameters}|mtu=${args.mtu}`;
}

function subscribeChannel(args: SideArguments): string {
  return args.media === 'ipc' ? 'aeron:ipc' : endpoint(args, args.side);
}

function socketPathOf(args: SideArguments): string {
  return join(args.folder, 'wire.sock');
}
