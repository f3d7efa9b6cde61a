import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as descriptor from '../../src/logbuffer/descriptor.ts';

const bitsOfTerm = fc.integer({ min: 16, max: 30 });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** Up to the largest position that a double holds. */
const positions = fc
  .tuple(bitsOfTerm, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1000 }))
  .map(([bits, fraction, near]) => {
    const limit = Math.min(2 ** 53, 2 ** (bits + 31));
    const position = Math.floor(fraction * (limit / 32)) * 32 - near * 32;
    return { bits, position: Math.max(0, Math.min(position, limit - 32)) };
  });

test('positions, terms and offsets are what 64-bit arithmetic says', () => {
  fc.assert(
    fc.property(positions, int32, ({ bits, position }, initialTermId) => {
      const termLength = 2 ** bits;
      const big = BigInt(position);
      const termCount = Number(big >> BigInt(bits));
      const termId = descriptor.termIdOf(position, bits, initialTermId);
      const termOffset = descriptor.termOffsetOf(position, termLength);
      assert.equal(descriptor.positionBits(termLength), bits);
      assert.equal(descriptor.termCountOf(position, bits), termCount);
      assert.equal(BigInt(termId), BigInt.asIntN(32, BigInt(initialTermId) + BigInt(termCount)));
      assert.equal(BigInt(termOffset), big & BigInt(termLength - 1));
      assert.equal(descriptor.partitionIndexOf(position, bits), termCount % 3);
      assert.equal(descriptor.partitionIndexByTerm(initialTermId, termId), termCount % 3);
      assert.equal(descriptor.computePosition(termId, termOffset, bits, initialTermId), position);
    }),
    { numRuns: 3000 },
  );
});

test('a message is at most an eighth of a term, and at most 16 MiB', () => {
  assert.equal(descriptor.maxMessageLength(65536), 8192);
  assert.equal(descriptor.maxMessageLength(134217728), 16777216);
  assert.equal(descriptor.maxMessageLength(1073741824), 16777216);
});

test('a log file is as long as official drivers make it', () => {
  assert.equal(descriptor.logFileLength(16777216, 4096), 50335744);
  assert.equal(descriptor.logFileLength(1073741824, 4096), 3221229568);
  assert.equal(descriptor.logFileLength(65536, 2097152), 2097152);
});
