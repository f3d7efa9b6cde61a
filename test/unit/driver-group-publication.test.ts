import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import type {
  FlowControlSpec,
  NetworkAgentConfig,
  NetworkEvent,
  NetworkPublicationSpec,
} from '../../src/driver/messages.ts';
import type { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { Region } from '../../src/memory/region.ts';
import { ERROR_FLAG_HAS_GROUP_TAG, writeError } from '../../src/protocol/error-frame.ts';
import { writeNak } from '../../src/protocol/nak-frame.ts';
import {
  STATUS_MESSAGE_FLAG_EOS,
  STATUS_MESSAGE_FLAG_SEND_SETUP,
  writeStatusMessage,
} from '../../src/protocol/status-message-frame.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import {
  endpointOptions,
  INITIAL_TERM_ID,
  MTU,
  maxFlowControl,
  SESSION_ID,
  STREAM_ID,
  TERM_LENGTH,
  TestAgent,
  TestDirectory,
  TestPublisher,
} from '../support/stream-fixtures.ts';

const WINDOW = TERM_LENGTH / 2;
const HOST = 0x0a000001;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

const scratch = Region.allocate(2048);

function frame(write: (view: DataView) => number): Buffer {
  return Buffer.from(scratch.bytes.subarray(0, write(scratch.view)));
}

/** Sends to several destinations: manual, or dynamic. */
class Cast {
  readonly transport = new ScriptedTransport();
  readonly agent: TestAgent;
  readonly log: LogBuffers;
  readonly spec: NetworkPublicationSpec;
  readonly publisher: TestPublisher;
  readonly destinationsCounterId: number;

  constructor(
    isManual: boolean,
    flowControl: Partial<FlowControlSpec> = {},
    maxResend = 2,
    config: Partial<NetworkAgentConfig> = {},
  ) {
    this.agent = new TestAgent(this.transport, new SimulatedClock(), config);
    this.log = directory.createLog(`group-${logCount++}`);
    this.destinationsCounterId = this.agent.claimCounter().id;
    this.agent.command({
      kind: 'addSendEndpoint',
      endpointId: 1,
      options: endpointOptions(),
      destinations: { isManual, counterId: this.destinationsCounterId },
    });
    const receiversCounterId = this.agent.claimCounter().id;
    this.spec = this.agent.addPublication(this.log, {
      isGroup: true,
      maxResend,
      remoteAddress: 0,
      remotePort: 0,
      flowControl: maxFlowControl({ receiversCounterId, retransmitWindowMultiple: 4, ...flowControl }),
    });
    this.publisher = new TestPublisher(this.log, this.agent.position(this.spec.publisherLimitCounterId));
    this.agent.takeEvents();
  }

  /** A status message of receiver `id`, which is at port `id` of {@link HOST}. */
  statusMessage(id: number, position: number, flags = 0, sessionId = SESSION_ID): void {
    const windowLength = flags === STATUS_MESSAGE_FLAG_SEND_SETUP ? 0 : WINDOW;
    const bytes = frame((view) =>
      writeStatusMessage(
        view,
        0,
        flags,
        sessionId,
        STREAM_ID,
        INITIAL_TERM_ID,
        position,
        windowLength,
        id,
        0,
      ),
    );
    this.transport.deliver(0, bytes, HOST, id);
    this.agent.agent.doWork();
  }

  nak(termOffset: number, length: number): void {
    const bytes = frame((view) =>
      writeNak(view, 0, 0, SESSION_ID, STREAM_ID, INITIAL_TERM_ID, termOffset, length),
    );
    this.transport.deliver(0, bytes, HOST, 1);
    this.agent.agent.doWork();
  }

  add(destinationId: number, port: number, address = HOST): void {
    this.agent.command({ kind: 'addDestination', endpointId: 1, destinationId, address, port });
  }

  /** One cycle, and the ports that something was sent to in it. */
  cycle(): number[] {
    this.agent.agent.doWork();
    return this.ports();
  }

  /** Ports that something was sent to since the last look. */
  ports(): number[] {
    return this.transport.takeSent().map(({ port }) => port);
  }

  value(id: number): number {
    return this.agent.counter(id).get();
  }

  get destinationCount(): number {
    return this.value(this.destinationsCounterId);
  }

  events<Kind extends NetworkEvent['kind']>(kind: Kind): Extract<NetworkEvent, { kind: Kind }>[] {
    return this.agent
      .takeEvents()
      .filter((event): event is Extract<NetworkEvent, { kind: Kind }> => event.kind === kind);
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

test('setup frames of a group say so, and go to every destination', () => {
  using cast = new Cast(true);
  assert.deepEqual(cast.cycle(), [], 'nobody is there yet');
  cast.add(5, 1);
  cast.add(6, 2);
  cast.add(7, 3, 0);
  assert.equal(cast.destinationCount, 3);
  cast.agent.run(101);
  const setups = cast.transport.takeSent();
  assert.deepEqual(
    setups.map(({ port }) => port),
    [1, 2],
    'an unknown address gets nothing',
  );
  assert.equal(setups[0]!.view.getUint8(5), 0x40);
});

test('every destination gets every datagram, and the first one changes', () => {
  using cast = new Cast(true);
  for (const port of [1, 2, 3]) cast.add(port, port);
  cast.statusMessage(1, 0);
  cast.cycle();
  for (let i = 0; i < 2; i++) cast.publisher.offer(Buffer.alloc(MTU - 32, i));
  cast.agent.agent.doWork();
  const sent = cast.transport.takeSent();
  assert.deepEqual(
    sent.map(({ port, bytes }) => [port, bytes[32]]),
    [
      [2, 0],
      [2, 1],
      [3, 0],
      [3, 1],
      [1, 0],
      [1, 1],
    ],
  );
  cast.publisher.offer(Buffer.alloc(MTU - 32, 2));
  assert.deepEqual(cast.cycle(), [3, 1, 2]);
  assert.equal(cast.value(cast.spec.senderPositionCounterId), 3 * MTU);
});

test('a removed destination gets nothing more; one that moves gets it elsewhere', () => {
  using cast = new Cast(true);
  for (const port of [1, 2]) cast.add(port, port);
  cast.agent.command({ kind: 'removeDestination', endpointId: 1, destinationId: 1 });
  cast.agent.command({ kind: 'removeDestination', endpointId: 1, destinationId: 1 });
  cast.agent.command({ kind: 'moveDestination', endpointId: 1, destinationId: 2, address: HOST + 1 });
  assert.equal(cast.destinationCount, 1);
  cast.cycle();
  cast.agent.run(101);
  assert.deepEqual(
    [...new Set(cast.transport.takeSent().map(({ address, port }) => `${address}:${port}`))],
    [`${HOST + 1}:2`],
  );
});

test('what the transport did not take goes first to who misses it', () => {
  using cast = new Cast(true);
  for (const port of [1, 2, 3]) cast.add(port, port);
  cast.statusMessage(1, 0);
  cast.cycle();
  for (let i = 0; i < 4; i++) cast.publisher.offer(Buffer.alloc(MTU - 32, i));
  cast.transport.accepts = 6;
  cast.agent.agent.doWork();
  cast.publisher.offer(Buffer.alloc(MTU - 32, 9));
  cast.transport.accepts = 0;
  cast.agent.agent.doWork();
  cast.transport.accepts = 100;
  cast.agent.agent.doWork();
  const byPort = new Map<number, number[]>();
  for (const { port, bytes } of cast.transport.takeSent()) {
    byPort.set(port, [...(byPort.get(port) ?? []), bytes[32]!]);
  }
  for (const port of [1, 2, 3]) assert.deepEqual(byPort.get(port), [0, 1, 2, 3, 9], `port ${port}`);
});

test('a destination that takes nothing holds up the others for ten milliseconds, once', () => {
  using cast = new Cast(true);
  for (const port of [1, 2, 3]) cast.add(port, port);
  cast.statusMessage(1, 0);
  cast.cycle();
  const send = cast.transport.send.bind(cast.transport);
  cast.transport.send = (endpoint, burst, address, port) =>
    port === 2 ? 0 : send(endpoint, burst, address, port);
  cast.publisher.offer(Buffer.alloc(64, 1));
  assert.deepEqual(cast.cycle(), []);
  cast.agent.run(11);
  assert.deepEqual(cast.ports(), [3, 1]);
  cast.publisher.offer(Buffer.alloc(64, 2));
  cast.agent.run(1);
  assert.deepEqual(cast.ports(), [3, 1]);
  cast.transport.send = send;
  cast.publisher.offer(Buffer.alloc(64, 3));
  cast.agent.run(1);
  assert.deepEqual(cast.ports(), [1, 2, 3]);
});

test('receivers of a dynamic cast are found by their status messages, also before they know the stream', () => {
  using cast = new Cast(false);
  cast.statusMessage(1, 0, STATUS_MESSAGE_FLAG_SEND_SETUP, 0);
  assert.equal(cast.destinationCount, 1);
  cast.agent.run(101);
  assert.deepEqual([...new Set(cast.ports())], [1]);
  cast.statusMessage(2, 0);
  cast.statusMessage(2, 0);
  assert.equal(cast.destinationCount, 2);
  assert.equal(cast.log.isConnected(), true);
  cast.statusMessage(3, WINDOW + 64);
  assert.equal(cast.destinationCount, 2, 'a status message that is not believed adds nobody');
});

test('receivers of a dynamic cast are forgotten after five silent seconds', () => {
  using cast = new Cast(false);
  cast.statusMessage(1, 0);
  cast.statusMessage(2, 0);
  cast.agent.run(3000);
  cast.statusMessage(2, 0);
  cast.agent.run(2200);
  assert.equal(cast.destinationCount, 1);
  cast.ports();
  cast.agent.run(200);
  assert.deepEqual([...new Set(cast.ports())], [2]);
});

test('forged status messages add a bounded number of destinations', () => {
  using cast = new Cast(false);
  for (let id = 1; id <= 1100; id++) cast.statusMessage(id, 0, STATUS_MESSAGE_FLAG_SEND_SETUP, 0);
  assert.equal(cast.destinationCount, 1024);
});

test('a manual destination that nobody answers for may have moved: the conductor hears of it', () => {
  using cast = new Cast(true);
  cast.add(5, 1);
  cast.add(6, 2);
  cast.agent.run(4000);
  cast.statusMessage(2, 0);
  cast.agent.run(1200);
  assert.deepEqual(cast.events('destinationSilent'), [
    { kind: 'destinationSilent', endpointId: 1, destinationId: 5 },
  ]);
  cast.agent.run(4000);
  assert.deepEqual(
    cast.events('destinationSilent').map(({ destinationId }) => destinationId),
    [6],
  );
});

test('an error frame says which destination and which group it comes from', () => {
  using cast = new Cast(true);
  cast.add(5, 1);
  cast.statusMessage(1, 0);
  const error = frame((view) =>
    writeError(view, 0, ERROR_FLAG_HAS_GROUP_TAG, SESSION_ID, STREAM_ID, 1, 0, 77, -1, 13, Buffer.from('no')),
  );
  cast.transport.deliver(0, error, HOST, 1);
  cast.cycle();
  const [event] = cast.events('publicationError');
  assert.equal(event?.destinationId, 5);
  assert.deepEqual(event?.groupTag, { low: 77, high: -1 });
});

test('a group is not done when one of its receivers leaves', () => {
  using cast = new Cast(false);
  cast.statusMessage(1, 0);
  cast.statusMessage(2, 0);
  cast.statusMessage(1, 0, STATUS_MESSAGE_FLAG_EOS);
  assert.equal(cast.log.isConnected(), true);
  cast.agent.command({ kind: 'drainPublication', registrationId: cast.spec.registrationId, revoke: false });
  cast.agent.run(4000);
  assert.deepEqual(cast.events('streamReleased'), []);
  cast.agent.run(3000);
  assert.equal(cast.events('streamReleased').length, 1);
});

test('min connects when the group is complete, and publishers wait for the slowest', () => {
  using cast = new Cast(false, { strategy: 'min', groupMinSize: 2 });
  const limit = () => cast.value(cast.spec.senderLimitCounterId);
  cast.statusMessage(1, 0);
  cast.cycle();
  assert.equal(cast.log.isConnected(), false);
  assert.equal(cast.value(cast.spec.publisherLimitCounterId), 0);
  cast.statusMessage(2, 0);
  cast.cycle();
  assert.equal(cast.log.isConnected(), true);
  assert.equal(cast.value(cast.spec.flowControl.receiversCounterId), 2);
  assert.equal(limit(), WINDOW);
  cast.statusMessage(1, 4096);
  assert.equal(limit(), WINDOW);
  cast.statusMessage(2, 2048);
  assert.equal(limit(), WINDOW + 2048);
  cast.agent.run(3000);
  cast.statusMessage(1, 4096);
  cast.agent.run(2100);
  assert.equal(cast.value(cast.spec.flowControl.receiversCounterId), 1);
  assert.equal(cast.log.isConnected(), false);
});

test('several gaps of a group are answered at a time, up to the pool', () => {
  using cast = new Cast(true);
  cast.add(5, 1);
  cast.statusMessage(1, 0);
  cast.cycle();
  for (let i = 0; i < 8; i++) cast.publisher.offer(Buffer.alloc(MTU - 32));
  cast.agent.run(3);
  cast.ports();
  const overflows = () => cast.agent.counter(37).get();
  cast.nak(0, MTU);
  cast.nak(2 * MTU, MTU);
  cast.nak(0, MTU);
  assert.equal(cast.ports().length, 2, 'two gaps, and a repeat that lingers');
  cast.nak(4 * MTU, MTU);
  assert.equal(overflows(), 1);
  assert.equal(cast.ports().length, 0);
  cast.agent.run(12);
  cast.nak(4 * MTU, MTU);
  assert.equal(cast.ports().length, 1);
});

for (const ratio of [1, 3]) {
  test(`who only sends looks at status messages every ${ratio} cycles that send`, () => {
    using cast = new Cast(false, {}, 2, { sendToStatusPollRatio: ratio, maxMessagesPerSend: 1 });
    cast.statusMessage(1, 0);
    cast.cycle();
    let polls = 0;
    const poll = cast.transport.poll.bind(cast.transport);
    cast.transport.poll = (listener) => {
      polls++;
      return poll(listener);
    };
    for (let i = 0; i < 12; i++) cast.publisher.offer(Buffer.alloc(MTU - 32));
    for (let i = 0; i < 12; i++) cast.cycle();
    assert.equal(polls, 12 / ratio);
    cast.cycle();
    cast.cycle();
    assert.equal(polls, 12 / ratio + 2, 'every cycle that sends nothing');
    cast.agent.command({ kind: 'addReceiveEndpoint', endpointId: 2, options: endpointOptions() });
    for (let i = 0; i < 4; i++) cast.publisher.offer(Buffer.alloc(MTU - 32));
    for (let i = 0; i < 4; i++) cast.cycle();
    assert.equal(polls, 12 / ratio + 6, 'every cycle of who receives, too');
  });
}
