import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BroadcastReceiver } from '../../src/concurrent/broadcast-receiver.ts';
import { BroadcastTransmitter } from '../../src/concurrent/broadcast-transmitter.ts';
import { ManyToOneRingBuffer } from '../../src/concurrent/many-to-one-ring-buffer.ts';
import { Region } from '../../src/memory/region.ts';

const CAPACITY = 256;
/** Where streams start: also where the low half of a position wraps. */
const starts = fc.constantFrom(0n, 128n, 2n ** 32n - 256n, 2n ** 40n + 64n);

type Step =
  | { readonly do: 'write'; readonly length: number }
  | { readonly do: 'read'; readonly limit: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('write' as const), length: fc.integer({ min: 0, max: CAPACITY / 8 }) }),
    fc.record({ do: fc.constant('read' as const), limit: fc.integer({ min: 0, max: 4 }) }),
  ),
  { maxLength: 120 },
);

function messageOf(sequence: number, length: number): Buffer {
  return Buffer.alloc(length, sequence & 0xff);
}

function align8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

test('the ring buffer behaves like a queue that knows how records are laid out', () => {
  fc.assert(
    fc.property(starts, steps, (start, list) => {
      const region = Region.allocate(CAPACITY + ManyToOneRingBuffer.TRAILER_LENGTH);
      for (const field of [128, 256, 384]) region.view.setBigInt64(CAPACITY + field, start, true);
      const ring = new ManyToOneRingBuffer(region, 0, region.byteLength);
      // Records that are not consumed yet; a null message is padding.
      const model: { length: number; typeId: number; message: Buffer | null }[] = [];
      let head = Number(start);
      let tail = head;
      let sequence = 0;
      for (const step of list as Step[]) {
        if (step.do === 'write') {
          const length = align8(8 + step.length);
          const toEnd = CAPACITY - (tail % CAPACITY);
          const isWrapping = length > toEnd;
          const hasRoom = length <= CAPACITY - (tail - head) && (!isWrapping || length <= head % CAPACITY);
          const typeId = (sequence % 1000) + 1;
          const message = messageOf(sequence++, step.length);
          assert.equal(ring.write(typeId, message, 0, step.length), hasRoom);
          if (!hasRoom) continue;
          if (isWrapping) model.push({ length: toEnd, typeId: -1, message: null });
          model.push({ length, typeId, message });
          tail += length + (isWrapping ? toEnd : 0);
        } else {
          const end = head + CAPACITY - (head % CAPACITY);
          const expected: string[] = [];
          while (model.length > 0 && head < end && expected.length < step.limit) {
            const { length, typeId, message } = model.shift()!;
            head += length;
            if (message !== null) expected.push(`${typeId}:${message.toString('hex')}`);
          }
          const actual: string[] = [];
          const count = ring.read((typeId, bytes, offset, length) => {
            actual.push(`${typeId}:${bytes.toString('hex', offset, offset + length)}`);
          }, step.limit);
          assert.equal(count, actual.length);
          assert.deepEqual(actual, expected);
        }
        assert.equal(ring.producerPosition(), tail);
        assert.equal(ring.consumerPosition(), head);
        assert.ok(tail - head <= CAPACITY);
      }
      // What was consumed is zero again: lengths in free space must read as "nothing here".
      const isUsed = (offset: number) => {
        const position = head - (head % CAPACITY) + offset;
        return (position < head ? position + CAPACITY : position) < tail;
      };
      for (let offset = 0; offset < CAPACITY; offset++) {
        if (!isUsed(offset)) assert.equal(region.bytes[offset], 0);
      }
    }),
    { numRuns: 400 },
  );
});

test('a broadcast receiver gets every message in order until it is lapped, then the latest', () => {
  fc.assert(
    fc.property(starts, steps, (start, list) => {
      const region = Region.allocate(CAPACITY + BroadcastTransmitter.TRAILER_LENGTH);
      for (const field of [0, 8, 16]) region.view.setBigInt64(CAPACITY + field, start, true);
      const transmitter = new BroadcastTransmitter(region, 0, region.byteLength);
      const receiver = new BroadcastReceiver(region, 0, region.byteLength);
      const sent: { position: number; sequence: number; length: number }[] = [];
      let tail = Number(start);
      let next = 0; // index in `sent` of what the receiver should get next
      let cursor = tail; // where the receiver waits: padding before a message belongs to it
      let lapped = 0;
      for (const step of list as Step[]) {
        if (step.do === 'write') {
          const length = align8(8 + step.length);
          const toEnd = CAPACITY - (tail % CAPACITY);
          if (length > toEnd) tail += toEnd;
          transmitter.transmit((sent.length % 1000) + 1, messageOf(sent.length, step.length), 0, step.length);
          sent.push({ position: tail, sequence: sent.length, length: step.length });
          tail += length;
          continue;
        }
        for (let i = 0; i < step.limit; i++) {
          let expected: string | null = null;
          if (cursor < tail) {
            if (cursor + CAPACITY < tail) {
              lapped++;
              next = sent.length - 1;
            }
            const { position, sequence, length } = sent[next++]!;
            expected = `${(sequence % 1000) + 1}:${messageOf(sequence, length).toString('hex')}`;
            cursor = position + align8(8 + length);
          }
          let actual: string | null = null;
          const count = receiver.receive((typeId, bytes, offset, length) => {
            actual = `${typeId}:${bytes.toString('hex', offset, offset + length)}`;
          });
          assert.equal(actual, expected);
          assert.equal(count, expected === null ? 0 : 1);
          assert.equal(receiver.lappedCount, lapped);
        }
      }
    }),
    { numRuns: 400 },
  );
});
