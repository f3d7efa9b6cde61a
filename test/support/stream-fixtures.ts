import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { type Clock, SimulatedClock } from '../../src/concurrent/clock.ts';
import type { Extensions } from '../../src/driver/extensions/extensions.ts';
import type {
  FlowControlSpec,
  ImageSpec,
  IpcPublicationSpec,
  NetworkAgentConfig,
  NetworkCommand,
  NetworkEvent,
  NetworkPublicationSpec,
  UntetheredTimeouts,
} from '../../src/driver/messages.ts';
import { NetworkAgent } from '../../src/driver/network-agent.ts';
import { PositionCounter } from '../../src/driver/position-counter.ts';
import { PARTITION_COUNT } from '../../src/logbuffer/descriptor.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import type { LogParameters } from '../../src/logbuffer/log-metadata.ts';
import { copyIn } from '../../src/memory/bytes.ts';
import { Region } from '../../src/memory/region.ts';
import { FLAG_UNFRAGMENTED } from '../../src/protocol/data-frame.ts';
import { FLAGS, TYPE_DATA, TYPE_PAD, writeFrameHeader } from '../../src/protocol/frame.ts';
import type { EndpointOptions, Transport } from '../../src/transport/transport.ts';

const MS = 1_000_000;

export const SESSION_ID = 0x1234;
export const STREAM_ID = 1001;
export const INITIAL_TERM_ID = 7;
export const TERM_LENGTH = 65536;
export const MTU = 1408;
/** The driver's defaults. */
export const UNTETHERED: UntetheredTimeouts = {
  windowLimitNs: 5000 * MS,
  lingerNs: 5000 * MS,
  restingNs: 10_000 * MS,
};

/** A directory for logs that goes away with the fixture. */
export class TestDirectory {
  readonly path: string = mkdtempSync('/dev/shm/aeron-streams-');
  private readonly logs: LogBuffers[] = [];

  createLog(name: string, parameters: Partial<LogParameters> = {}): LogBuffers {
    const log = LogBuffers.create(join(this.path, name), {
      logType: 'exclusivePublication',
      registrationId: 1,
      sessionId: SESSION_ID,
      streamId: STREAM_ID,
      initialTermId: INITIAL_TERM_ID,
      termLength: TERM_LENGTH,
      mtu: MTU,
      ...parameters,
    });
    this.logs.push(log);
    return log;
  }

  close(): void {
    for (const log of this.logs) log.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A network agent with everything around it that the conductor would give it. */
export class TestAgent<C extends Clock = SimulatedClock> {
  readonly clock: C;
  readonly events: NetworkEvent[] = [];
  readonly config: NetworkAgentConfig;
  readonly values: Region = Region.allocate(256 * 128);
  readonly lossReport: Region = Region.allocate(65536);
  readonly agent: NetworkAgent;
  private nextCounterId = 100;

  constructor(
    transport: Transport | null,
    clock: C = new SimulatedClock() as Clock as C,
    overrides: Partial<NetworkAgentConfig> = {},
    extensions?: Extensions,
  ) {
    this.clock = clock;
    this.config = {
      cnc: this.values,
      countersValuesOffset: 0,
      countersValuesLength: this.values.byteLength,
      lossReport: this.lossReport,
      transport: { kind: 'none' },
      place: null,
      maxMessagesPerSend: 4,
      extensions: { modules: [], incomingInterceptors: [], outgoingInterceptors: [] },
      receiveLossRate: 0,
      sendToStatusPollRatio: 6,
      statusMessageTimeoutNs: 200 * MS,
      imageLivenessTimeoutNs: 10_000 * MS,
      publicationConnectionTimeoutNs: 5000 * MS,
      publicationUnblockTimeoutNs: 15_000 * MS,
      timerIntervalNs: 1000 * MS,
      retransmitDelayNs: 0,
      retransmitLingerNs: 10 * MS,
      nakRetryDelayRatio: 100,
      nakMulticastGroupSize: 10,
      nakMulticastMaxBackoffNs: 10 * MS,
      initialWindowLength: 131072,
      cycleThresholdNs: 100 * MS,
      receiverIdHigh: 0x0a0b0c0d,
      receiverIdLow: 0x01020304,
      ...overrides,
    };
    const emit = (event: NetworkEvent): unknown => this.events.push(event);
    this.agent = new NetworkAgent(this.config, transport, clock, emit, null, extensions);
    this.events.length = 0;
  }

  command(command: NetworkCommand): void {
    this.agent.onCommand(command);
  }

  /** Events since the last call. */
  takeEvents(): NetworkEvent[] {
    return this.events.splice(0);
  }

  counter(id: number): AtomicCounter {
    return new AtomicCounter(this.values, 0, id);
  }

  position(id: number): PositionCounter {
    return new PositionCounter(this.values, 0, id);
  }

  claimCounter(): AtomicCounter {
    return this.counter(this.nextCounterId++);
  }

  /** Lets simulated time pass in steps of a millisecond, a duty cycle each. */
  run(this: TestAgent, durationMs: number): void {
    for (let i = 0; i < durationMs; i++) {
      this.clock.advanceNs(MS);
      this.agent.doWork();
    }
  }

  addPublication(log: LogBuffers, overrides: Partial<NetworkPublicationSpec> = {}): NetworkPublicationSpec {
    const publication: NetworkPublicationSpec = {
      registrationId: log.registrationId,
      endpointId: 1,
      log: log.region,
      sessionId: log.sessionId,
      streamId: log.streamId,
      initialTermId: log.initialTermId,
      termLength: log.termLength,
      mtu: log.mtu,
      startPosition: 0,
      isExclusive: true,
      signalEos: true,
      termWindowLength: log.termLength / 2,
      lingerTimeoutNs: 5000 * MS,
      isGroup: false,
      maxResend: 16,
      ttl: 0,
      flowControl: maxFlowControl(),
      remoteAddress: 0x7f000001,
      remotePort: 20121,
      publisherPositionCounterId: this.claimCounter().id,
      publisherLimitCounterId: this.claimCounter().id,
      senderPositionCounterId: this.claimCounter().id,
      senderLimitCounterId: this.claimCounter().id,
      senderBpeCounterId: this.claimCounter().id,
      senderNaksReceivedCounterId: this.claimCounter().id,
      isResponse: false,
      wantsResponse: false,
      spiesSimulateConnection: false,
      subscribers: [],
      untethered: UNTETHERED,
      ...overrides,
    };
    this.command({ kind: 'addNetworkPublication', publication });
    return publication;
  }

  addIpcPublication(
    log: LogBuffers,
    subscribers: readonly AtomicCounter[],
    overrides: Partial<IpcPublicationSpec> = {},
  ): IpcPublicationSpec {
    const publication: IpcPublicationSpec = {
      registrationId: log.registrationId,
      log: log.region,
      sessionId: log.sessionId,
      streamId: log.streamId,
      initialTermId: log.initialTermId,
      termLength: log.termLength,
      startPosition: 0,
      isExclusive: true,
      termWindowLength: log.termLength / 2,
      publisherPositionCounterId: this.claimCounter().id,
      publisherLimitCounterId: this.claimCounter().id,
      subscribers: subscribers.map(({ id }) => ({ counterId: id, tether: true })),
      untethered: UNTETHERED,
      ...overrides,
    };
    this.command({ kind: 'addIpcPublication', publication });
    return publication;
  }

  addImage(
    log: LogBuffers,
    subscribers: readonly AtomicCounter[],
    overrides: Partial<ImageSpec> = {},
  ): ImageSpec {
    const image: ImageSpec = {
      registrationId: log.registrationId,
      endpointId: 2,
      log: log.region,
      sessionId: log.sessionId,
      streamId: log.streamId,
      initialTermId: log.initialTermId,
      termLength: log.termLength,
      mtu: log.mtu,
      joinPosition: 0,
      windowLength: log.termLength / 2,
      isReliable: true,
      rejoin: true,
      nakDelayNs: 1000,
      isGroup: false,
      sourceAddress: 0x7f000001,
      sourcePort: 9999,
      destinationId: 0,
      channel: 'aeron:udp?endpoint=localhost:20121',
      sourceIdentity: '127.0.0.1:9999',
      rcvHwmCounterId: this.claimCounter().id,
      rcvPosCounterId: this.claimCounter().id,
      rcvNaksSentCounterId: this.claimCounter().id,
      subscribers: subscribers.map(({ id }) => ({ counterId: id, tether: true })),
      untethered: UNTETHERED,
      ...overrides,
    };
    for (const subscriber of subscribers) subscriber.set(image.joinPosition);
    this.command({ kind: 'addImage', image });
    return image;
  }

  close(): void {
    this.agent.close();
    this.values.close();
    this.lossReport.close();
  }
}

/** Flow control of a stream with one receiver. */
export function maxFlowControl(overrides: Partial<FlowControlSpec> = {}): FlowControlSpec {
  return {
    strategy: 'max',
    groupTag: { low: -1, high: -1 },
    groupMinSize: 0,
    receiverTimeoutNs: 5000 * MS,
    retransmitWindowMultiple: 16,
    receiversCounterId: -1,
    ...overrides,
  };
}

/** Options of an endpoint on this machine. */
export function endpointOptions(overrides: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    localAddress: 0x7f000001,
    localPort: 0,
    remoteAddress: 0,
    remotePort: 0,
    receiveBufferLength: 0,
    sendBufferLength: 0,
    ...overrides,
  };
}

/** Writes messages into a log as the only publisher; fragments nothing, so messages fit into an MTU. */
export class TestPublisher {
  // Not a small integer from the start: V8 would box it at every change otherwise.
  position: number = Number.NaN;
  private readonly log: LogBuffers;
  private readonly limit: PositionCounter;

  constructor(log: LogBuffers, limit: PositionCounter, startPosition = 0) {
    this.log = log;
    this.limit = limit;
    this.position = startPosition;
  }

  /** Appends a message. Returns false when the limit is reached, or when only padding to the term's end was written. */
  offer(bytes: Uint8Array, length: number = bytes.length): boolean {
    const { log } = this;
    this.limit.refresh();
    if (this.position >= this.limit.value) return false;
    const termCount = Math.floor(this.position / log.termLength);
    const termOffset = this.position - termCount * log.termLength;
    const partition = termCount % PARTITION_COUNT;
    const frameLength = length + 32;
    const required = (frameLength + 31) & ~31;
    const i32 = log.region.i32;
    const tailIndex = log.rawTailIndex(partition);
    Atomics.store(i32, tailIndex, termOffset + required);
    if (termOffset + required > log.termLength) {
      if (termOffset < log.termLength)
        this.commit(termCount, termOffset, log.termLength - termOffset, TYPE_PAD);
      this.rotate(termCount);
      return false;
    }
    copyIn(log.region, log.termStart(partition) + termOffset + 32, bytes, 0, length);
    this.commit(termCount, termOffset, frameLength, TYPE_DATA);
    this.position += required;
    if (termOffset + required === log.termLength) this.rotate(termCount);
    return true;
  }

  private rotate(termCount: number): void {
    const { log } = this;
    const nextTermId = (log.initialTermId + termCount + 1) | 0;
    const tailIndex = log.rawTailIndex((termCount + 1) % PARTITION_COUNT);
    Atomics.store(log.region.i32, tailIndex, 0);
    Atomics.store(log.region.i32, tailIndex + 1, nextTermId);
    Atomics.store(log.region.i32, log.activeTermCountIndex, termCount + 1);
    this.position = (termCount + 1) * log.termLength;
  }

  private commit(termCount: number, termOffset: number, frameLength: number, type: number): void {
    const { region, sessionId, streamId, initialTermId } = this.log;
    const at = this.log.termStart(termCount % PARTITION_COUNT) + termOffset;
    writeFrameHeader(region.view, at, 0, FLAG_UNFRAGMENTED, type);
    region.view.setInt32(at + 8, termOffset, true);
    region.view.setInt32(at + 12, sessionId, true);
    region.view.setInt32(at + 16, streamId, true);
    region.view.setInt32(at + 20, (initialTermId + termCount) | 0, true);
    Atomics.store(region.i32, at >> 2, frameLength);
  }
}

/** Reads messages of a log and moves a position counter on, as a client's image does. */
export class TestSubscriber {
  // Not a small integer from the start: V8 would box it at every change otherwise.
  position: number = Number.NaN;
  private readonly log: LogBuffers;
  private readonly counter: PositionCounter;

  constructor(log: LogBuffers, counter: PositionCounter, joinPosition = 0) {
    this.log = log;
    this.counter = counter;
    this.position = joinPosition;
  }

  /** Returns the number of messages handed to `onMessage`: the bytes after the header of each. */
  poll(onMessage: (view: DataView, offset: number, length: number) => void, limit = 1000): number {
    const { log } = this;
    const { i32, view } = log.region;
    const termCount = Math.floor(this.position / log.termLength);
    const termStart = log.termStart(termCount % PARTITION_COUNT);
    let termOffset = this.position - termCount * log.termLength;
    let messages = 0;
    while (messages < limit && termOffset < log.termLength) {
      const at = termStart + termOffset;
      const frameLength = Atomics.load(i32, at >> 2);
      // As the client does: who forges a stream can have a frame begin amid the payload of another.
      if (frameLength <= 0 || frameLength > log.termLength - termOffset) break;
      termOffset += (frameLength + 31) & ~31;
      if (view.getUint16(at + FLAGS + 1, true) === TYPE_PAD) continue;
      messages++;
      onMessage(view, at + 32, frameLength - 32);
    }
    const position = termCount * log.termLength + termOffset;
    if (position !== this.position) {
      this.position = position;
      this.counter.value = position;
      this.counter.publish();
    }
    return messages;
  }
}

/** Bytes of a hex text; blanks do not count. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}
