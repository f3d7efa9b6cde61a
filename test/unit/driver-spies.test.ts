import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type { NetworkPublicationSpec } from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { writeStatusMessage } from '../../src/protocol/status-message-frame.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  SESSION_ID,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
  TestSubscriber,
} from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;
const MESSAGE = Buffer.alloc(992, 0x42);
const FRAME_LENGTH = 1024;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

function statusMessage(termId: number, termOffset: number, window: number): Buffer {
  const bytes = Buffer.alloc(64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = writeStatusMessage(view, 0, 0, SESSION_ID, STREAM_ID, termId, termOffset, window, 1, 0);
  return bytes.subarray(0, length);
}

/** A network publication with a spy on it. */
class Spied {
  readonly transport = new ScriptedTransport();
  readonly agent = new TestAgent(this.transport, new SimulatedClock());
  readonly log: LogBuffers;
  readonly spec: NetworkPublicationSpec;
  readonly publisher: TestPublisher;
  readonly counterId: number;
  readonly spy: TestSubscriber;

  constructor(overrides: Partial<NetworkPublicationSpec> = {}, tether = true) {
    this.log = directory.createLog(`spied-${logCount++}`);
    const options = endpointOptions({ remoteAddress: 0x7f000001, remotePort: 20121 });
    this.agent.command({ kind: 'addSendEndpoint', endpointId: 1, options });
    this.counterId = this.agent.claimCounter().id;
    const subscribers = [{ counterId: this.counterId, tether }];
    this.spec = this.agent.addPublication(this.log, { subscribers, ...overrides });
    this.publisher = new TestPublisher(this.log, this.agent.position(this.spec.publisherLimitCounterId));
    this.spy = new TestSubscriber(this.log, this.agent.position(this.counterId));
    this.agent.takeEvents();
    this.cycle();
  }

  get limit(): number {
    return this.agent.counter(this.spec.publisherLimitCounterId).get();
  }

  get senderPosition(): number {
    return this.agent.counter(this.spec.senderPositionCounterId).get();
  }

  cycle(): void {
    this.agent.agent.doWork();
  }

  /** Messages the spy reads. */
  read(): number {
    return this.spy.poll(() => {});
  }

  leave(): void {
    this.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: this.counterId });
  }

  connect(position: number, window = WINDOW): void {
    const termId = INITIAL_TERM_ID + Math.floor(position / TERM_LENGTH);
    this.transport.deliver(0, statusMessage(termId, position % TERM_LENGTH, window));
    this.cycle();
    this.cycle();
  }

  /** Offers until nothing more goes. Returns how many. */
  fill(): number {
    let count = 0;
    while (this.publisher.offer(MESSAGE)) count++;
    return count;
  }

  eventKinds(): string[] {
    return this.agent.takeEvents().map(({ kind }) => kind);
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

test('spies alone do not connect a publication', () => {
  using spied = new Spied();
  assert.equal(spied.log.isConnected(), false);
  assert.equal(spied.limit, 0);
});

test('spies that simulate a connection take the stream along through many terms, and nothing is sent', () => {
  using spied = new Spied({ spiesSimulateConnection: true });
  assert.equal(spied.log.isConnected(), true);
  assert.equal(spied.limit, WINDOW);
  let written = 0;
  let read = 0;
  while (spied.publisher.position < 5 * TERM_LENGTH) {
    written += spied.fill();
    read += spied.read();
    spied.cycle();
    assert.equal(spied.senderPosition, spied.spy.position);
  }
  read += spied.read();
  assert.equal(read, written);
  const lengths = new Set(spied.transport.takeSent().map(({ bytes }) => bytes.length));
  assert.deepEqual([...lengths], [40], 'setup frames only');
});

test('a receiver that comes to a stream of spies gets what is written from then on', () => {
  using spied = new Spied({ spiesSimulateConnection: true });
  spied.fill();
  spied.read();
  spied.cycle();
  const position = spied.senderPosition;
  assert.equal(position, WINDOW);
  spied.connect(position);
  spied.transport.takeSent();
  spied.publisher.offer(MESSAGE);
  spied.cycle();
  const [datagram] = spied.transport.takeSent();
  assert.equal(datagram?.bytes.length, FRAME_LENGTH);
  assert.equal(datagram?.view.getInt32(8, true), position);
});

test('a slow spy holds the publisher back, and may read ahead of the sender', () => {
  using spied = new Spied();
  spied.connect(0, 4096);
  assert.equal(spied.limit, WINDOW);
  spied.fill();
  spied.cycle();
  spied.cycle();
  assert.equal(spied.senderPosition, 4096);
  assert.equal(spied.limit, WINDOW, 'the spy has read nothing');
  assert.equal(spied.read(), WINDOW / FRAME_LENGTH);
  spied.cycle();
  assert.equal(spied.limit, 4096 + WINDOW, 'now it is the sender that holds back');
});

test('a spy that joins starts at the sender position, one that leaves holds nothing back', () => {
  using spied = new Spied();
  spied.connect(0);
  spied.fill();
  for (let i = 0; i < 10; i++) spied.cycle();
  assert.equal(spied.senderPosition, WINDOW);
  const counterId = spied.agent.claimCounter().id;
  spied.agent.command({ kind: 'addSubscriber', registrationId: 1, subscriber: { counterId, tether: true } });
  assert.deepEqual(spied.agent.takeEvents(), [
    { kind: 'subscriberAdded', registrationId: 1, counterId, joinPosition: WINDOW },
  ]);
  assert.equal(spied.agent.counter(counterId).get(), WINDOW);
  spied.agent.command({ kind: 'removeSubscriber', registrationId: 1, counterId: spied.counterId });
  spied.cycle();
  assert.equal(spied.limit, 2 * WINDOW);
});

test('a spy reads to the end of a publication that is closed, then its image goes', () => {
  using spied = new Spied();
  spied.connect(0);
  for (let i = 0; i < 10; i++) spied.publisher.offer(MESSAGE);
  spied.agent.run(10);
  spied.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  spied.agent.run(2500);
  assert.deepEqual(spied.eventKinds(), []);
  assert.equal(spied.read(), 10);
  spied.agent.run(1000);
  assert.deepEqual(spied.eventKinds(), ['streamUnavailable']);
  spied.agent.run(6500);
  assert.deepEqual(spied.eventKinds(), ['streamReleased']);
});

test('a stream of spies that is closed ends where they have read it', () => {
  using spied = new Spied({ spiesSimulateConnection: true });
  for (let i = 0; i < 10; i++) spied.publisher.offer(MESSAGE);
  spied.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: false });
  spied.agent.run(2500);
  assert.deepEqual(spied.eventKinds(), []);
  assert.equal(spied.read(), 10);
  spied.agent.run(2000);
  assert.equal(spied.senderPosition, 10 * FRAME_LENGTH);
  assert.deepEqual(spied.eventKinds(), ['streamUnavailable']);
});

test('a revoked publication is gone for its spies at once', () => {
  using spied = new Spied();
  spied.connect(0);
  spied.publisher.offer(MESSAGE);
  spied.agent.command({ kind: 'drainPublication', registrationId: 1, revoke: true });
  assert.deepEqual(spied.eventKinds(), ['streamUnavailable']);
});

test('an untethered spy is left behind, rests, and comes back at the sender position', () => {
  using spied = new Spied({}, false);
  const { counterId } = spied;
  spied.connect(0);
  spied.fill();
  // A receiver that keeps up: it is the spy that stands at the end of the window.
  const run = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 100) {
      spied.connect(spied.senderPosition);
      spied.agent.run(100);
    }
  };
  run(4000);
  assert.equal(spied.limit, WINDOW);
  assert.deepEqual(spied.eventKinds(), []);
  run(3000);
  assert.deepEqual(spied.agent.takeEvents(), [
    { kind: 'subscriberLeftBehind', registrationId: 1, counterId },
  ]);
  assert.equal(spied.limit, WINDOW, 'its client may still read');
  run(6000);
  assert.equal(spied.limit, 2 * WINDOW);
  spied.fill();
  run(11_000);
  const joinPosition = 2 * WINDOW;
  assert.deepEqual(spied.agent.takeEvents(), [
    { kind: 'subscriberAdded', registrationId: 1, counterId, joinPosition },
  ]);
  assert.equal(spied.agent.counter(counterId).get(), joinPosition);
});

test('an untethered spy that does not want to come back is gone', () => {
  using spied = new Spied({
    subscribers: [{ counterId: 90, tether: false, rejoin: false }],
  });
  spied.connect(0);
  spied.fill();
  for (let passed = 0; passed < 30_000; passed += 100) {
    spied.connect(spied.senderPosition);
    spied.agent.run(100);
  }
  assert.deepEqual(spied.eventKinds(), ['subscriberLeftBehind', 'subscriberRefused']);
});

test('what a spy that stands for a receiver read just before it left counts as sent', () => {
  using spied = new Spied({ spiesSimulateConnection: true });
  spied.publisher.offer(MESSAGE);
  spied.publisher.offer(MESSAGE);
  assert.equal(spied.read(), 2);
  assert.equal(spied.senderPosition, 0);
  spied.leave();
  assert.equal(spied.senderPosition, 2 * FRAME_LENGTH);
});
