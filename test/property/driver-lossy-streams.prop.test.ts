import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { ImageSpec, NetworkEvent } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';
import { type Faults, MemoryNetwork, NO_FAULTS } from '../support/memory-network.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  MTU,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const MESSAGES = 3000;
const STEPS_MAX = 400_000;
const STEP_NS = 20_000;
const PORT = 20121;
const SESSIONS = [1, 2];

type SetupReceived = Extract<NetworkEvent, { kind: 'setupReceived' }>;

/** One direction of a stream, end to end: who writes it, and who checks what comes out. */
interface Stream {
  readonly publisher: TestPublisher;
  readonly writer: CheckedMessageWriter;
  readonly verifier: CheckedMessageVerifier;
  subscriber: TestSubscriber | null;
  sent: number;
}

/** Two agents on one wire, with as little of a conductor as it takes to make images of setups. */
class Pair {
  readonly directory = new TestDirectory();
  readonly clock = new SimulatedClock();
  readonly network: MemoryNetwork;
  readonly sender: TestAgent;
  readonly receiver: TestAgent;
  readonly streams = new Map<number, Stream>();
  readonly released: number[] = [];
  readonly imageSpecs: ImageSpec[] = [];
  readonly imageLogs: LogBuffers[] = [];
  private readonly scratch = Region.allocate(4096);
  private readonly seed: number;

  constructor(seed: number, faults: Faults) {
    this.seed = seed;
    this.network = new MemoryNetwork(seed, faults);
    this.sender = new TestAgent(this.network.attach(), this.clock);
    this.receiver = new TestAgent(this.network.attach(), this.clock);
    const options = endpointOptions({ localPort: PORT });
    this.receiver.command({ kind: 'addReceiveEndpoint', endpointId: 2, options });
    this.receiver.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    const remote = endpointOptions({ remoteAddress: 0x7f000001, remotePort: PORT });
    this.sender.command({ kind: 'addSendEndpoint', endpointId: 1, options: remote });
    for (const sessionId of SESSIONS) this.addStream(sessionId);
    this.sender.takeEvents();
    this.receiver.takeEvents();
  }

  private addStream(sessionId: number): void {
    const startPosition = sessionId * 3 * TERM_LENGTH - 64;
    const log = this.directory.createLog(`publication-${sessionId}`, {
      sessionId,
      registrationId: sessionId,
      startPosition,
    });
    const spec = this.sender.addPublication(log, { startPosition });
    const checked = { seed: this.seed + sessionId, maxLength: MTU - 32 };
    this.streams.set(sessionId, {
      publisher: new TestPublisher(log, this.sender.position(spec.publisherLimitCounterId), startPosition),
      writer: new CheckedMessageWriter(checked, 0),
      verifier: new CheckedMessageVerifier(checked, 1, MESSAGES),
      subscriber: null,
      sent: 0,
    });
  }

  step(): void {
    for (const stream of this.streams.values()) this.publish(stream);
    this.clock.advanceNs(STEP_NS);
    this.sender.agent.doWork();
    this.receiver.agent.doWork();
    for (const event of this.receiver.takeEvents()) {
      if (event.kind === 'setupReceived') this.onSetup(event);
    }
    for (const event of this.sender.takeEvents()) {
      if (event.kind === 'streamReleased') this.released.push(event.registrationId);
    }
    for (const { subscriber, verifier } of this.streams.values()) {
      subscriber?.poll((view, offset, length) => verifier.onMessage(view, offset, length));
    }
  }

  private publish(stream: Stream): void {
    for (let i = 0; i < 4 && stream.sent < MESSAGES; i++) {
      const length = stream.writer.write(this.scratch.view, 0, stream.sent);
      if (!stream.publisher.offer(this.scratch.bytes, length)) return;
      stream.sent++;
    }
  }

  private onSetup(event: SetupReceived): void {
    const { sessionId, initialTermId, activeTermId, termOffset, termLength, mtu } = event;
    const joinPosition = ((activeTermId - initialTermId) | 0) * termLength + termOffset;
    const log = this.directory.createLog(`image-${sessionId}`, {
      logType: 'image',
      registrationId: 100 + sessionId,
      sessionId,
      initialTermId,
      termLength,
      mtu,
    });
    const counter = this.receiver.claimCounter();
    const { sourceAddress, sourcePort } = event;
    const spec = this.receiver.addImage(log, [counter], { joinPosition, sourceAddress, sourcePort });
    this.imageSpecs.push(spec);
    this.imageLogs.push(log);
    this.streams.get(sessionId)!.subscriber = new TestSubscriber(
      log,
      this.receiver.position(counter.id),
      joinPosition,
    );
  }

  runUntil(isDone: () => boolean, what: string): void {
    for (let i = 0; i < STEPS_MAX; i++) {
      if (isDone()) return;
      this.step();
    }
    assert.fail(`never ${what}`);
  }

  close(): void {
    this.sender.close();
    this.receiver.close();
    this.scratch.close();
    this.directory.close();
  }
}

function deliverAll(seed: number, faults: Faults): Pair {
  const pair = new Pair(seed, faults);
  const streams = [...pair.streams.values()];
  pair.runUntil(() => streams.every(({ verifier }) => verifier.isComplete), 'delivered');
  for (const { verifier } of streams) {
    verifier.finish();
    assert.deepEqual(verifier.summary(), {
      received: MESSAGES,
      lost: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
    });
  }
  return pair;
}

test('every message arrives once and in order, whatever the wire does', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.record({
        loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
        duplication: fc.double({ min: 0, max: 0.3, noNaN: true }),
        reordering: fc.double({ min: 0, max: 0.5, noNaN: true }),
      }),
      (seed, faults) => {
        const pair = deliverAll(seed, faults);
        const { imageSpecs, receiver } = pair;
        for (const { rcvHwmCounterId, rcvPosCounterId } of imageSpecs) {
          assert.equal(receiver.counter(rcvPosCounterId).get(), receiver.counter(rcvHwmCounterId).get());
        }
        pair.close();
      },
    ),
    { numRuns: 25 },
  );
});

test('on a wire without faults nothing is sent twice', () => {
  const pair = deliverAll(1, NO_FAULTS);
  assert.equal(pair.receiver.counter(5).get(), 0, 'NAKs');
  assert.equal(pair.sender.counter(11).get(), 0, 'retransmissions');
  assert.equal(pair.receiver.counter(12).get() + pair.receiver.counter(13).get(), 0, 'under and over runs');
  pair.close();
});

test('both ends of a stream are released after its publication is closed, losses or not', () => {
  const pair = deliverAll(77, { loss: 0.2, duplication: 0.1, reordering: 0.2 });
  for (const sessionId of SESSIONS) {
    pair.sender.command({ kind: 'drainPublication', registrationId: sessionId, revoke: false });
  }
  const ended = new Set<string>();
  pair.runUntil(() => {
    for (const log of pair.imageLogs)
      if (log.endOfStreamPosition() < Infinity) ended.add(String(log.sessionId));
    return ended.size === SESSIONS.length && pair.released.length === SESSIONS.length;
  }, 'released');
  for (const log of pair.imageLogs) {
    const { publisher } = pair.streams.get(log.sessionId)!;
    assert.equal(log.endOfStreamPosition(), publisher.position);
    assert.equal(log.initialTermId, INITIAL_TERM_ID);
  }
  pair.close();
});
