import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '../../src/concurrent/clock.ts';
import type { NetworkEvent, SubscriberPosition } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { runGcGate } from '../support/gc-gate.ts';
import { type Faults, MemoryNetwork, NO_FAULTS } from '../support/memory-network.ts';
import {
  endpointOptions,
  STREAM_ID,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const PORT = 20121;
const TERM_LENGTH = 1 << 20;
/**
 * Positions that are no small integers, as in production, and that pass a multiple of 4 GiB while everything warms up:
 * code for what happens once in 4 GiB is compiled then.
 */
const FOUR_GIB = 2 ** 32;
const START_POSITION = 10 * FOUR_GIB - 64 * TERM_LENGTH;

/**
 * A double that is boxed once in a step costs 16 bytes. V8 allocates a little for itself when it compiles late, the more
 * the busier the machine is, and a loss that enters the loss report has its time boxed.
 */
const BYTES_PER_STEP_MAX = 2;

/** A sender and a receiver on one wire with a stream between them that a spy reads too, and one more stream over IPC. */
class Load {
  readonly directory = new TestDirectory();
  readonly sender: TestAgent<SystemClock>;
  readonly receiver: TestAgent<SystemClock>;
  readonly publisher: TestPublisher;
  readonly ipcPublisher: TestPublisher;
  readonly ipcSubscriber: TestSubscriber;
  readonly message = Buffer.alloc(288, 0x42);
  readonly spy: TestSubscriber;
  /** Publishes the same once more, to the second destination. */
  private readonly twin: TestPublisher | null;
  subscriber: TestSubscriber | null = null;
  received = 0;
  private readonly count = (): void => {
    this.received++;
  };

  constructor(faults: Faults, isMerged = false) {
    const network = new MemoryNetwork(1, faults);
    // One agent a side, each with a clock of its own, as in two processes.
    this.sender = new TestAgent(network.attach(), new SystemClock());
    this.receiver = new TestAgent(network.attach(), new SystemClock());
    if (isMerged) this.addDestinations();
    else {
      const options = endpointOptions({ localPort: PORT });
      this.receiver.command({ kind: 'addReceiveEndpoint', endpointId: 2, options });
    }
    this.receiver.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    const startPosition = START_POSITION;
    const parameters = { termLength: TERM_LENGTH, startPosition };
    const spyCounter = this.sender.claimCounter();
    spyCounter.set(startPosition);
    const { log, publisher } = this.addPublisher(1, PORT, [{ counterId: spyCounter.id, tether: false }]);
    this.publisher = publisher;
    this.spy = new TestSubscriber(log, this.sender.position(spyCounter.id), startPosition);
    this.twin = isMerged ? this.addPublisher(3, PORT + 1, []).publisher : null;
    const ipcLog = this.directory.createLog('ipc', { ...parameters, registrationId: 2 });
    const ipcCounter = this.sender.claimCounter();
    ipcCounter.set(startPosition);
    const ipcSpec = this.sender.addIpcPublication(ipcLog, [ipcCounter], { startPosition });
    const ipcLimit = this.sender.position(ipcSpec.publisherLimitCounterId);
    this.ipcPublisher = new TestPublisher(ipcLog, ipcLimit, startPosition);
    this.ipcSubscriber = new TestSubscriber(ipcLog, this.sender.position(ipcCounter.id), startPosition);
    for (const agent of [this.sender, this.receiver]) {
      for (const id of [0, 1]) agent.counter(id).set(FOUR_GIB - 64 * TERM_LENGTH);
    }
    while (this.subscriber === null) this.connect();
  }

  private addDestinations(): void {
    this.receiver.command({ kind: 'addMultiDestinationEndpoint', endpointId: 2 });
    for (const [i, localPort] of [PORT, PORT + 1].entries()) {
      this.receiver.command({
        kind: 'addReceiveDestination',
        endpointId: 2,
        destinationId: 10 + i,
        options: endpointOptions({ localPort }),
        control: null,
      });
    }
  }

  private addPublisher(
    endpointId: number,
    remotePort: number,
    subscribers: SubscriberPosition[],
  ): { log: LogBuffers; publisher: TestPublisher } {
    const options = endpointOptions({ remoteAddress: 0x7f000001, remotePort });
    this.sender.command({ kind: 'addSendEndpoint', endpointId, options });
    const startPosition = START_POSITION;
    const parameters = { termLength: TERM_LENGTH, startPosition, registrationId: endpointId };
    const log = this.directory.createLog(`publication-${endpointId}`, parameters);
    const spec = this.sender.addPublication(log, { startPosition, endpointId, remotePort, subscribers });
    const limit = this.sender.position(spec.publisherLimitCounterId);
    return { log, publisher: new TestPublisher(log, limit, startPosition) };
  }

  private connect(): void {
    this.cycle();
    const event = this.receiver.takeEvents().find(({ kind }) => kind === 'setupReceived');
    if (event !== undefined) this.onSetup(event as Extract<NetworkEvent, { kind: 'setupReceived' }>);
  }

  private onSetup({ sourcePort, destinationId }: Extract<NetworkEvent, { kind: 'setupReceived' }>): void {
    const joinPosition = START_POSITION;
    const log = this.directory.createLog('image', {
      logType: 'image',
      registrationId: 3,
      termLength: TERM_LENGTH,
    });
    const counter = this.receiver.claimCounter();
    this.receiver.addImage(log, [counter], {
      joinPosition,
      sourcePort,
      destinationId,
      windowLength: TERM_LENGTH / 4,
    });
    this.subscriber = new TestSubscriber(log, this.receiver.position(counter.id), joinPosition);
  }

  publish(): void {
    for (let i = 0; i < 16; i++) {
      if (!this.publisher.offer(this.message)) break;
    }
    for (let i = 0; this.twin !== null && i < 16; i++) {
      if (!this.twin.offer(this.message)) break;
    }
    for (let i = 0; i < 16; i++) {
      if (!this.ipcPublisher.offer(this.message)) break;
    }
  }

  cycle(): void {
    this.sender.agent.doWork();
    this.receiver.agent.doWork();
  }

  consume(): void {
    this.subscriber!.poll(this.count);
    this.ipcSubscriber.poll(this.count);
    this.spy.poll(this.count);
  }

  close(): void {
    this.sender.close();
    this.receiver.close();
    this.directory.close();
  }
}

function measure(load: Load, step: () => void): void {
  const { collections, bytesAllocated, steps } = runGcGate({ warmUpMs: 15_000, measureMs: 5_000, step });
  load.close();
  assert.equal(collections, 0, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(bytesAllocated < BYTES_PER_STEP_MAX * steps, `${bytesAllocated} bytes in ${steps} steps`);
}

test('duty cycles under load make no garbage', () => {
  const load = new Load(NO_FAULTS);
  measure(load, () => {
    load.publish();
    load.cycle();
    load.consume();
  });
  assert.ok(load.received > 100_000, `${load.received} messages`);
});

test('loss and its repair make no garbage', () => {
  const load = new Load({ loss: 0.02, duplication: 0.02, reordering: 0.05 });
  measure(load, () => {
    load.publish();
    load.cycle();
    load.consume();
  });
  assert.ok(load.receiver.counter(5).get() > 100, 'NAKs were sent');
  assert.ok(load.received > 50_000, `${load.received} messages`);
});

test('an image that comes by two lossy ways makes no garbage', () => {
  const load = new Load({ loss: 0.02, duplication: 0.02, reordering: 0.05 }, true);
  measure(load, () => {
    load.publish();
    load.cycle();
    load.consume();
  });
  assert.ok(load.received > 50_000, `${load.received} messages`);
});

test('idle duty cycles make no garbage', () => {
  const load = new Load(NO_FAULTS);
  measure(load, () => load.cycle());
});
