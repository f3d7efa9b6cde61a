import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '../../src/concurrent/clock.ts';
import type { NetworkEvent } from '../../src/driver/messages.ts';
import { runGcGate } from '../support/gc-gate.ts';
import { type Faults, MemoryNetwork, NO_FAULTS } from '../support/memory-network.ts';
import {
  endpointOptions,
  maxFlowControl,
  STREAM_ID,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const CONTROL_PORT = 20121;
const PORT = 20122;
const RECEIVERS = 3;
const TERM_LENGTH = 1 << 20;
/** Positions that are no small integers, as in production, and that pass a multiple of 4 GiB while all warms up. */
const FOUR_GIB = 2 ** 32;
const START_POSITION = 10 * FOUR_GIB - 64 * TERM_LENGTH;
const BYTES_PER_STEP_MAX = 2;

type SetupReceived = Extract<NetworkEvent, { kind: 'setupReceived' }>;

/** A sender with a stream for three receivers that it finds by their status messages; the slowest sets the pace. */
class CastLoad {
  readonly directory = new TestDirectory();
  readonly sender: TestAgent<SystemClock>;
  readonly receivers: TestAgent<SystemClock>[] = [];
  readonly subscribers: (TestSubscriber | null)[] = [];
  readonly publisher: TestPublisher;
  readonly message = Buffer.alloc(288, 0x42);
  received = 0;
  private readonly count = (): void => {
    this.received++;
  };

  constructor(faults: Faults) {
    const network = new MemoryNetwork(1, faults);
    this.sender = new TestAgent(network.attach(), new SystemClock());
    this.sender.command({
      kind: 'addSendEndpoint',
      endpointId: 1,
      options: endpointOptions({ localPort: CONTROL_PORT }),
      destinations: { isManual: false, counterId: this.sender.claimCounter().id },
    });
    const startPosition = START_POSITION;
    const log = this.directory.createLog('publication', { termLength: TERM_LENGTH, startPosition });
    const spec = this.sender.addPublication(log, {
      startPosition,
      isGroup: true,
      remoteAddress: 0,
      remotePort: 0,
      flowControl: maxFlowControl({
        strategy: 'min',
        groupMinSize: RECEIVERS,
        receiversCounterId: this.sender.claimCounter().id,
      }),
    });
    const limit = this.sender.position(spec.publisherLimitCounterId);
    this.publisher = new TestPublisher(log, limit, startPosition);
    const control = { address: 0x7f000001, port: CONTROL_PORT };
    for (let i = 0; i < RECEIVERS; i++) {
      const receiver = new TestAgent(network.attach(), new SystemClock(), { receiverIdLow: 1000 * (i + 1) });
      receiver.command({
        kind: 'addReceiveEndpoint',
        endpointId: 2,
        options: endpointOptions({ localPort: PORT + i }),
        receiver: { control, groupTag: { low: i, high: 0 } },
      });
      receiver.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
      this.receivers.push(receiver);
      this.subscribers.push(null);
    }
    for (const agent of [this.sender, ...this.receivers]) {
      for (const id of [0, 1]) agent.counter(id).set(FOUR_GIB - 64 * TERM_LENGTH);
    }
    while (this.subscribers.includes(null)) this.connect();
  }

  private connect(): void {
    this.cycle();
    for (const [i, receiver] of this.receivers.entries()) {
      const setup = receiver
        .takeEvents()
        .find((event): event is SetupReceived => event.kind === 'setupReceived');
      if (setup === undefined) continue;
      const log = this.directory.createLog(`image-${i}`, {
        logType: 'image',
        registrationId: 3 + i,
        termLength: TERM_LENGTH,
      });
      const counter = receiver.claimCounter();
      receiver.addImage(log, [counter], {
        joinPosition: START_POSITION,
        sourcePort: setup.sourcePort,
        windowLength: TERM_LENGTH / 4,
      });
      this.subscribers[i] = new TestSubscriber(log, receiver.position(counter.id), START_POSITION);
    }
  }

  cycle(): void {
    this.sender.agent.doWork();
    for (let i = 0; i < RECEIVERS; i++) this.receivers[i]!.agent.doWork();
  }

  step(): void {
    for (let i = 0; i < 16; i++) {
      if (!this.publisher.offer(this.message)) break;
    }
    this.cycle();
    for (let i = 0; i < RECEIVERS; i++) this.subscribers[i]!.poll(this.count);
  }

  close(): void {
    this.sender.close();
    for (const receiver of this.receivers) receiver.close();
    this.directory.close();
  }
}

function measure(load: CastLoad, step: () => void): void {
  const { collections, bytesAllocated, steps } = runGcGate({ warmUpMs: 15_000, measureMs: 5_000, step });
  load.close();
  assert.equal(collections, 0, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(bytesAllocated < BYTES_PER_STEP_MAX * steps, `${bytesAllocated} bytes in ${steps} steps`);
}

test('a stream for three destinations makes no garbage', () => {
  const load = new CastLoad(NO_FAULTS);
  measure(load, () => load.step());
  assert.ok(load.received > 100_000, `${load.received} messages`);
});

test('what each of three receivers loses is sent again without garbage', () => {
  const load = new CastLoad({ loss: 0.02, duplication: 0.02, reordering: 0.05 });
  measure(load, () => load.step());
  assert.ok(load.receivers[0]!.counter(5).get() > 100, 'NAKs were sent');
  assert.ok(load.received > 50_000, `${load.received} messages`);
});

test('idle duty cycles for three destinations make no garbage', () => {
  const load = new CastLoad(NO_FAULTS);
  measure(load, () => load.cycle());
});
