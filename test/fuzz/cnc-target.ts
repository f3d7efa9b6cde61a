import assert from 'node:assert/strict';
import { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import type { Publication } from '../../src/client/publication.ts';
import type { Subscription } from '../../src/client/subscription.ts';
import { CncFile, imageLogPath, publicationLogPath } from '../../src/cnc/cnc-file.ts';
import { type DriverEvent, decodeEvent, encodeEvent, eventTypeId } from '../../src/cnc/events.ts';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';
import { BroadcastTransmitter } from '../../src/concurrent/broadcast-transmitter.ts';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { CountersReader } from '../../src/concurrent/counters.ts';
import { DistinctErrorLog, readErrorLog } from '../../src/concurrent/distinct-error-log.ts';
import { LossReport } from '../../src/concurrent/loss-report.ts';
import { readLossReport } from '../../src/concurrent/loss-report-reader.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { AeronError } from '../../src/util/errors.ts';
import type { Prng } from '../../src/util/prng.ts';
import { FAKE_TERM_LENGTH, FakeDriver } from '../support/fake-driver.ts';
import { type Field, Mutator, words } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

const STREAM_ID = 1001;
const CHANNEL = 'aeron:ipc';
const LOSS_REPORT_LENGTH = 4096;
const WORDS_CHANGED_MAX = 6;
const NOT_RIGHT = /^(CNC_|MALFORMED)/;
const EVENT_FIELDS: readonly Field[] = [
  { offset: 0, width: 8 },
  { offset: 8, width: 8 },
  { offset: 16, width: 8 },
  ...words(8, 12, 16, 20, 24, 28, 32, 36, 40, 60, 64),
];
const EDGES = [
  0, 1, -1, 2, 3, 4, 7, 8, 16, 24, 31, 32, 33, 127, 128, 255, 256, 380, 381, 4096, 65535, 65536, 65664, 66304,
  131072, 0x3fffffff, 0x40000000, 0x7fffffff, 0x7ffffff0, 0x7ffffff9, -0x80000000, -0x7fffffff, -8, -32,
];

/**
 * Files of a driver that has gone mad, or of somebody who poses as one, in front of whoever reads them: the CnC file's
 * readers, the loss report's, and a client with a subscription and publications that it uses all the while.
 */
export class CncTarget implements FuzzTarget {
  private readonly prng: Prng;
  private readonly mutator: Mutator;
  private readonly driver: FakeDriver = new FakeDriver();
  private readonly lossReport: Region = Region.allocate(LOSS_REPORT_LENGTH);
  private readonly transmitter: BroadcastTransmitter;
  /** Of the words that are changed now: where they are and what they were. */
  private readonly changed: { i32: Int32Array; index: number; was: number }[] = [];
  private client: Aeron | null = null;
  private subscription: Subscription | null = null;
  private publications: readonly (Publication | ExclusivePublication)[] = [];
  private imageId = 0;
  private latest = '';
  private errors = 0;

  constructor(prng: Prng) {
    this.prng = prng;
    this.mutator = new Mutator(prng, 1024, true);
    const { cnc } = this.driver;
    const { region, offset, length } = cnc.toClients;
    this.transmitter = new BroadcastTransmitter(region, offset, length);
    const clock = new SystemClock();
    const errorLog = new DistinctErrorLog(cnc.errorLog.region, cnc.errorLog.offset, cnc.errorLog.length);
    for (const text of ['one', 'another', 'and a third']) errorLog.record(1, text, 1);
    const report = new LossReport(this.lossReport, clock);
    for (const source of ['127.0.0.1:40001', '127.0.0.1:2']) report.createEntry(64, 1, 2, CHANNEL, source);
  }

  /** Connects a client, unless one is there. */
  async prepare(): Promise<void> {
    if (this.client !== null && !this.client.isClosed) return;
    await this.client?.close();
    const { driver } = this;
    driver.commands.length = 0;
    const client = await Aeron.connect({
      directory: driver.directory,
      driver,
      useConductorInvoker: true,
      resourceLingerMs: 1,
      errorHandler: () => void this.errors++,
    });
    this.client = client;
    this.subscription = await client.addSubscription(CHANNEL, STREAM_ID);
    this.publications = [
      await client.addPublication(CHANNEL, STREAM_ID),
      await client.addExclusivePublication(CHANNEL, STREAM_ID),
    ];
    for (const { originalRegistrationId } of this.publications) {
      driver.logs.get(originalRegistrationId)!.setConnected(true);
    }
    this.imageId = driver.addImage(this.subscription.registrationId, STREAM_ID);
    client.doWork();
  }

  isMalformed = false;

  step(): void {
    this.mutator.begin();
    this.isMalformed = true;
    switch (this.prng.nextBelow(8)) {
      case 0:
      case 1:
        this.readCnc();
        break;
      case 2:
        this.readLosses();
        break;
      case 3:
        this.pollImage();
        break;
      case 4:
        this.offer();
        break;
      default:
        this.receiveEvent();
    }
  }

  /** Everything that monitoring tools and clients read when they attach. */
  private readCnc(): void {
    const { region, countersMetadata, countersValues, errorLog, toClients } = this.driver.cnc;
    const sections = [{ offset: 0, length: 48 }, countersMetadata, countersValues, errorLog, toClients];
    for (let i = this.prng.nextBelow(WORDS_CHANGED_MAX); i >= 0; i--) {
      const { offset, length } = this.mutator.pick(sections);
      // The beginning of a section is where the numbers are, and the trailer of a ring.
      const room = this.prng.nextBelow(2) === 0 ? Math.min(length, 1024) : length;
      const from = this.prng.nextBelow(4) === 0 ? length - Math.min(length, 128) : 0;
      this.change(region.i32, (offset + from + this.prng.nextBelow(room - from > 0 ? room - from : 1)) >> 2);
    }
    this.latest = 'the CnC file';
    let cnc: CncFile | null = null;
    try {
      cnc = CncFile.map(this.driver.directory);
      this.readAll(cnc);
    } catch (error) {
      if (!(error instanceof AeronError) || !NOT_RIGHT.test(error.code)) throw error;
    } finally {
      cnc?.close();
      this.restore();
    }
  }

  private readAll(cnc: CncFile): void {
    let counters = 0;
    const reader = new CountersReader(cnc.countersMetadata, cnc.countersValues);
    reader.forEach(({ label, key }) => {
      counters++;
      assert.ok(label.length <= 380 && key.length === 112);
    });
    assert.ok(counters <= reader.maxCounterId + 1);
    reader.findByTypeAndRegistration(11, 1);
    const { region, offset, length } = cnc.errorLog;
    assert.ok(
      readErrorLog(region, offset, length, ({ text }) => assert.ok(text.length <= length)) <= length / 24,
    );
    cnc.toDriver.consumerHeartbeatMs();
    const { toClients } = cnc;
    const receiver = new BroadcastReceiver(toClients.region, toClients.offset, toClients.length);
    for (let i = 0; i < 8; i++) {
      receiver.receive(
        (typeId, bytes, at, messageLength) => void decodeEvent(typeId, bytes, at, messageLength),
      );
    }
  }

  private readLosses(): void {
    for (let i = this.prng.nextBelow(3); i >= 0; i--) {
      this.change(this.lossReport.i32, this.prng.nextBelow(64));
    }
    this.latest = 'the loss report';
    const count = readLossReport(this.lossReport, ({ channel, source }) => {
      assert.ok(channel.length + source.length < LOSS_REPORT_LENGTH);
    });
    assert.ok(count <= LOSS_REPORT_LENGTH / 64);
    this.restore();
  }

  /** An event that is nearly right, or a record of the ring that is not, for the client. */
  private receiveEvent(): void {
    const { client, mutator, prng } = this;
    if (client === null) return;
    const event = this.event();
    mutator.length = encodeEvent(event, mutator.bytes);
    if (prng.nextBelow(8) > 0) mutator.mutate(EVENT_FIELDS);
    this.isMalformed = mutator.isSpoiled;
    this.latest = `${event.type} ${mutator.bytes.toString('latin1', 0, mutator.length)}`;
    const typeId = prng.nextBelow(32) === 0 ? 0x0f00 + prng.nextBelow(16) : eventTypeId(event);
    this.transmitter.transmit(typeId, mutator.bytes, 0, mutator.length);
    client.doWork();
    this.driver.doWork();
    this.driver.commands.length = 0;
  }

  private event(): DriverEvent {
    const { prng, mutator, driver } = this;
    const ids = [this.imageId, this.subscription!.registrationId, this.client!.clientId, 1, 4711];
    for (const { registrationId } of this.publications) ids.push(registrationId);
    const id = (): number => mutator.pick(ids);
    const text = 'x'.repeat(prng.nextBelow(64));
    const counterId = prng.nextBelow(64);
    switch (prng.nextBelow(10)) {
      case 0:
        return { type: 'error', offendingCorrelationId: id(), errorCode: prng.nextBelow(16), message: text };
      case 1:
        return {
          type: 'availableImage',
          correlationId: this.imageId,
          sessionId: prng.nextBelow(4),
          streamId: STREAM_ID,
          subscriptionRegistrationId: this.subscription!.registrationId,
          subscriberPositionCounterId: counterId,
          logFileName: imageLogPath(driver.directory, this.imageId),
          sourceIdentity: text,
        };
      case 2:
        return {
          type: mutator.pick(['publicationReady', 'exclusivePublicationReady'] as const),
          correlationId: id(),
          registrationId: id(),
          sessionId: 1,
          streamId: STREAM_ID,
          positionLimitCounterId: counterId,
          channelStatusCounterId: -1,
          logFileName: publicationLogPath(driver.directory, id()),
        };
      case 3:
        return {
          type: 'unavailableImage',
          correlationId: 4711,
          subscriptionRegistrationId: this.subscription!.registrationId,
          streamId: STREAM_ID,
          channel: CHANNEL,
        };
      case 4:
        return { type: 'operationSuccess', correlationId: id() };
      case 5:
        return { type: 'subscriptionReady', correlationId: id(), channelStatusCounterId: counterId };
      case 6:
        return {
          type: mutator.pick(['counterReady', 'staticCounter'] as const),
          correlationId: id(),
          counterId,
        };
      case 7:
        return { type: 'unavailableCounter', registrationId: id(), counterId };
      case 8:
        return { type: 'clientTimeout', clientId: 4711 };
      default:
        return {
          type: 'publicationError',
          registrationId: id(),
          destinationRegistrationId: -1,
          sessionId: 1,
          streamId: STREAM_ID,
          receiverId: 1n,
          groupTag: -1n,
          addressType: 1 + prng.nextBelow(2),
          sourcePort: 1,
          sourceAddress: Buffer.alloc(16),
          errorCode: 13,
          message: text,
        };
    }
  }

  /** Frames whose headers are wrong, in the log that the client reads. */
  private pollImage(): void {
    const log = this.driver.logs.get(this.imageId);
    const image = this.subscription?.images[0];
    if (log === undefined || image === undefined) return;
    const { i32 } = log.region;
    const termStart = log.termStart(Math.floor(image.position / FAKE_TERM_LENGTH) % 3);
    const index = (termStart + (image.position % FAKE_TERM_LENGTH)) >> 2;
    const type = this.mutator.pick([1, 1, 1, 0, 2, 0xffff]);
    this.change(i32, index, this.mutator.pick([32, 33, 64, 96, ...EDGES]));
    this.change(i32, index + 1, (type << 16) | (this.prng.next() & 0xffff));
    this.latest = `frame ${i32[index]} at ${index} of type ${type}`;
    let fragments = 0;
    this.subscription!.poll((_buffer, _offset, length) => {
      fragments++;
      assert.ok(length >= 0 && length <= FAKE_TERM_LENGTH);
    }, 4);
    assert.ok(fragments <= 4);
    this.restore();
  }

  /** Tails and limits that are wrong, in the log that the client writes. */
  private offer(): void {
    const publication = this.mutator.pick(this.publications);
    const log = this.driver.logs.get(publication?.originalRegistrationId ?? -1);
    if (log === undefined) return;
    const before = this.snapshot(log);
    for (let i = this.prng.nextBelow(3); i >= 0; i--) {
      // The three tails and the number of the active term.
      this.change(log.region.i32, (log.metadata >> 2) + this.prng.nextBelow(7));
    }
    this.latest = `tails ${log.region.i32.subarray(log.metadata >> 2, (log.metadata >> 2) + 7)}`;
    const message = this.mutator.bytes.subarray(0, this.prng.nextBelow(1024));
    const position = publication.offer(message);
    assert.ok(Number.isSafeInteger(position), `offer says ${position}`);
    assert.ok(typeof publication.position === 'number');
    this.changed.length = 0;
    log.region.bytes.set(before, log.metadata);
    log.region.bytes.fill(0, 0, 3 * FAKE_TERM_LENGTH);
  }

  private snapshot(log: LogBuffers): Buffer {
    return Buffer.from(log.region.bytes.subarray(log.metadata, log.metadata + 32));
  }

  private change(i32: Int32Array, index: number, value: number = this.value(i32[index]!)): void {
    this.changed.push({ i32, index, was: i32[index]! });
    i32[index] = value;
  }

  private value(there: number): number {
    const { prng, mutator } = this;
    const kind = prng.nextBelow(4);
    if (kind === 0) return prng.next();
    return kind === 1 ? there + mutator.pick([-32, -8, -1, 1, 8, 32]) : mutator.pick(EDGES);
  }

  private restore(): void {
    for (let i = this.changed.length - 1; i >= 0; i--) {
      const { i32, index, was } = this.changed[i]!;
      i32[index] = was;
    }
    this.changed.length = 0;
  }

  check(): void {
    assert.ok(this.errors >= 0);
  }

  describe(): string {
    return this.latest;
  }

  close(): void {
    void this.client?.close();
    this.driver.close();
    this.lossReport.close();
  }
}
