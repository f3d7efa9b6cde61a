import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorText, isValidError } from '../../src/protocol/error-frame.ts';
import {
  frameType,
  isValidFrame,
  TYPE_ERR,
  TYPE_NAK,
  TYPE_SETUP,
  TYPE_SM,
} from '../../src/protocol/frame.ts';
import { isValidNak } from '../../src/protocol/nak-frame.ts';
import { isValidSetup } from '../../src/protocol/setup-frame.ts';
import { isValidStatusMessage } from '../../src/protocol/status-message-frame.ts';

/** Headers that mostly look right, so that the checks behind the first one are reached too. */
const datagrams = fc
  .tuple(
    fc.uint8Array({ maxLength: 96 }),
    fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 65535 })),
    fc.boolean(),
  )
  .map(([bytes, type, isPlausible]) => {
    const datagram = Buffer.from(bytes);
    if (isPlausible && datagram.length >= 8) {
      datagram.writeInt32LE(datagram.length, 0);
      datagram[4] = 0;
      datagram.writeUInt16LE(type, 6);
    }
    return datagram;
  });

test('no datagram makes the checks read outside it or throw', () => {
  fc.assert(
    fc.property(datagrams, fc.integer({ min: 16, max: 30 }), (datagram, bits) => {
      // The view ends where the datagram ends: reading beyond would throw.
      const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
      if (!isValidFrame(view, 0, datagram.length)) return;
      switch (frameType(view, 0)) {
        case TYPE_SETUP:
          isValidSetup(view, 0);
          break;
        case TYPE_NAK:
          isValidNak(view, 0, 2 ** bits);
          break;
        case TYPE_SM:
          isValidStatusMessage(view, 0, 2 ** bits);
          break;
        case TYPE_ERR:
          if (isValidError(view, 0)) assert.ok(errorText(view, 0).length <= datagram.length - 40);
          break;
      }
    }),
    { numRuns: 5000 },
  );
});
