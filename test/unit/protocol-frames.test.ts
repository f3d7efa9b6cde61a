import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as data from '../../src/protocol/data-frame.ts';
import * as error from '../../src/protocol/error-frame.ts';
import * as frame from '../../src/protocol/frame.ts';
import * as nak from '../../src/protocol/nak-frame.ts';
import * as response from '../../src/protocol/response-setup-frame.ts';
import * as rttm from '../../src/protocol/rttm-frame.ts';
import * as setup from '../../src/protocol/setup-frame.ts';
import * as statusMessage from '../../src/protocol/status-message-frame.ts';

// Session 0xb45fd725, stream 1001, initial term 0x42d89e02: as an official C driver sent them.
const SESSION_ID = 0xb45fd725 | 0;
const STREAM_ID = 1001;
const TERM_ID = 0x42d89e02;
const PEER_SESSION_ID = 0x51525354;

const bytes = Buffer.alloc(2048);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** What `write` wrote at an odd offset, as hex; everything around it must stay as it was. */
function written(write: (view: DataView, offset: number) => number): string {
  const offset = 13;
  bytes.fill(0xee);
  const length = write(view, offset);
  assert.ok(bytes.subarray(0, offset).every((byte) => byte === 0xee));
  assert.ok(bytes.subarray(offset + length).every((byte) => byte === 0xee));
  return bytes.toString('hex', offset, offset + length);
}

function hex(text: string): string {
  return text.replaceAll(' ', '');
}

test('a setup frame has the bytes that an official publisher sends', () => {
  const expected = hex(
    '28000000 0000 0500 00000000 25d75fb4 e9030000 029ed842 029ed842 00000001 80050000 00000000',
  );
  const actual = written((v, o) =>
    setup.writeSetup(v, o, 0, 0, SESSION_ID, STREAM_ID, TERM_ID, TERM_ID, 16777216, 1408, 0),
  );
  assert.equal(actual, expected);
  assert.equal(actual.length / 2, setup.SETUP_LENGTH);
});

test('a status message has the bytes that connected an official publisher', () => {
  const expected = hex('24000000 0000 0300 25d75fb4 e9030000 029ed842 00000000 00000100 8877665544332211');
  const actual = written((v, o) =>
    statusMessage.writeStatusMessage(
      v,
      o,
      0,
      SESSION_ID,
      STREAM_ID,
      TERM_ID,
      0,
      65536,
      0x55667788,
      0x11223344,
    ),
  );
  assert.equal(actual, expected);
});

test('the end-of-stream flag of a status message is where official subscribers set it', () => {
  const actual = written((v, o) =>
    statusMessage.writeStatusMessage(v, o, statusMessage.STATUS_MESSAGE_FLAG_EOS, 0, 0, 0, 0, 0, 0, 0),
  );
  assert.equal(actual.slice(0, 16), hex('24000000 0040 0300'));
});

test('a heartbeat has the bytes that an official publisher sends', () => {
  const expected = hex('00000000 00c0 0100 00000000 25d75fb4 e9030000 029ed842 0000000000000000');
  const actual = written((v, o) =>
    data.writeHeartbeat(v, o, data.FLAG_UNFRAGMENTED, 0, SESSION_ID, STREAM_ID, TERM_ID),
  );
  assert.equal(actual, expected);
});

test('an end-of-stream heartbeat has the bytes that an official subscriber understood', () => {
  const expected = hex('00000000 00e0 0100 c0000000 54535251 e9030000 64000000 0000000000000000');
  const actual = written((v, o) =>
    data.writeHeartbeat(v, o, data.FLAG_UNFRAGMENTED | data.FLAG_EOS, 0xc0, PEER_SESSION_ID, STREAM_ID, 100),
  );
  assert.equal(actual, expected);
});

test('a NAK has the bytes that an official subscriber sends', () => {
  const expected = hex('1c000000 0000 0200 54535251 e9030000 64000000 40000000 40000000');
  const actual = written((v, o) => nak.writeNak(v, o, 0, PEER_SESSION_ID, STREAM_ID, 100, 64, 64));
  assert.equal(actual, expected);
});

test('an error frame carries its text and counts it', () => {
  const expected = hex(
    '43000000 0008 0400 05000000 06000000 4433221188776655 0700000000000000 0d000000 1b000000' +
      '496d6167652072656a65637465642062792072656365697665722e',
  );
  const text = Buffer.from('Image rejected by receiver.', 'latin1');
  const actual = written((v, o) =>
    error.writeError(v, o, error.ERROR_FLAG_HAS_GROUP_TAG, 5, 6, 0x11223344, 0x55667788, 7, 0, 13, text),
  );
  assert.equal(actual, expected);
  assert.equal(error.isValidError(view, 13), true);
  assert.equal(error.errorText(view, 13), 'Image rejected by receiver.');
});

test('an error frame cuts a text that is too long', () => {
  const length = error.writeError(view, 0, 0, 1, 2, 0, 0, 0, 0, 13, Buffer.alloc(2000, 0x61));
  assert.equal(length, 1063);
  assert.equal(error.errorText(view, 0).length, 1023);
});

test('an error frame whose text is longer than the frame is invalid', () => {
  error.writeError(view, 0, 0, 1, 2, 0, 0, 0, 0, 13, Buffer.from('abc'));
  view.setInt32(error.ERROR_TEXT_LENGTH, 4, true);
  assert.equal(error.isValidError(view, 0), false);
  view.setInt32(error.ERROR_TEXT_LENGTH, -1, true);
  assert.equal(error.isValidError(view, 0), false);
});

test('a round trip measurement has its fields in the order of the protocol', () => {
  const expected = hex(
    '28000000 0080 0600 01000000 02000000 0300000004000000 0500000006000000 0700000008000000',
  );
  const actual = written((v, o) => rttm.writeRttm(v, o, rttm.RTTM_FLAG_REPLY, 1, 2, 3, 4, 5, 6, 7, 8));
  assert.equal(actual, expected);
});

test('a response setup has its fields in the order of the protocol', () => {
  const actual = written((v, o) => response.writeResponseSetup(v, o, 0, 1, 2, 3));
  assert.equal(actual, hex('14000000 0000 0b00 01000000 02000000 03000000'));
});

test('a frame is valid from the length of its fixed fields on, and data only in multiples of 32', () => {
  const lengths: [number, number][] = [
    [frame.TYPE_PAD, 32],
    [frame.TYPE_DATA, 32],
    [frame.TYPE_NAK, nak.NAK_LENGTH],
    [frame.TYPE_SM, statusMessage.STATUS_MESSAGE_LENGTH],
    [frame.TYPE_ERR, error.ERROR_LENGTH],
    [frame.TYPE_SETUP, setup.SETUP_LENGTH],
    [frame.TYPE_RTTM, rttm.RTTM_LENGTH],
    [frame.TYPE_RES, 22],
    [frame.TYPE_RSP_SETUP, response.RESPONSE_SETUP_LENGTH],
  ];
  for (const [type, lengthMin] of lengths) {
    frame.writeFrameHeader(view, 0, 0, 0, type);
    for (let length = 0; length < 200; length++) {
      const isData = type === frame.TYPE_PAD || type === frame.TYPE_DATA;
      const expected = length >= lengthMin && (!isData || length % 32 === 0);
      assert.equal(frame.isValidFrame(view, 0, length), expected, `type ${type}, ${length} bytes`);
    }
  }
});

test('a frame that claims more than its datagram is invalid, except data, whose padding does', () => {
  frame.writeFrameHeader(view, 0, 41, 0, frame.TYPE_SETUP);
  assert.equal(frame.isValidFrame(view, 0, 40), false);
  assert.equal(frame.isValidFrame(view, 0, 41), true);
  frame.writeFrameHeader(view, 0, 4096, 0, frame.TYPE_PAD);
  assert.equal(frame.isValidFrame(view, 0, 32), true);
});

test('frames of another version, an unknown type or a negative length are invalid', () => {
  for (const type of [0x08, 0x09, 0x0a, 0x0c, 0x00ff, 0xffff]) {
    frame.writeFrameHeader(view, 0, 0, 0, type);
    assert.equal(frame.isValidFrame(view, 0, 64), false, `type ${type}`);
  }
  frame.writeFrameHeader(view, 0, -32, 0, frame.TYPE_DATA);
  assert.equal(frame.isValidFrame(view, 0, 64), false);
  frame.writeFrameHeader(view, 0, 32, 0, frame.TYPE_DATA);
  view.setUint8(frame.VERSION, 1);
  assert.equal(frame.isValidFrame(view, 0, 64), false);
});

test('a setup frame is valid within the ranges of term length, offset and MTU', () => {
  const isValid = (termOffset: number, termLength: number, mtu: number) => {
    setup.writeSetup(view, 0, 0, termOffset, 1, 2, 3, 4, termLength, mtu, 0);
    return setup.isValidSetup(view, 0);
  };
  assert.equal(isValid(0, 65536, 1408), true);
  assert.equal(isValid(65504, 65536, 32), true);
  assert.equal(isValid(0, 1073741824, 65504), true);
  assert.equal(isValid(65536, 65536, 1408), false);
  assert.equal(isValid(-32, 65536, 1408), false);
  assert.equal(isValid(16, 65536, 1408), false);
  assert.equal(isValid(0, 32768, 1408), false);
  assert.equal(isValid(0, 65536 * 3, 1408), false);
  assert.equal(isValid(0, -2147483648, 1408), false);
  assert.equal(isValid(0, 65536, 0), false);
  assert.equal(isValid(0, 65536, 1409), false);
  assert.equal(isValid(0, 65536, 65536), false);
});

test('a NAK is valid when its gap lies in the term', () => {
  const isValid = (termOffset: number, gapLength: number) => {
    nak.writeNak(view, 0, 0, 1, 2, 3, termOffset, gapLength);
    return nak.isValidNak(view, 0, 65536);
  };
  assert.equal(isValid(0, 65536), true);
  assert.equal(isValid(65504, 32), true);
  assert.equal(isValid(32, 0), true);
  assert.equal(isValid(65504, 64), false);
  assert.equal(isValid(32, 2147483647), false);
  assert.equal(isValid(32, -32), false);
  assert.equal(isValid(-32, 32), false);
  assert.equal(isValid(33, 32), false);
  assert.equal(isValid(65536, 0), false);
});

test('a status message is valid when its window is at most half a term', () => {
  const isValid = (termOffset: number, windowLength: number) => {
    statusMessage.writeStatusMessage(view, 0, 0, 1, 2, 3, termOffset, windowLength, 4, 5);
    return statusMessage.isValidStatusMessage(view, 0, 65536);
  };
  assert.equal(isValid(0, 32768), true);
  assert.equal(isValid(65504, 0), true);
  assert.equal(isValid(0, 32769), false);
  assert.equal(isValid(0, -1), false);
  assert.equal(isValid(65536, 0), false);
  assert.equal(isValid(8, 0), false);
});
