import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FLAG_EOS, FLAG_REVOKED } from '../../src/protocol/data-frame.ts';
import { data, ERR, heartbeat, NAK, ofType, SM, setup } from '../support/image-frames.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import { endpointOptions, STREAM_ID, TestAgent, TestDirectory } from '../support/stream-fixtures.ts';

const SEND_SETUP = 0x80;
const LOOPBACK = 0x7f000001;
/** Senders, and where they are. */
const A = 9001;
const B = 9002;
const MS = 1e6;

const directory = new TestDirectory();
let logCount = 0;
after(() => directory.close());

/** An endpoint with destinations, as many as a test adds. Number 0 of the transport is the first. */
class Receiver {
  readonly transport = new ScriptedTransport();
  readonly agent = new TestAgent(this.transport);
  imageCounterIds = { rcvPos: 0, naksSent: 0 };
  activeTransports: () => number = () => 0;
  endOfStreamPosition: () => number = () => 0;

  constructor() {
    this.agent.command({ kind: 'addMultiDestinationEndpoint', endpointId: 2 });
    this.agent.command({ kind: 'addInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
    this.agent.takeEvents();
  }

  addDestination(destinationId: number, localPort: number, controlPort = 0): void {
    this.agent.command({
      kind: 'addReceiveDestination',
      endpointId: 2,
      destinationId,
      options: endpointOptions({ localPort }),
      control: controlPort === 0 ? null : { address: LOOPBACK, port: controlPort },
    });
  }

  removeDestination(destinationId: number): void {
    this.agent.command({ kind: 'removeReceiveDestination', endpointId: 2, destinationId });
  }

  addImage(destinationId: number, sourcePort: number): void {
    const log = directory.createLog(`merged-${logCount++}`, { logType: 'image' });
    const counter = this.agent.claimCounter();
    const spec = this.agent.addImage(log, [counter], { destinationId, sourcePort });
    this.imageCounterIds = { rcvPos: spec.rcvPosCounterId, naksSent: spec.rcvNaksSentCounterId };
    this.activeTransports = () => log.activeTransportCount();
    this.endOfStreamPosition = () => log.endOfStreamPosition();
    this.agent.takeEvents();
  }

  receive(destination: number, datagram: Buffer, sourcePort: number): void {
    this.transport.deliver(destination, datagram, LOOPBACK, sourcePort);
    this.agent.agent.doWork();
  }

  get position(): number {
    return this.agent.counter(this.imageCounterIds.rcvPos).get();
  }

  /** What was sent of a type since the last call: from where, to where. */
  takeWays(type: number): [number, number][] {
    return ofType(this.transport.takeSent(), type).map(({ localPort, port }) => [localPort, port]);
  }

  [Symbol.dispose](): void {
    this.agent.close();
  }
}

/** Two destinations, an image that came through the first, and a frame that came through each. */
function merged(): Receiver {
  const receiver = new Receiver();
  receiver.addDestination(11, 20001);
  receiver.addDestination(12, 20002);
  receiver.addImage(11, A);
  receiver.receive(0, heartbeat(0), A);
  receiver.receive(1, heartbeat(0), B);
  receiver.transport.takeSent();
  return receiver;
}

test('should say which destination a setup came through', () => {
  using receiver = new Receiver();
  receiver.addDestination(11, 20001);
  receiver.addDestination(12, 20002);
  assert.deepEqual(receiver.agent.takeEvents(), [
    { kind: 'destinationOpened', destinationId: 11, localAddress: LOOPBACK, localPort: 20001 },
    { kind: 'destinationOpened', destinationId: 12, localAddress: LOOPBACK, localPort: 20002 },
  ]);
  receiver.receive(1, setup(), B);
  const [event] = receiver.agent.takeEvents();
  assert.equal(event?.kind, 'setupReceived');
  assert.equal(event.destinationId, 12);
});

test('should say why a destination could not be opened, and let its place be taken', () => {
  using receiver = new Receiver();
  receiver.transport.openFailure = 'EADDRINUSE';
  receiver.addDestination(11, 20001);
  const [event] = receiver.agent.takeEvents();
  assert.equal(event?.kind, 'destinationFailed');
  assert.deepEqual([event.destinationId, event.code], [11, 'EADDRINUSE']);
  receiver.transport.openFailure = '';
  receiver.addDestination(12, 20001);
  assert.equal(receiver.agent.takeEvents()[0]?.kind, 'destinationOpened');
});

test('should ask for a setup through the destination that the data came by', () => {
  using receiver = new Receiver();
  receiver.addDestination(11, 20001);
  receiver.addDestination(12, 20002);
  receiver.receive(1, data(0, 128), B);
  assert.deepEqual(receiver.takeWays(SM), [[20002, B]]);
});

test('should merge what comes by several ways into one stream', () => {
  using receiver = merged();
  receiver.receive(0, data(0, 128), A);
  receiver.receive(1, data(128, 128), B);
  receiver.receive(0, data(128, 128), A);
  receiver.receive(1, data(256, 128), B);
  assert.equal(receiver.position, 384);
  assert.equal(receiver.agent.counter(14).get(), 0, 'invalid packets');
});

test('should tell every sender what was consumed, each through its destination', () => {
  using receiver = merged();
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(SM), [
    [20001, A],
    [20002, B],
  ]);
  assert.equal(receiver.activeTransports(), 2);
});

test('should ask every sender for what is missing', () => {
  using receiver = merged();
  receiver.receive(0, data(128, 128), A);
  receiver.agent.run(1);
  assert.deepEqual(receiver.takeWays(NAK), [
    [20001, A],
    [20002, B],
  ]);
  assert.equal(receiver.agent.counter(receiver.imageCounterIds.naksSent).get(), 1, 'one NAK, sent twice');
});

test('should leave a sender alone that was not heard of for five seconds', () => {
  using receiver = merged();
  for (let i = 0; i < 6; i++) {
    receiver.receive(0, heartbeat(0), A);
    receiver.agent.run(1000);
  }
  receiver.transport.takeSent();
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(SM), [[20001, A]]);
});

test('should count the ways that still bring something', () => {
  using receiver = merged();
  for (let i = 0; i < 12; i++) {
    receiver.receive(0, heartbeat(0), A);
    receiver.agent.run(1000);
  }
  assert.equal(receiver.activeTransports(), 1);
});

test('should forget a way with its destination, and take another in its place', () => {
  using receiver = merged();
  receiver.removeDestination(11);
  assert.equal(receiver.activeTransports(), 1);
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(SM), [[20002, B]]);
  receiver.addDestination(13, 20003);
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(SM), [[20002, B]], 'nobody was heard there yet');
  receiver.receive(2, data(0, 128), 9003);
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(SM), [
    [20003, 9003],
    [20002, B],
  ]);
  assert.equal(receiver.position, 128);
});

test('should take the stream for ended when every destination said so', () => {
  using receiver = merged();
  receiver.receive(0, data(0, 128), A);
  const open = receiver.endOfStreamPosition();
  receiver.receive(0, heartbeat(128, FLAG_EOS), A);
  assert.equal(receiver.endOfStreamPosition(), open);
  receiver.receive(1, heartbeat(128, FLAG_EOS), B);
  assert.equal(receiver.endOfStreamPosition(), 128);
});

test('should not take the stream for ended while a destination is silent', () => {
  using receiver = new Receiver();
  receiver.addDestination(11, 20001);
  receiver.addDestination(12, 20002);
  receiver.addImage(11, A);
  const open = receiver.endOfStreamPosition();
  receiver.receive(0, heartbeat(0, FLAG_EOS), A);
  assert.equal(receiver.endOfStreamPosition(), open);
  receiver.removeDestination(12);
  receiver.receive(0, heartbeat(0, FLAG_EOS), A);
  assert.equal(receiver.endOfStreamPosition(), 0, 'the silent one has gone');
});

test('should take the stream for revoked when every sender has ended and the last one revoked it', () => {
  using receiver = merged();
  receiver.receive(0, heartbeat(0, FLAG_EOS | FLAG_REVOKED), A);
  assert.equal(receiver.agent.counter(41).get(), 0);
  receiver.receive(1, heartbeat(0, FLAG_EOS | FLAG_REVOKED), B);
  assert.equal(receiver.agent.counter(41).get(), 1);
});

test('should tell every sender that the image was rejected', () => {
  using receiver = merged();
  receiver.agent.command({ kind: 'rejectImage', registrationId: 1, reason: 'no' });
  receiver.agent.run(201);
  assert.deepEqual(receiver.takeWays(ERR), [
    [20001, A],
    [20002, B],
  ]);
});

test('should introduce itself to a control address, at once and then every second, while somebody listens', () => {
  using receiver = new Receiver();
  receiver.addDestination(11, 20001, 30001);
  const [first, ...more] = ofType(receiver.transport.takeSent(), SM);
  assert.equal(more.length, 0);
  assert.deepEqual([first!.localPort, first!.port], [20001, 30001]);
  assert.equal(first!.view.getUint8(5), SEND_SETUP);
  assert.deepEqual([first!.view.getInt32(8, true), first!.view.getInt32(12, true)], [0, 0]);
  receiver.agent.run(3050);
  assert.equal(receiver.takeWays(SM).length, 3);
  receiver.agent.command({ kind: 'removeInterest', endpointId: 2, streamId: STREAM_ID, sessionId: null });
  receiver.agent.run(3000);
  assert.equal(receiver.takeWays(SM).length, 0);
});

test('should answer the control address instead of the source', () => {
  using receiver = new Receiver();
  receiver.addDestination(11, 20001);
  receiver.addImage(11, A);
  receiver.addDestination(12, 20002, 30002);
  receiver.transport.takeSent();
  receiver.agent.clock.advanceNs(201 * MS);
  receiver.receive(1, data(0, 128), B);
  assert.deepEqual(receiver.takeWays(SM), [
    [20001, A],
    [20002, 30002],
  ]);
});

test('should close its destinations with the endpoint', () => {
  using receiver = merged();
  receiver.agent.command({ kind: 'removeEndpoint', endpointId: 2 });
  assert.deepEqual(receiver.transport.handlers, [null, null]);
});
