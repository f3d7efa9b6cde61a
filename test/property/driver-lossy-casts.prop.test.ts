/** One stream for three receivers over a simulated wire, at the pace of the slowest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { NetworkEvent } from '../../src/driver/messages.ts';
import { Region } from '../../src/memory/region.ts';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';
import { type Faults, MemoryNetwork, NO_FAULTS } from '../support/memory-network.ts';
import {
  endpointOptions,
  MTU,
  maxFlowControl,
  STREAM_ID,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const MESSAGES = 2000;
const STEPS_MAX = 400_000;
const STEP_NS = 20_000;
const CONTROL_PORT = 20121;
const PORT = 20122;
const RECEIVERS = 3;
const LOOPBACK = 0x7f000001;

type SetupReceived = Extract<NetworkEvent, { kind: 'setupReceived' }>;

interface Receiver {
  readonly agent: TestAgent;
  readonly verifier: CheckedMessageVerifier;
  subscriber: TestSubscriber | null;
  counterId: number;
  hasLeft: boolean;
}

/** A sender and its receivers, with as little of a conductor as it takes to make images of setups. */
class Cast {
  readonly sender: TestAgent;
  readonly receivers: Receiver[] = [];
  readonly receiversCounterId: number;
  readonly destinationsCounterId: number;
  sent = 0;
  private readonly directory = new TestDirectory();
  private readonly clock = new SimulatedClock();
  private readonly scratch = Region.allocate(4096);
  private readonly publisher: TestPublisher;
  private readonly writer: CheckedMessageWriter;

  constructor(seed: number, faults: Faults, isManual: boolean) {
    const network = new MemoryNetwork(seed, faults);
    const checked = { seed, maxLength: MTU - 32 };
    this.sender = new TestAgent(network.attach(), this.clock);
    this.destinationsCounterId = this.sender.claimCounter().id;
    this.receiversCounterId = this.sender.claimCounter().id;
    this.sender.command({
      kind: 'addSendEndpoint',
      endpointId: 1,
      options: endpointOptions({ localPort: CONTROL_PORT }),
      destinations: { isManual, counterId: this.destinationsCounterId },
    });
    const log = this.directory.createLog('publication');
    const spec = this.sender.addPublication(log, {
      isGroup: true,
      remoteAddress: 0,
      remotePort: 0,
      flowControl: maxFlowControl({ strategy: 'min', receiversCounterId: this.receiversCounterId }),
    });
    this.publisher = new TestPublisher(log, this.sender.position(spec.publisherLimitCounterId));
    this.writer = new CheckedMessageWriter(checked, 0);
    for (let i = 0; i < RECEIVERS; i++) {
      const agent = new TestAgent(network.attach(), this.clock, { receiverIdLow: 1000 * (i + 1) });
      const control = isManual ? null : { address: LOOPBACK, port: CONTROL_PORT };
      agent.command({
        kind: 'addReceiveEndpoint',
        endpointId: 2,
        options: endpointOptions({ localPort: PORT + i }),
        receiver: { control, groupTag: null },
      });
      agent.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
      const verifier = new CheckedMessageVerifier(checked, 1, MESSAGES);
      this.receivers.push({ agent, verifier, subscriber: null, counterId: -1, hasLeft: false });
      const destination = { destinationId: 10 + i, address: LOOPBACK, port: PORT + i };
      if (isManual) this.sender.command({ kind: 'addDestination', endpointId: 1, ...destination });
    }
  }

  /** Receivers that the sender waits for. */
  get receiverCount(): number {
    return this.sender.counter(this.receiversCounterId).get();
  }

  runUntil(isDone: () => boolean, isPublishing: boolean): void {
    for (let i = 0; i < STEPS_MAX; i++) {
      if (isDone()) return;
      this.step(isPublishing);
    }
    assert.fail(`never done: ${this.sent} sent, ${this.receivers.map(({ verifier }) => verifier.received)}`);
  }

  private step(isPublishing: boolean): void {
    for (let i = 0; isPublishing && i < 4 && this.sent < MESSAGES; i++) {
      const length = this.writer.write(this.scratch.view, 0, this.sent);
      if (!this.publisher.offer(this.scratch.bytes, length)) break;
      this.sent++;
    }
    this.clock.advanceNs(STEP_NS);
    this.sender.agent.doWork();
    for (const [i, receiver] of this.receivers.entries()) {
      const { agent, verifier, subscriber } = receiver;
      agent.agent.doWork();
      for (const event of agent.takeEvents()) if (event.kind === 'setupReceived') this.onSetup(i, event);
      if (receiver.hasLeft) continue;
      subscriber?.poll((view, offset, length) => verifier.onMessage(view, offset, length));
    }
  }

  private onSetup(index: number, { initialTermId, termLength, mtu, ...setup }: SetupReceived): void {
    const receiver = this.receivers[index]!;
    if (receiver.hasLeft) return;
    const log = this.directory.createLog(`image-${index}`, {
      logType: 'image',
      registrationId: 100 + index,
      initialTermId,
      termLength,
      mtu,
    });
    const counter = receiver.agent.claimCounter();
    const { sourceAddress, sourcePort } = setup;
    const joinPosition = ((setup.activeTermId - initialTermId) | 0) * termLength + setup.termOffset;
    receiver.agent.addImage(log, [counter], { joinPosition, sourceAddress, sourcePort });
    receiver.counterId = counter.id;
    receiver.subscriber = new TestSubscriber(log, receiver.agent.position(counter.id), joinPosition);
  }

  /** The only subscriber of a receiver goes away. */
  leave(index: number): void {
    const receiver = this.receivers[index]!;
    receiver.hasLeft = true;
    const registrationId = 100 + index;
    receiver.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    receiver.agent.command({ kind: 'removeSubscriber', registrationId, counterId: receiver.counterId });
  }

  check(): void {
    for (const { verifier, hasLeft } of this.receivers) {
      if (hasLeft) continue;
      verifier.finish();
      assert.deepEqual(verifier.summary(), {
        received: MESSAGES,
        lost: 0,
        duplicated: 0,
        reordered: 0,
        corrupted: 0,
      });
    }
  }

  isComplete(): boolean {
    return this.receivers.every(({ verifier, hasLeft }) => hasLeft || verifier.isComplete);
  }

  close(): void {
    this.sender.close();
    for (const { agent } of this.receivers) agent.close();
    this.scratch.close();
    this.directory.close();
  }
}

function started(seed: number, faults: Faults, isManual: boolean): Cast {
  const cast = new Cast(seed, faults, isManual);
  cast.runUntil(() => cast.receiverCount === RECEIVERS, false);
  return cast;
}

const faults = fc.record({
  loss: fc.double({ min: 0, max: 0.2, noNaN: true }),
  duplication: fc.double({ min: 0, max: 0.2, noNaN: true }),
  reordering: fc.double({ min: 0, max: 0.4, noNaN: true }),
});

test('every receiver of a cast gets every message once and in order, whatever the wire does', () => {
  fc.assert(
    fc.property(fc.integer(), faults, fc.boolean(), (seed, wire, isManual) => {
      const cast = started(seed, wire, isManual);
      cast.runUntil(() => cast.isComplete(), true);
      cast.check();
      cast.close();
    }),
    { numRuns: 8 },
  );
});

test('a receiver that leaves does not hold up the others', () => {
  fc.assert(
    fc.property(fc.integer(), faults, fc.nat(MESSAGES - 1), (seed, wire, messages) => {
      const cast = started(seed, wire, false);
      cast.runUntil(() => cast.receivers[1]!.verifier.received >= messages / 2, true);
      cast.leave(1);
      cast.runUntil(() => cast.isComplete(), true);
      cast.check();
      cast.close();
    }),
    { numRuns: 6 },
  );
});

test('on a wire without faults nothing of a cast is sent twice', () => {
  const cast = started(1, NO_FAULTS, false);
  cast.runUntil(() => cast.isComplete(), true);
  cast.check();
  assert.equal(cast.sender.counter(11).get(), 0, 'retransmissions');
  for (const { agent } of cast.receivers) {
    assert.equal(agent.counter(5).get(), 0, 'NAKs');
    assert.equal(agent.counter(13).get(), 0, 'over runs');
  }
  assert.equal(cast.sender.counter(cast.destinationsCounterId).get(), RECEIVERS);
  cast.close();
});
