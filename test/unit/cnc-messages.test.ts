import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, commandTypeId, decodeCommand, encodeCommand } from '../../src/cnc/commands.ts';
import { ErrorCode, errorCodeName } from '../../src/cnc/error-codes.ts';
import { type DriverEvent, decodeEvent, encodeEvent, eventTypeId } from '../../src/cnc/events.ts';

const ids = { clientId: 1, correlationId: 0x0200000003 };
/** The header those ids make. */
const IDS = '0100000000000000 0300000002000000';

function hex(text: string): string {
  return text.replaceAll(' ', '');
}

const commands: [Command, number, string][] = [
  [
    { type: 'addPublication', ...ids, streamId: 1001, channel: 'aeron:ipc' },
    0x01,
    `${IDS} e9030000 09000000 6165726f6e3a697063`,
  ],
  [
    { type: 'removePublication', ...ids, registrationId: 9, revoke: true },
    0x02,
    `${IDS} 0900000000000000 0100000000000000`,
  ],
  [
    { type: 'addExclusivePublication', ...ids, streamId: -1, channel: 'x' },
    0x03,
    `${IDS} ffffffff 01000000 78`,
  ],
  [
    { type: 'addSubscription', ...ids, registrationCorrelationId: -1, streamId: 7, channel: 'ab' },
    0x04,
    `${IDS} ffffffffffffffff 07000000 02000000 6162`,
  ],
  [{ type: 'removeSubscription', ...ids, registrationId: 9 }, 0x05, `${IDS} 0900000000000000`],
  [{ type: 'clientKeepalive', ...ids }, 0x06, IDS],
  [
    { type: 'addDestination', ...ids, registrationId: 9, channel: 'ab' },
    0x07,
    `${IDS} 0900000000000000 02000000 6162`,
  ],
  [
    { type: 'removeDestination', ...ids, registrationId: 9, channel: 'ab' },
    0x08,
    `${IDS} 0900000000000000 02000000 6162`,
  ],
  [
    { type: 'addCounter', ...ids, typeId: 1001, key: Buffer.from([1, 2, 3, 4, 5]), label: 'abc' },
    0x09,
    `${IDS} e9030000 05000000 0102030405 000000 03000000 616263`,
  ],
  [{ type: 'removeCounter', ...ids, registrationId: 9 }, 0x0a, `${IDS} 0900000000000000`],
  [{ type: 'clientClose', ...ids, correlationId: -1 }, 0x0b, '0100000000000000 ffffffffffffffff'],
  [
    { type: 'addReceiveDestination', ...ids, registrationId: 9, channel: 'ab' },
    0x0c,
    `${IDS} 0900000000000000 02000000 6162`,
  ],
  [
    { type: 'removeReceiveDestination', ...ids, registrationId: 9, channel: 'ab' },
    0x0d,
    `${IDS} 0900000000000000 02000000 6162`,
  ],
  [{ type: 'terminateDriver', ...ids, token: Buffer.from([7, 8]) }, 0x0e, `${IDS} 02000000 0708`],
  [
    { type: 'addStaticCounter', ...ids, registrationId: 9, typeId: 5, key: Buffer.from([1]), label: '' },
    0x0f,
    `${IDS} 0900000000000000 05000000 01000000 01 000000 00000000`,
  ],
  [
    { type: 'rejectImage', ...ids, imageCorrelationId: 9, position: 64, reason: 'no' },
    0x10,
    `${IDS} 0900000000000000 4000000000000000 02000000 6e6f 0000`,
  ],
  [
    { type: 'removeDestinationById', ...ids, registrationId: 9, destinationRegistrationId: 10 },
    0x11,
    `${IDS} 0900000000000000 0a00000000000000`,
  ],
  [{ type: 'getNextAvailableSessionId', ...ids, streamId: 4 }, 0x12, `${IDS} 04000000`],
];

const publicationReady = {
  correlationId: 1,
  registrationId: 2,
  sessionId: -3,
  streamId: 4,
  positionLimitCounterId: 5,
  channelStatusCounterId: -1,
  logFileName: '/a',
};
const PUBLICATION_READY =
  '0100000000000000 0200000000000000 fdffffff 04000000 05000000 ffffffff 02000000 2f61';

const events: [DriverEvent, number, string][] = [
  [
    { type: 'error', offendingCorrelationId: 1, errorCode: 11, message: 'why' },
    0x0f01,
    '0100000000000000 0b000000 03000000 776879',
  ],
  [
    {
      type: 'availableImage',
      correlationId: 1,
      sessionId: 2,
      streamId: 3,
      subscriptionRegistrationId: 4,
      subscriberPositionCounterId: 5,
      logFileName: '/a/b',
      sourceIdentity: '1.2.3.4:5',
    },
    0x0f02,
    '0100000000000000 02000000 03000000 0400000000000000 05000000 04000000 2f612f62 09000000 312e322e332e343a35',
  ],
  [
    {
      type: 'availableImage',
      correlationId: 1,
      sessionId: 2,
      streamId: 3,
      subscriptionRegistrationId: 4,
      subscriberPositionCounterId: 5,
      logFileName: '/a/bc',
      sourceIdentity: 'x',
    },
    0x0f02,
    '0100000000000000 02000000 03000000 0400000000000000 05000000 05000000 2f612f6263 000000 01000000 78',
  ],
  [{ type: 'publicationReady', ...publicationReady }, 0x0f03, PUBLICATION_READY],
  [{ type: 'operationSuccess', correlationId: 7 }, 0x0f04, '0700000000000000'],
  [
    {
      type: 'unavailableImage',
      correlationId: 1,
      subscriptionRegistrationId: 2,
      streamId: 3,
      channel: 'ab',
    },
    0x0f05,
    '0100000000000000 0200000000000000 03000000 02000000 6162',
  ],
  [{ type: 'exclusivePublicationReady', ...publicationReady }, 0x0f06, PUBLICATION_READY],
  [
    { type: 'subscriptionReady', correlationId: 1, channelStatusCounterId: -1 },
    0x0f07,
    '0100000000000000 ffffffff',
  ],
  [{ type: 'counterReady', correlationId: 1, counterId: 2 }, 0x0f08, '0100000000000000 02000000'],
  [{ type: 'unavailableCounter', registrationId: 1, counterId: 2 }, 0x0f09, '0100000000000000 02000000'],
  [{ type: 'clientTimeout', clientId: 3 }, 0x0f0a, '0300000000000000'],
  [{ type: 'staticCounter', correlationId: 1, counterId: 2 }, 0x0f0b, '0100000000000000 02000000'],
  [
    {
      type: 'publicationError',
      registrationId: 1,
      destinationRegistrationId: -1,
      sessionId: 2,
      streamId: 3,
      receiverId: -0x1122334455667788n,
      groupTag: -1n,
      addressType: 1,
      sourcePort: 65535,
      sourceAddress: Buffer.from('7f000001000000000000000000000000', 'hex'),
      errorCode: 13,
      message: 'no',
    },
    0x0f0c,
    '0100000000000000 ffffffffffffffff 02000000 03000000 788899aabbccddee ffffffffffffffff 0100 ffff ' +
      '7f000001000000000000000000000000 0d000000 02000000 6e6f 0000',
  ],
  [{ type: 'nextAvailableSessionId', correlationId: 1, sessionId: -2 }, 0x0f0d, '0100000000000000 feffffff'],
];

for (const [command, typeId, expected] of commands) {
  test(`the command ${command.type} has the bytes of the format`, () => {
    const bytes = Buffer.alloc(100, 0xee);
    const length = encodeCommand(command, bytes, 3);
    assert.equal(commandTypeId(command), typeId);
    assert.equal(bytes.toString('hex', 3, 3 + length), hex(expected));
    assert.ok(bytes.subarray(3 + length).every((byte) => byte === 0xee));
    assert.deepEqual(decodeCommand(typeId, bytes, 3, length), command);
  });
}

for (const [event, typeId, expected] of events) {
  test(`the event ${event.type} has the bytes of the format`, () => {
    const bytes = Buffer.alloc(100, 0xee);
    const length = encodeEvent(event, bytes, 3);
    assert.equal(eventTypeId(event), typeId);
    assert.equal(bytes.toString('hex', 3, 3 + length), hex(expected));
    assert.deepEqual(decodeEvent(typeId, bytes, 3, length), event);
  });
}

test('an older client’s removal of a publication, without flags, revokes nothing', () => {
  const bytes = Buffer.from(hex(`${IDS} 0900000000000000 ffffffffffffffff`), 'hex');
  const command = { type: 'removePublication', ...ids, registrationId: 9 };
  assert.deepEqual(decodeCommand(0x02, bytes, 0, 24), { ...command, revoke: false });
  assert.deepEqual(decodeCommand(0x02, bytes, 0, 32), { ...command, revoke: true });
});

test('a rejection is read as both official clients write it, with or without a trailing zero', () => {
  const body = hex(`${IDS} 0900000000000000 4000000000000000 02000000 6e6f`);
  for (const tail of ['', '00', '0000000000']) {
    const bytes = Buffer.from(body + tail, 'hex');
    const command = decodeCommand(0x10, bytes, 0, bytes.length);
    assert.deepEqual(command, {
      type: 'rejectImage',
      ...ids,
      imageCorrelationId: 9,
      position: 64,
      reason: 'no',
    });
  }
});

test('a malformed command says why and whom to tell', () => {
  const bytes = Buffer.from(hex(`${IDS} e9030000 09000000 6165726f6e3a6970`), 'hex');
  assert.deepEqual(decodeCommand(0x01, bytes, 0, bytes.length), {
    type: 'malformed',
    errorCode: ErrorCode.MALFORMED_COMMAND,
    reason: 'addPublication: channel of 9 bytes, but only 8 are left of 32',
    correlationId: 0x0200000003,
  });
  assert.deepEqual(decodeCommand(0x01, bytes, 0, 12), {
    type: 'malformed',
    errorCode: ErrorCode.MALFORMED_COMMAND,
    reason: 'addPublication: 12 bytes end before correlationId',
    correlationId: null,
  });
  assert.deepEqual(decodeCommand(0x7f, bytes, 0, bytes.length), {
    type: 'malformed',
    errorCode: ErrorCode.UNKNOWN_COMMAND_TYPE_ID,
    reason: 'unknown command type 127',
    correlationId: 0x0200000003,
  });
});

test('ids that a number cannot hold are refused rather than rounded', () => {
  const bytes = Buffer.from(hex('0100000000000000 ffffffffffffff7f'), 'hex');
  assert.deepEqual(decodeCommand(0x06, bytes, 0, 16), {
    type: 'malformed',
    errorCode: ErrorCode.MALFORMED_COMMAND,
    reason: 'clientKeepalive: correlationId is beyond 2^53',
    correlationId: null,
  });
});

test('an event of an unknown type is malformed', () => {
  const event = decodeEvent(0x0fff, Buffer.alloc(8), 0, 8);
  assert.deepEqual(event, { type: 'malformed', reason: 'unknown event type 4095' });
});

test('what was decoded does not change with the bytes it came from', () => {
  const bytes = Buffer.alloc(64);
  const key = Buffer.from([1, 2]);
  const length = encodeCommand({ type: 'addCounter', ...ids, typeId: 1, key, label: 'l' }, bytes);
  const command = decodeCommand(0x09, bytes, 0, length);
  bytes.fill(0);
  assert.deepEqual(command, { type: 'addCounter', ...ids, typeId: 1, key, label: 'l' });
});

test('a buffer that is too short is refused when encoding', () => {
  const command: Command = { type: 'addPublication', ...ids, streamId: 1, channel: 'aeron:ipc' };
  for (let length = 0; length < 33; length++) {
    assert.throws(() => encodeCommand(command, Buffer.alloc(length)), RangeError);
  }
  assert.equal(encodeCommand(command, Buffer.alloc(33)), 33);
});

test('error codes have names', () => {
  assert.equal(errorCodeName(ErrorCode.UNKNOWN_HOST), 'UNKNOWN_HOST');
  assert.equal(errorCodeName(-1), 'UNKNOWN');
  assert.equal(errorCodeName(99), '99');
});
