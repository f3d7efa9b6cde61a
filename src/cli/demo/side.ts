/**
 * One side of the wire: a driver and a client on one thread of one process (INVOKER). Started by the coordinator, which
 * says over the process channel what to do next.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Aeron } from '../../client/aeron.ts';
import { BufferClaim } from '../../client/buffer-claim.ts';
import type { ExclusivePublication } from '../../client/exclusive-publication.ts';
import type { Subscription } from '../../client/subscription.ts';
import { SystemClock } from '../../concurrent/clock.ts';
import { loadConfiguration } from '../../driver/configuration.ts';
import { MediaDriver } from '../../driver/media-driver.ts';
import { shm } from '../../native/addons.ts';
import { codeOf, messageOf } from '../../util/errors.ts';
import { PayloadChecker, sentNsOf, writeCheckedPayload } from './checked-payload.ts';
import type { Percentile, SideConfig, SideReply, SideRequest } from './side-messages.ts';
import { WordViews } from './word-views.ts';

const FRAGMENT_LIMIT = 64;
/** Duty cycles run this long before the event loop gets a turn. */
const SLICE_NS = 20_000_000;
/** How often the end of a slice is looked for. */
const STEPS_PER_CLOCK_UPDATE = 16;
const PROGRESS_INTERVAL_NS = 250_000_000;
/** A stream that delivers nothing for this long has lost what is missing. */
const SILENCE_NS = 10_000_000_000;
const PERCENTILES = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100];

class Side {
  private readonly driver: MediaDriver | null;
  private readonly aeron: Aeron;
  private readonly publication: ExclusivePublication;
  private readonly subscription: Subscription;
  private readonly clock: SystemClock = new SystemClock();
  private readonly claim: BufferClaim = new BufferClaim();
  private readonly claimWords: WordViews = new WordViews();
  private readonly fragmentWords: WordViews = new WordViews();
  private checker: PayloadChecker = new PayloadChecker();
  private histogram: RecordableHistogram = createHistogram();
  private firstReceivedNs = 0.5;
  private lastReceivedNs = 0.5;
  private expectedMessages = Number.POSITIVE_INFINITY;
  private stopped = false;

  private constructor(
    driver: MediaDriver | null,
    aeron: Aeron,
    publication: ExclusivePublication,
    subscription: Subscription,
  ) {
    this.driver = driver;
    this.aeron = aeron;
    this.publication = publication;
    this.subscription = subscription;
  }

  static async start(config: SideConfig): Promise<Side> {
    if (config.cpu !== null) shm.pin(config.cpu);
    const { directory, driverArguments } = config;
    const driver =
      driverArguments === null
        ? null
        : await MediaDriver.launch(loadConfiguration({ env: {}, args: [...driverArguments] }));
    const aeron = await Aeron.connect({
      directory,
      useConductorInvoker: true,
      ...(driver === null ? {} : { driver }),
    });
    const subscription = await aeron.addSubscription(config.subscribeChannel, config.subscribeStreamId);
    const publication = await aeron.addExclusivePublication(config.publishChannel, config.publishStreamId);
    const side = new Side(driver, aeron, publication, subscription);
    await side.run(() => publication.isConnected && subscription.isConnected);
    return side;
  }

  async close(): Promise<void> {
    await this.aeron.close();
    await this.driver?.close();
  }

  /** Everything that is due once: driver, client conductor. Returns the work done. */
  private doWork(): number {
    return (this.driver === null ? 0 : this.driver.doWork()) + this.aeron.doWork();
  }

  private datagramsSent(): number {
    return this.driver?.transportStatistics?.datagramsSent ?? 0;
  }

  /** Runs duty cycles until `step` says it is done; the event loop gets a turn after each slice. */
  private async run(step: () => boolean): Promise<void> {
    for (;;) {
      this.clock.update();
      const sliceEndNs = this.clock.nanoTime + SLICE_NS;
      while (this.clock.nanoTime < sliceEndNs) {
        for (let i = 0; i < STEPS_PER_CLOCK_UPDATE; i++) {
          if (step()) return;
          this.doWork();
        }
        this.clock.update();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private reset(): void {
    this.checker = new PayloadChecker();
    this.histogram = createHistogram();
    this.firstReceivedNs = 0.5;
    this.lastReceivedNs = 0.5;
    this.expectedMessages = Number.POSITIVE_INFINITY;
    this.stopped = false;
  }

  handle(request: SideRequest): void {
    if (request.kind === 'expect') this.expectedMessages = request.messages;
    if (request.kind === 'stop') this.stopped = true;
  }

  private readonly onPong = (buffer: Buffer, offset: number, length: number): void => {
    const words = this.fragmentWords.of(buffer);
    this.clock.update();
    this.histogram.record(Math.max(1, this.clock.nanoTime - sentNsOf(words, offset >> 2)));
    this.checker.check(words, offset >> 2, length);
  };

  private readonly onPing = (buffer: Buffer, offset: number, length: number): void => {
    while (this.publication.offer(buffer, offset, length) < 0) this.doWork();
  };

  private readonly onMessage = (buffer: Buffer, offset: number, length: number): void => {
    this.checker.check(this.fragmentWords.of(buffer), offset >> 2, length);
  };

  private trySend(messageLength: number, sequence: number): boolean {
    if (this.publication.tryClaim(messageLength, this.claim) < 0) return false;
    const words = this.claimWords.of(this.claim.buffer);
    writeCheckedPayload(words, this.claim.offset >> 2, messageLength, sequence, this.clock.nanoTime);
    this.claim.commit();
    return true;
  }

  async ping(durationMs: number, messageLength: number): Promise<void> {
    this.reset();
    this.clock.update();
    const endNs = this.clock.nanoTime + durationMs * 1e6;
    let silentSinceNs = this.clock.nanoTime;
    let sent = 0;
    let received = 0;
    await this.run(() => {
      if (this.subscription.poll(this.onPong, FRAGMENT_LIMIT) > 0) {
        received = this.checker.received + this.checker.corrupted;
        silentSinceNs = this.clock.nanoTime;
      }
      if (received === sent) {
        this.clock.update();
        if (this.clock.nanoTime > endNs) return true;
        if (this.trySend(messageLength, sent)) sent++;
      }
      return this.clock.nanoTime - silentSinceNs > SILENCE_NS;
    });
    const checker = this.checker;
    reply({
      kind: 'pinged',
      result: {
        roundTrips: checker.received,
        percentiles: percentilesOf(this.histogram),
        corrupted: checker.corrupted,
        lost: checker.lost(sent),
        duplicated: checker.duplicated,
        reordered: checker.reordered,
      },
    });
  }

  async echo(): Promise<void> {
    this.reset();
    reply({ kind: 'started', phase: 'echo' });
    await this.run(() => {
      this.subscription.poll(this.onPing, FRAGMENT_LIMIT);
      return this.stopped;
    });
    reply({ kind: 'echoed' });
  }

  async publish(durationMs: number, messageLength: number): Promise<void> {
    this.reset();
    this.clock.update();
    const startNs = this.clock.nanoTime;
    const endNs = startNs + durationMs * 1e6;
    const datagramsBefore = this.datagramsSent();
    let sent = 0;
    await this.run(() => {
      for (let i = 0; i < FRAGMENT_LIMIT && this.trySend(messageLength, sent); i++) sent++;
      return this.clock.nanoTime > endNs;
    });
    const elapsedNs = this.clock.nanoTime - startNs;
    reply({
      kind: 'published',
      messages: sent,
      datagrams: this.datagramsSent() - datagramsBefore,
      elapsedNs,
      residentBytes: process.memoryUsage.rss(),
    });
    this.stopped = false;
    // The rest of the window still has to reach the other side.
    await this.run(() => this.stopped);
  }

  async count(): Promise<void> {
    this.reset();
    reply({ kind: 'started', phase: 'count' });
    this.clock.update();
    let silentSinceNs = this.clock.nanoTime;
    let nextProgressNs = this.clock.nanoTime + PROGRESS_INTERVAL_NS;
    await this.run(() => {
      const nowNs = this.clock.nanoTime;
      if (this.subscription.poll(this.onMessage, FRAGMENT_LIMIT) > 0) {
        if (this.firstReceivedNs === 0.5) this.firstReceivedNs = nowNs;
        this.lastReceivedNs = nowNs;
        silentSinceNs = nowNs;
      }
      if (nowNs > nextProgressNs) {
        nextProgressNs = nowNs + PROGRESS_INTERVAL_NS;
        reply({ kind: 'progress', messages: this.checker.received });
      }
      if (this.checker.received >= this.expectedMessages) return true;
      return nowNs - silentSinceNs > SILENCE_NS;
    });
    const checker = this.checker;
    reply({
      kind: 'counted',
      result: {
        received: checker.received,
        lost: checker.lost(this.expectedMessages),
        duplicated: checker.duplicated,
        reordered: checker.reordered,
        corrupted: checker.corrupted,
        elapsedNs: this.lastReceivedNs - this.firstReceivedNs,
      },
      residentBytes: process.memoryUsage.rss(),
    });
  }

  /** Between phases: the driver keeps its streams alive. Ends at the next request. */
  async idle(until: () => boolean): Promise<void> {
    await this.run(until);
  }
}

function percentilesOf(histogram: RecordableHistogram): Percentile[] {
  if (histogram.count === 0) return [];
  return PERCENTILES.map((percentile) => ({
    percentile,
    ns:
      percentile === 0
        ? histogram.min
        : percentile === 100
          ? histogram.max
          : histogram.percentile(percentile),
  }));
}

function reply(message: SideReply): void {
  process.send?.(message);
}

async function main(): Promise<void> {
  const requests: SideRequest[] = [];
  let side: Side | null = null;
  let wake: (() => void) | null = null;
  let disconnected = false;
  process.on('message', (request: SideRequest) => {
    if (request.kind === 'expect' || request.kind === 'stop') side?.handle(request);
    else requests.push(request);
    wake?.();
  });
  process.on('disconnect', () => {
    disconnected = true;
    side?.handle({ kind: 'stop' });
    wake?.();
  });
  while (!disconnected) {
    const request = requests.shift();
    if (request === undefined) {
      if (side !== null) {
        await side.idle(() => requests.length > 0 || disconnected);
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
      continue;
    }
    if (request.kind === 'start') {
      side = await Side.start(request.config);
      reply({ kind: 'ready' });
    } else if (side !== null) {
      if (request.kind === 'ping') await side.ping(request.durationMs, request.messageLength);
      else if (request.kind === 'echo') await side.echo();
      else if (request.kind === 'publish') await side.publish(request.durationMs, request.messageLength);
      else if (request.kind === 'count') await side.count();
    }
  }
  await side?.close();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    reply({ kind: 'failed', code: codeOf(error), message: messageOf(error) });
    process.exitCode = 1;
    process.disconnect?.();
  },
);
