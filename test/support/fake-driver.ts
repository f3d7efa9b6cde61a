import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CncFile, imageLogPath, publicationLogPath } from '../../src/cnc/cnc-file.ts';
import { type Command, decodeCommand } from '../../src/cnc/commands.ts';
import { CounterType, SystemCounter } from '../../src/cnc/counter-types.ts';
import { type DriverEvent, encodeEvent, eventTypeId } from '../../src/cnc/events.ts';
import { BroadcastTransmitter } from '../../src/concurrent/broadcast-transmitter.ts';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { CountersManager } from '../../src/concurrent/counters.ts';
import { ManyToOneRingBuffer } from '../../src/concurrent/many-to-one-ring-buffer.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';

export type CommandOf<Type extends Command['type']> = Extract<Command, { type: Type }>;

export const FAKE_TERM_LENGTH = 65_536;
export const FAKE_MTU = 1_408;
export const FAKE_SESSION_ID = -77;
export const FAKE_INITIAL_TERM_ID = 2_147_483_646;

/**
 * The driver's side of the CnC file and nothing else: it answers a command only if told how. It runs when
 * the client under test waits for it, on one thread.
 */
export class FakeDriver {
  readonly directory: string;
  readonly cnc: CncFile;
  readonly counters: CountersManager;
  /** Every command that came, in order. */
  readonly commands: Command[] = [];
  readonly logs: Map<number, LogBuffers> = new Map();
  /** What happens with a command; by default it is answered with success. */
  onCommand: (command: Command) => void = (command) => this.answer(command);
  /** False: the heartbeat stands still, as when the driver was killed. */
  isAlive = true;
  private readonly time: SystemClock = new SystemClock();
  private readonly transmitter: BroadcastTransmitter;
  private readonly bytes: Buffer = Buffer.alloc(4096);
  private readonly clients: Set<number> = new Set();

  constructor(options: { clientLivenessTimeoutNs?: number; toClientsLength?: number } = {}) {
    this.directory = mkdtempSync('/dev/shm/aeron-bypass-test-');
    mkdirSync(join(this.directory, 'publications'));
    mkdirSync(join(this.directory, 'images'));
    this.cnc = CncFile.create(this.directory, {
      toDriverLength: 65_536 + ManyToOneRingBuffer.TRAILER_LENGTH,
      toClientsLength: options.toClientsLength ?? 65_536 + BroadcastTransmitter.TRAILER_LENGTH,
      countersValuesLength: 128 * 256,
      errorLogLength: 4_096,
      clientLivenessTimeoutNs: options.clientLivenessTimeoutNs ?? 10_000_000_000,
      startTimestampMs: this.time.epochMs,
      pid: process.pid,
      filePageSize: 4_096,
    });
    const { cnc } = this;
    this.counters = new CountersManager(cnc.countersMetadata, cnc.countersValues, this.time, 0);
    for (let id = 0; id <= SystemCounter.CONTROL_PROTOCOL_VERSION; id++) {
      this.counters.allocate({ typeId: CounterType.SYSTEM, label: `system ${id}`, registrationId: id });
    }
    this.counters.setValue(SystemCounter.CONTROL_PROTOCOL_VERSION, 65_536);
    this.transmitter = new BroadcastTransmitter(cnc.region, cnc.toClients.offset, cnc.toClients.length);
    cnc.toDriver.nextCorrelationId();
    cnc.toDriver.setConsumerHeartbeatMs(this.time.epochMs);
    cnc.publishVersion();
  }

  doWork(): number {
    this.time.update();
    if (this.isAlive) this.cnc.toDriver.setConsumerHeartbeatMs(this.time.epochMs);
    return this.cnc.toDriver.read((typeId, bytes, offset, length) => {
      const command = decodeCommand(typeId, bytes, offset, length);
      if (command.type === 'malformed') throw new Error(command.reason);
      this.commands.push(command);
      this.onCommand(command);
    }, 10);
  }

  send(event: DriverEvent): void {
    const length = encodeEvent(event, this.bytes);
    this.transmitter.transmit(eventTypeId(event), this.bytes, 0, length);
  }

  /** The commands of a type that came. */
  received<Type extends Command['type']>(type: Type): CommandOf<Type>[] {
    return this.commands.filter((command): command is CommandOf<Type> => command.type === type);
  }

  /** Answers as a driver does when all is well. */
  answer(command: Command): void {
    const { clientId, correlationId } = command;
    if (command.type.startsWith('add') && !this.clients.has(clientId)) {
      this.clients.add(clientId);
      const counterId = this.addHeartbeatCounter(clientId);
      this.send({ type: 'counterReady', correlationId: clientId, counterId });
    }
    switch (command.type) {
      case 'addPublication':
      case 'addExclusivePublication':
        this.answerPublication(command);
        break;
      case 'addSubscription':
        this.send({ type: 'subscriptionReady', correlationId, channelStatusCounterId: -1 });
        break;
      case 'addCounter': {
        const { typeId, label, key } = command;
        const counterId = this.counters.allocate({ typeId, label, key, registrationId: correlationId });
        this.send({ type: 'counterReady', correlationId, counterId });
        break;
      }
      case 'addStaticCounter': {
        const { typeId, label, key, registrationId } = command;
        const counterId = this.counters.allocate({ typeId, label, key, registrationId });
        this.send({ type: 'staticCounter', correlationId, counterId });
        break;
      }
      case 'getNextAvailableSessionId':
        this.send({ type: 'nextAvailableSessionId', correlationId, sessionId: 4711 });
        break;
      case 'clientClose':
      case 'clientKeepalive':
      case 'terminateDriver':
        break;
      default:
        this.send({ type: 'operationSuccess', correlationId });
    }
  }

  fail(command: Command, errorCode: number, message: string): void {
    this.send({ type: 'error', offendingCorrelationId: command.correlationId, errorCode, message });
  }

  addHeartbeatCounter(clientId: number): number {
    return this.counters.allocate({
      typeId: CounterType.CLIENT_HEARTBEAT,
      label: `client-heartbeat: id=${clientId}`,
      registrationId: clientId,
      ownerId: clientId,
    });
  }

  /** Publications of one channel and stream share a log; exclusive ones do not. */
  answerPublication(command: CommandOf<'addPublication'> | CommandOf<'addExclusivePublication'>): void {
    const { correlationId, streamId, channel } = command;
    const first = this.received('addPublication').find(
      (c) => c.channel === channel && c.streamId === streamId,
    );
    const registrationId = command.type === 'addPublication' ? first!.correlationId : correlationId;
    const path = publicationLogPath(this.directory, registrationId);
    if (!this.logs.has(registrationId)) {
      const logType = command.type === 'addPublication' ? 'concurrentPublication' : 'exclusivePublication';
      this.createLog(path, registrationId, streamId, logType);
    }
    const counterId = this.counters.allocate({
      typeId: CounterType.PUBLISHER_LIMIT,
      label: 'pub-lmt',
      registrationId,
    });
    this.counters.setValue(counterId, FAKE_TERM_LENGTH / 2);
    this.send({
      type: command.type === 'addPublication' ? 'publicationReady' : 'exclusivePublicationReady',
      correlationId,
      registrationId,
      sessionId: FAKE_SESSION_ID,
      streamId,
      positionLimitCounterId: counterId,
      channelStatusCounterId: -1,
      logFileName: path,
    });
  }

  /** Announces an image of a subscription. Returns its id; its log is among {@link logs}. */
  addImage(
    subscriptionRegistrationId: number,
    streamId: number,
    sessionId: number = FAKE_SESSION_ID,
  ): number {
    const correlationId = this.cnc.toDriver.nextCorrelationId();
    const path = imageLogPath(this.directory, correlationId);
    // With the tails of a publication, so that a test can append to it.
    this.createLog(path, correlationId, streamId, 'exclusivePublication', sessionId);
    const subscriberPositionCounterId = this.counters.allocate({
      typeId: CounterType.SUBSCRIBER_POSITION,
      label: 'sub-pos',
      registrationId: subscriptionRegistrationId,
    });
    this.send({
      type: 'availableImage',
      correlationId,
      sessionId,
      streamId,
      subscriptionRegistrationId,
      subscriberPositionCounterId,
      logFileName: path,
      sourceIdentity: '127.0.0.1:40123',
    });
    return correlationId;
  }

  removeImage(correlationId: number, subscriptionRegistrationId: number, streamId: number): void {
    this.send({ type: 'unavailableImage', correlationId, subscriptionRegistrationId, streamId, channel: '' });
  }

  createLog(
    path: string,
    registrationId: number,
    streamId: number,
    logType: 'concurrentPublication' | 'exclusivePublication',
    sessionId: number = FAKE_SESSION_ID,
  ): LogBuffers {
    const log = LogBuffers.create(path, {
      logType,
      registrationId,
      sessionId,
      streamId,
      initialTermId: FAKE_INITIAL_TERM_ID,
      termLength: FAKE_TERM_LENGTH,
      mtu: FAKE_MTU,
    });
    this.logs.set(registrationId, log);
    return log;
  }

  close(): void {
    for (const log of this.logs.values()) log.close();
    this.cnc.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
