import assert from 'node:assert/strict';
import {
  Aeron,
  type ExclusivePublication,
  type Publication,
  type Subscription,
} from '../../src/client/index.ts';
import { CncFile } from '../../src/cnc/cnc-file.ts';
import { readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';
import {
  type SimulatedFiles,
  SimulatedMachine,
  SimulatedNetwork,
  type SimulatedProcess,
  SimulatedTime,
  SimulatedTransport,
} from '../../src/testing/index.ts';
import { messageOf } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { trackRegions } from '../support/track-regions.ts';
import type { FuzzTarget } from './target.ts';

const DIRECTORY = '/fuzz/aeron';
const ADDRESS = 0x7f000001;
const STREAM_ID = 1001;
const CHANNELS = [
  'aeron:ipc?term-length=64k',
  'aeron:udp?endpoint=127.0.0.1:24001|term-length=64k',
  'aeron:udp?endpoint=127.0.0.1:24002|term-length=64k|ssc=true',
];
/** After so many changes everything is new. */
const STEPS_PER_LIFE = 512;
const WORDS_CHANGED_MAX = 4;
/** What our own mistakes sound like. */
const DEFECT = /Cannot |is not a |undefined|Invalid |outside|out of (range|bounds)|assert|Assertion|BigInt/;
const EDGES = [
  0, 1, -1, 2, 3, 7, 8, 31, 32, 33, 64, 127, 128, 4096, 65535, 65536, 65568, 131072, 0x3fffffff, 0x40000000,
  0x7fffffff, 0x7fffffe0, -0x80000000, -8, -32, -65536,
];

/**
 * A client that has gone mad in front of a driver that runs: it writes anything anywhere in what it shares with the driver,
 * the CnC file and the logs of streams that others use at the same time.
 */
export class ClientMemoryTarget implements FuzzTarget {
  readonly isMalformed = true;
  private readonly prng: Prng;
  private life: Life | null = null;
  private steps = 0;
  private latest = '';

  constructor(prng: Prng) {
    this.prng = prng;
  }

  async prepare(): Promise<void> {
    if (this.life !== null && this.steps < STEPS_PER_LIFE) return;
    this.life?.close();
    this.steps = 0;
    this.life = new Life(this.prng.next());
    await this.life.start();
  }

  step(): void {
    const { prng } = this;
    const life = this.life!;
    this.steps++;
    const undo = this.change(life.machine.files);
    life.run(prng.nextBelow(64) === 0 ? 2e9 : 1e6 * prng.nextBelow(4));
    if (prng.nextBelow(4) > 0) undo();
    life.run(1e5);
  }

  /** Writes into one of the files that clients map. */
  private change(files: SimulatedFiles): () => void {
    const { prng } = this;
    const paths = files.paths().filter((path) => /\.(dat|logbuffer)$/.test(path));
    const path = paths[prng.nextBelow(paths.length)]!;
    const region = files.map(path);
    const { i32 } = region;
    const undos: (() => void)[] = [];
    for (let i = prng.nextBelow(WORDS_CHANGED_MAX); i >= 0; i--) {
      const index = this.index(i32);
      const was = i32[index]!;
      const value = this.value(was);
      i32[index] = value;
      this.latest = `word ${index} of ${path}: ${was} became ${value}`;
      undos.push(() => {
        i32[index] = was;
      });
    }
    region.close();
    return () => undos.forEach((undo) => undo());
  }

  /** Somewhere, or where there is something. */
  private index(i32: Int32Array): number {
    const { prng } = this;
    let index = prng.nextBelow(i32.length);
    if (prng.nextBelow(4) === 0) return index;
    for (let i = 0; i < 4096 && i32[index] === 0; i++) index = (index + 1) % i32.length;
    return index;
  }

  private value(there: number): number {
    const { prng } = this;
    const kind = prng.nextBelow(4);
    if (kind === 0) return prng.next();
    const edge = EDGES[prng.nextBelow(EDGES.length)]!;
    return kind === 1 ? there + edge : edge;
  }

  check(): void {
    this.life?.check();
  }

  describe(): string {
    return this.latest;
  }

  close(): void {
    this.life?.close();
  }
}

/** A driver, a client that keeps to the rules, and what they share. */
class Life {
  readonly machine: SimulatedMachine;
  private readonly time: SimulatedTime = new SimulatedTime();
  private readonly unmap: () => void = trackRegions();
  private readonly process: SimulatedProcess;
  private readonly clientProcess: SimulatedProcess;
  private driver: MediaDriver | null = null;
  private aeron: Aeron | null = null;
  private readonly publications: (Publication | ExclusivePublication)[] = [];
  private readonly subscriptions: Subscription[] = [];
  private readonly message: Buffer = Buffer.alloc(200, 7);

  constructor(seed: number) {
    const network = new SimulatedNetwork(this.time, new Prng(seed));
    const sockets = { shortSend: 0, readsAtFlush: false };
    this.machine = new SimulatedMachine(this.time, network, ADDRESS, seed, (machine) => {
      return new SimulatedTransport(machine, sockets);
    });
    this.process = this.machine.start();
    this.clientProcess = this.machine.start();
  }

  async start(): Promise<void> {
    const options = {
      dir: DIRECTORY,
      threadingMode: 'INVOKER',
      transport: 'kernel',
      conductorBufferLength: 65_536 + 768,
      clientsBufferLength: 65_536 + 128,
      countersBufferLength: 65_536,
      errorBufferLength: 65_536,
      lossReportBufferLength: 65_536,
      performStorageChecks: false,
    } as const;
    this.driver = await this.drive(MediaDriver.launch(options, this.process));
    const connecting = Aeron.connect({
      directory: DIRECTORY,
      useConductorInvoker: true,
      machine: this.clientProcess,
      errorHandler: () => {},
    });
    const aeron = await this.drive(connecting);
    this.aeron = aeron;
    for (const channel of CHANNELS) {
      this.subscriptions.push(await this.drive(aeron.addSubscription(channel, STREAM_ID)));
      this.publications.push(await this.drive(aeron.addPublication(channel, STREAM_ID)));
    }
  }

  /** Runs driver and client until a promise of theirs is settled. */
  private async drive<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    promise.then(
      () => {
        isSettled = true;
      },
      () => {
        isSettled = true;
      },
    );
    for (let i = 0; i < 10_000 && !isSettled; i++) {
      this.run(1e6);
      await null;
    }
    return promise;
  }

  /** What the driver does must never fail; the client may give up. */
  run(ns: number): void {
    this.time.advanceNs(ns);
    this.machine.network.deliver();
    this.process.eventLoop.runTurn();
    this.driver?.doWork();
    this.clientProcess.eventLoop.runTurn();
    if (this.aeron === null || this.aeron.isClosed) return;
    try {
      this.aeron.doWork();
      for (const publication of this.publications) publication.offer(this.message);
      for (const subscription of this.subscriptions) subscription.poll(() => {}, 10);
    } catch {
      this.aeron.close().catch(() => {});
    }
  }

  /** The error log tells what the driver has survived: nothing of it may be a mistake of its own. */
  check(): void {
    let cnc: CncFile;
    try {
      cnc = CncFile.map(DIRECTORY, this.machine.files);
    } catch {
      return; // What says how long everything is was changed.
    }
    const { region, offset, length } = cnc.errorLog;
    readErrorLog(region, offset, length, ({ text }) => assert.doesNotMatch(text, DEFECT));
    cnc.close();
  }

  close(): void {
    try {
      this.check();
    } finally {
      this.aeron?.close().catch(() => {});
      this.driver?.close().catch((error: unknown) => assert.fail(messageOf(error)));
      this.process.kill();
      this.unmap();
    }
  }
}
