import type { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { NetworkAgentConfig, NetworkPublicationSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { writeNak } from '../../src/protocol/nak-frame.ts';
import { writeStatusMessage } from '../../src/protocol/status-message-frame.ts';
import { ScriptedTransport } from './scripted-transport.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  SESSION_ID,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
} from './stream-fixtures.ts';

const scratch = Region.allocate(2048);

/** Bytes that `write` puts into scratch memory; it returns how many. */
export function frame(write: (view: DataView) => number): Buffer {
  return Buffer.from(scratch.bytes.subarray(0, write(scratch.view)));
}

/** What a receiver that has all before `position` says. */
export function statusMessage(
  position: number,
  windowLength: number = TERM_LENGTH / 2,
  flags = 0,
  receiverId = 5,
): Buffer {
  const termId = INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH);
  const termOffset = position % TERM_LENGTH;
  return frame((view) =>
    writeStatusMessage(
      view,
      0,
      flags,
      SESSION_ID,
      STREAM_ID,
      termId,
      termOffset,
      windowLength,
      receiverId,
      0,
    ),
  );
}

export function nak(termOffset: number, length: number, termId: number = INITIAL_TERM_ID): Buffer {
  return frame((view) => writeNak(view, 0, 0, SESSION_ID, STREAM_ID, termId, termOffset, length));
}

/** A network agent that sends one stream, over a scripted transport, and the publisher of it. */
export class PublicationSender {
  readonly directory: TestDirectory = new TestDirectory();
  readonly transport: ScriptedTransport = new ScriptedTransport();
  readonly agent: TestAgent;
  readonly log: LogBuffers;
  readonly spec: NetworkPublicationSpec;
  readonly publisher: TestPublisher;

  constructor(
    overrides: Partial<NetworkPublicationSpec> = {},
    config: Partial<NetworkAgentConfig> = {},
    coalescedLengthMax = 0,
  ) {
    this.transport.coalescedLengthMax = coalescedLengthMax;
    this.agent = new TestAgent(this.transport, new SimulatedClock(), config);
    const { startPosition = 0, isExclusive = true } = overrides;
    const logType = isExclusive ? 'exclusivePublication' : 'concurrentPublication';
    this.log = this.directory.createLog('publication', { startPosition, logType });
    this.agent.command({
      kind: 'addSendEndpoint',
      endpointId: 1,
      options: endpointOptions({ remoteAddress: 0x7f000001, remotePort: 20121 }),
    });
    this.spec = this.agent.addPublication(this.log, overrides);
    this.publisher = new TestPublisher(
      this.log,
      this.agent.position(this.spec.publisherLimitCounterId),
      startPosition,
    );
    this.agent.takeEvents();
  }

  get limit(): AtomicCounter {
    return this.agent.counter(this.spec.publisherLimitCounterId);
  }

  value(counterId: number): number {
    return this.agent.counter(counterId).get();
  }

  get senderPosition(): number {
    return this.value(this.spec.senderPositionCounterId);
  }

  /** Delivers datagrams and runs one cycle for them and one for what follows from them. */
  receive(...datagrams: Buffer[]): void {
    for (const datagram of datagrams) this.transport.deliver(0, datagram);
    this.agent.agent.doWork();
    this.agent.agent.doWork();
  }

  connect(position = 0): void {
    this.receive(statusMessage(position));
    this.transport.takeSent();
  }

  cycle(): void {
    this.agent.agent.doWork();
  }

  [Symbol.dispose](): void {
    this.agent.close();
    this.directory.close();
  }
}
