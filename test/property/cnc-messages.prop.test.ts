import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Command, commandTypeId, decodeCommand, encodeCommand } from '../../src/cnc/commands.ts';
import { type DriverEvent, decodeEvent, encodeEvent, eventTypeId } from '../../src/cnc/events.ts';

const id = fc.maxSafeInteger();
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const text = fc.string({ unit: 'binary-ascii', maxLength: 40 });
const key = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const correlated = { clientId: id, correlationId: id };

function of<T extends string, F extends object>(type: T, fields: { [K in keyof F]: fc.Arbitrary<F[K]> }) {
  return fc.record({ type: fc.constant(type), ...fields }, { noNullPrototype: true });
}

const commands = fc.oneof(
  of('addPublication', { ...correlated, streamId: int32, channel: text }),
  of('addExclusivePublication', { ...correlated, streamId: int32, channel: text }),
  of('removePublication', { ...correlated, registrationId: id, revoke: fc.boolean() }),
  of('addSubscription', { ...correlated, registrationCorrelationId: id, streamId: int32, channel: text }),
  of('removeSubscription', { ...correlated, registrationId: id }),
  of('clientKeepalive', correlated),
  of('addDestination', { ...correlated, registrationId: id, channel: text }),
  of('removeDestination', { ...correlated, registrationId: id, channel: text }),
  of('removeDestinationById', { ...correlated, registrationId: id, destinationRegistrationId: id }),
  of('addReceiveDestination', { ...correlated, registrationId: id, channel: text }),
  of('removeReceiveDestination', { ...correlated, registrationId: id, channel: text }),
  of('addCounter', { ...correlated, typeId: int32, key, label: text }),
  of('addStaticCounter', { ...correlated, registrationId: id, typeId: int32, key, label: text }),
  of('removeCounter', { ...correlated, registrationId: id }),
  of('clientClose', correlated),
  of('terminateDriver', { ...correlated, token: key }),
  of('rejectImage', { ...correlated, imageCorrelationId: id, position: id, reason: text }),
  of('getNextAvailableSessionId', { ...correlated, streamId: int32 }),
) as fc.Arbitrary<Command>;

const ready = {
  correlationId: id,
  registrationId: id,
  sessionId: int32,
  streamId: int32,
  positionLimitCounterId: int32,
  channelStatusCounterId: int32,
  logFileName: text,
};

const events = fc.oneof(
  of('error', { offendingCorrelationId: id, errorCode: int32, message: text }),
  of('availableImage', {
    correlationId: id,
    sessionId: int32,
    streamId: int32,
    subscriptionRegistrationId: id,
    subscriberPositionCounterId: int32,
    logFileName: text,
    sourceIdentity: text,
  }),
  of('publicationReady', ready),
  of('exclusivePublicationReady', ready),
  of('operationSuccess', { correlationId: id }),
  of('unavailableImage', {
    correlationId: id,
    subscriptionRegistrationId: id,
    streamId: int32,
    channel: text,
  }),
  of('subscriptionReady', { correlationId: id, channelStatusCounterId: int32 }),
  of('counterReady', { correlationId: id, counterId: int32 }),
  of('unavailableCounter', { registrationId: id, counterId: int32 }),
  of('clientTimeout', { clientId: id }),
  of('staticCounter', { correlationId: id, counterId: int32 }),
  of('publicationError', {
    registrationId: id,
    destinationRegistrationId: id,
    sessionId: int32,
    streamId: int32,
    receiverId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    groupTag: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    addressType: fc.integer({ min: -32768, max: 32767 }),
    sourcePort: fc.integer({ min: 0, max: 65535 }),
    sourceAddress: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
    errorCode: int32,
    message: text,
  }),
  of('nextAvailableSessionId', { correlationId: id, sessionId: int32 }),
) as fc.Arbitrary<DriverEvent>;

/** The message at the very end of its memory: a read beyond it throws or gives something else. */
function atTheEnd(encode: (bytes: Buffer) => number): Buffer {
  const scratch = Buffer.alloc(512);
  const length = encode(scratch);
  return Buffer.from(new Uint8Array(scratch.subarray(0, length)).buffer);
}

test('a command survives being written and read, at any offset', () => {
  fc.assert(
    fc.property(commands, fc.integer({ min: 0, max: 9 }), (command, offset) => {
      const bytes = Buffer.alloc(512, 0xee);
      const length = encodeCommand(command, bytes, offset);
      assert.deepEqual(decodeCommand(commandTypeId(command), bytes, offset, length), command);
    }),
    { numRuns: 2000 },
  );
});

test('an event survives being written and read, at any offset', () => {
  fc.assert(
    fc.property(events, fc.integer({ min: 0, max: 9 }), (event, offset) => {
      const bytes = Buffer.alloc(512, 0xee);
      const length = encodeEvent(event, bytes, offset);
      assert.deepEqual(decodeEvent(eventTypeId(event), bytes, offset, length), event);
    }),
    { numRuns: 2000 },
  );
});

test('a command cut short anywhere is malformed or a command, and never read beyond its end', () => {
  fc.assert(
    fc.property(commands, (command) => {
      const bytes = atTheEnd((scratch) => encodeCommand(command, scratch));
      const typeId = commandTypeId(command);
      for (let length = 0; length < bytes.length; length++) {
        const whole = decodeCommand(typeId, bytes, 0, length);
        const cut = decodeCommand(typeId, Buffer.from(bytes.subarray(0, length)), 0, length);
        assert.deepEqual(whole, cut);
      }
    }),
    { numRuns: 500 },
  );
});

test('an event cut short anywhere is malformed or an event, and never read beyond its end', () => {
  fc.assert(
    fc.property(events, (event) => {
      const bytes = atTheEnd((scratch) => encodeEvent(event, scratch));
      const typeId = eventTypeId(event);
      for (let length = 0; length < bytes.length; length++) {
        const whole = decodeEvent(typeId, bytes, 0, length);
        const cut = decodeEvent(typeId, Buffer.from(bytes.subarray(0, length)), 0, length);
        assert.deepEqual(whole, cut);
      }
    }),
    { numRuns: 500 },
  );
});

test('no bytes make decoding throw', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    // Small numbers look like lengths that nearly fit.
    fc.array(fc.integer({ min: -4, max: 60 }), { maxLength: 30 }).map((words) => {
      return Buffer.from(Int32Array.from(words).buffer);
    }),
  );
  fc.assert(
    fc.property(noise, fc.integer({ min: 0, max: 0x14 }), (raw, typeId) => {
      const bytes = Buffer.from(Uint8Array.from(raw).buffer);
      const command = decodeCommand(typeId, bytes, 0, bytes.length);
      assert.ok(typeof command.type === 'string');
      assert.ok(typeof decodeEvent(0x0f00 + typeId, bytes, 0, bytes.length).type === 'string');
    }),
    { numRuns: 5000 },
  );
});
