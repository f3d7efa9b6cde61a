import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { NetworkAgent } from '../../src/driver/network-agent.ts';
import { Prng } from '../../src/util/prng.ts';
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
} from '../support/stream-fixtures.ts';

const directory = new TestDirectory();
after(() => directory.close());

test('a new agent says how long datagrams may be', () => {
  const { config } = new TestAgent(null);
  const events: unknown[] = [];
  const agent = new NetworkAgent(config, null, new SimulatedClock(), (event) => events.push(event));
  assert.deepEqual(events, [{ kind: 'started', maxDatagramLength: 65504 }]);
  agent.close();
});

test('endpoints are opened, fail with the reason, and are closed', () => {
  const transport = new ScriptedTransport();
  const agent = new TestAgent(transport);
  agent.command({ kind: 'addSendEndpoint', endpointId: 1, options: endpointOptions({ localPort: 77 }) });
  transport.openFailure = 'EADDRINUSE';
  agent.command({ kind: 'addReceiveEndpoint', endpointId: 2, options: endpointOptions() });
  agent.command({ kind: 'removeEndpoint', endpointId: 1 });
  assert.deepEqual(agent.takeEvents(), [
    {
      kind: 'endpointOpened',
      endpointId: 1,
      localAddress: 0x7f000001,
      localPort: 77,
      receiveBufferLength: 131072,
    },
    {
      kind: 'endpointFailed',
      endpointId: 2,
      code: 'EADDRINUSE',
      message: 'EADDRINUSE: as the test wants it',
    },
    { kind: 'endpointClosed', endpointId: 1 },
  ]);
  assert.deepEqual(transport.handlers, [null]);
  agent.close();
});

test('without a transport endpoints fail with a reason', () => {
  const agent = new TestAgent(null);
  agent.command({ kind: 'addSendEndpoint', endpointId: 1, options: endpointOptions() });
  const [event] = agent.takeEvents();
  assert.ok(event!.kind === 'endpointFailed' && event!.code === 'NO_TRANSPORT');
  agent.close();
});

test('a stream that cannot be added is released, with the reason', () => {
  const agent = new TestAgent(new ScriptedTransport());
  const log = directory.createLog('unwanted');
  agent.addPublication(log);
  agent.addImage(log, []);
  agent.addIpcPublication(log, [], { termLength: 2 * TERM_LENGTH });
  const kinds = agent.takeEvents().map((event) => event.kind);
  assert.deepEqual(
    kinds,
    [1, 2, 3].flatMap(() => ['error', 'streamUnavailable', 'streamReleased']),
  );
  agent.close();
});

test('commands about what is not there are harmless', () => {
  const agent = new TestAgent(new ScriptedTransport());
  agent.command({ kind: 'reconnectEndpoint', endpointId: 9, remoteAddress: 1, remotePort: 1 });
  agent.command({ kind: 'drainPublication', registrationId: 9, revoke: true });
  agent.command({ kind: 'addInterest', endpointId: 9, streamId: 1, sessionId: null });
  agent.command({ kind: 'removeInterest', endpointId: 9, streamId: 1, sessionId: 4 });
  agent.command({ kind: 'imageNotCreated', endpointId: 9, streamId: 1, sessionId: 4 });
  agent.command({ kind: 'rejectImage', registrationId: 9, reason: '' });
  assert.deepEqual(agent.takeEvents(), []);
  agent.close();
});

test('a subscriber of a stream that is gone is let go of all the same', () => {
  const agent = new TestAgent(new ScriptedTransport());
  agent.command({ kind: 'removeSubscriber', registrationId: 9, counterId: 3 });
  assert.deepEqual(agent.takeEvents(), [{ kind: 'subscriberRemoved', counterId: 3 }]);
  agent.close();
});

test('closing closes endpoints and transport, once, and then nothing happens any more', () => {
  const transport = new ScriptedTransport();
  const agent = new TestAgent(transport);
  agent.command({ kind: 'addReceiveEndpoint', endpointId: 2, options: endpointOptions() });
  agent.takeEvents();
  agent.command({ kind: 'close' });
  agent.command({ kind: 'close' });
  agent.command({ kind: 'addReceiveEndpoint', endpointId: 3, options: endpointOptions() });
  assert.deepEqual(agent.takeEvents(), [{ kind: 'closed' }]);
  assert.equal(transport.isClosed, true);
  assert.deepEqual(transport.handlers, [null]);
  assert.equal(agent.agent.doWork(), 0);
});

test('stalls between duty cycles are counted, within the four idle cycles that share a look at the clock', () => {
  const agent = new TestAgent(null);
  agent.run(10);
  assert.equal(agent.counter(28).get(), 4e6);
  agent.clock.advanceNs(150e6);
  for (let i = 0; i < 4; i++) agent.agent.doWork();
  assert.equal(agent.counter(28).get(), 151e6);
  assert.deepEqual([agent.counter(29).get(), agent.counter(31).get()], [1, 1]);
  agent.close();
});

test('the transport is flushed in every cycle', () => {
  const transport = new ScriptedTransport();
  const agent = new TestAgent(transport);
  agent.run(3);
  assert.equal(transport.flushes, 3);
  agent.close();
});

test('streams of an endpoint that was removed under them keep quiet and end', () => {
  const transport = new ScriptedTransport();
  const agent = new TestAgent(transport);
  agent.command({ kind: 'addSendEndpoint', endpointId: 1, options: endpointOptions() });
  agent.command({ kind: 'addReceiveEndpoint', endpointId: 2, options: endpointOptions() });
  agent.addPublication(directory.createLog('orphan-publication', { registrationId: 31 }));
  agent.addImage(directory.createLog('orphan-image', { registrationId: 32, logType: 'image' }), []);
  agent.command({ kind: 'removeEndpoint', endpointId: 1 });
  agent.command({ kind: 'removeEndpoint', endpointId: 2 });
  agent.command({ kind: 'drainPublication', registrationId: 31, revoke: false });
  agent.takeEvents();
  agent.run(15_000);
  assert.equal(transport.takeSent().length, 0);
  const released = agent.takeEvents().flatMap((event) => (event.kind === 'streamReleased' ? [event] : []));
  assert.deepEqual(
    released.map(({ registrationId }) => registrationId),
    [32, 31],
  );
  agent.close();
});

/** A frame with fields of some type, then a few bytes turned over, or nothing but noise. */
function mutant(prng: Prng, templates: readonly Buffer[]): Buffer {
  const template = templates[prng.nextBelow(templates.length)]!;
  const bytes =
    prng.nextBelow(10) === 0 ? Buffer.alloc(prng.nextBelow(200), prng.next()) : Buffer.from(template);
  for (let i = prng.nextBelow(4); i > 0 && bytes.length > 0; i--) {
    const at = prng.nextBelow(bytes.length);
    bytes[at] = prng.nextBelow(3) === 0 ? 0xff : prng.next();
  }
  if (prng.nextBelow(3) === 0 && bytes.length >= 24) {
    const extremes = [0, -1, 0x7fffffff, -0x80000000, TERM_LENGTH, TERM_LENGTH - 32, 32, INITIAL_TERM_ID + 1];
    bytes.writeInt32LE(
      extremes[prng.nextBelow(extremes.length)]!,
      4 * prng.nextBelow(Math.min(bytes.length >> 2, 10)),
    );
  }
  return prng.nextBelow(6) === 0 ? bytes.subarray(0, prng.nextBelow(bytes.length + 1)) : bytes;
}

test('no datagram makes the agent throw or write outside a log', () => {
  const seed = Number(process.env.SEED ?? 20_121);
  const prng = new Prng(seed);
  const transport = new ScriptedTransport();
  const agent = new TestAgent(transport);
  agent.command({ kind: 'addSendEndpoint', endpointId: 1, options: endpointOptions() });
  agent.command({ kind: 'addReceiveEndpoint', endpointId: 2, options: endpointOptions() });
  agent.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  const publicationLog = directory.createLog('fuzz-publication', { registrationId: 11 });
  const imageLog = directory.createLog('fuzz-image', { registrationId: 12, logType: 'image' });
  const publication = agent.addPublication(publicationLog);
  const subscriber = agent.claimCounter();
  const image = agent.addImage(imageLog, [subscriber]);
  const publisher = new TestPublisher(publicationLog, agent.position(publication.publisherLimitCounterId));
  const metadata = Buffer.from(
    imageLog.region.bytes.subarray(imageLog.metadata + 256, imageLog.metadata + 512),
  );

  const header = (type: number, length: number, flags = 0) => {
    const bytes = Buffer.alloc(length);
    bytes.writeInt32LE(length, 0);
    bytes.writeUInt8(flags, 5);
    bytes.writeUInt16LE(type, 6);
    return bytes;
  };
  const fields = (bytes: Buffer, ...values: number[]) => {
    for (const [index, value] of values.entries()) bytes.writeInt32LE(value, 8 + 4 * index);
    return bytes;
  };
  const templates = [
    fields(header(1, 64, 0xc0), 0, SESSION_ID, STREAM_ID, INITIAL_TERM_ID),
    fields(header(1, 1408, 0xc0), 4096, SESSION_ID, STREAM_ID, INITIAL_TERM_ID),
    fields(header(0, 32), TERM_LENGTH - 32, SESSION_ID, STREAM_ID, INITIAL_TERM_ID),
    fields(header(2, 28), SESSION_ID, STREAM_ID, INITIAL_TERM_ID, 0, 64),
    fields(header(3, 36), SESSION_ID, STREAM_ID, INITIAL_TERM_ID, 0, 32768, 1, 2),
    fields(header(4, 44), SESSION_ID, STREAM_ID, 1, 2, 0, 0, 13, 4),
    fields(header(5, 40), 0, SESSION_ID + 1, STREAM_ID, INITIAL_TERM_ID, INITIAL_TERM_ID, TERM_LENGTH, 1408),
    fields(header(6, 40, 0x80), SESSION_ID, STREAM_ID),
    fields(header(7, 30)),
    fields(header(0x0b, 20), SESSION_ID, STREAM_ID, 5),
  ];
  try {
    for (let round = 0; round < 1500; round++) {
      for (let i = prng.nextBelow(20); i > 0; i--) {
        transport.deliver(prng.nextBelow(2), mutant(prng, templates), prng.next(), prng.nextBelow(65536));
      }
      publisher.offer(Buffer.alloc(prng.nextBelow(1300)));
      if (prng.nextBelow(20) === 0) subscriber.set(prng.nextBelow(2) === 0 ? prng.next() : 0);
      agent.clock.advanceNs(prng.nextBelow(20_000_000));
      agent.agent.doWork();
      transport.takeSent();
      const hwm = agent.counter(image.rcvHwmCounterId).get();
      assert.ok(agent.counter(image.rcvPosCounterId).get() <= hwm);
      assert.ok(hwm <= 2 * TERM_LENGTH, 'never beyond what the window allows');
    }
  } catch (error) {
    throw new Error(`SEED=${seed}`, { cause: error });
  }
  assert.deepEqual(
    Buffer.from(imageLog.region.bytes.subarray(imageLog.metadata + 256, imageLog.metadata + 512)),
    metadata,
  );
  assert.ok(agent.counter(14).get() > 1000, 'invalid packets are counted');
  agent.close();
});
