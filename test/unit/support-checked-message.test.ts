import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CheckedMessageVerifier, CheckedMessageWriter } from '../support/checked-message.ts';

const STREAM = { seed: 7, maxLength: 4096 };
const COUNT = 500;
const PERFECT = { received: COUNT, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 };

const view = new DataView(new ArrayBuffer(STREAM.maxLength));
const writer = new CheckedMessageWriter(STREAM, 0);

/** The index of the first non-empty message from `from` on. */
function nonEmpty(from: number): number {
  let index = from;
  while (writer.lengthOf(index) === 0) index++;
  return index;
}

function deliver(verifier: CheckedMessageVerifier, indexes: Iterable<number>): void {
  for (const index of indexes) verifier.onMessage(view, 0, writer.write(view, 0, index));
}

function summaryOf(indexes: Iterable<number>) {
  const verifier = new CheckedMessageVerifier(STREAM, 1, COUNT);
  deliver(verifier, indexes);
  verifier.finish();
  return verifier.summary();
}

const ALL = Array.from({ length: COUNT }, (_, index) => index);

describe('checked messages', () => {
  test('that all arrive in order are perfect', () => {
    assert.deepEqual(summaryOf(ALL), PERFECT);
  });

  test('come in every size, from none to the longest', () => {
    const lengths = ALL.map((index) => writer.lengthOf(index));
    assert.ok(lengths.includes(0));
    assert.ok(lengths.some((length) => length > 3000));
    assert.ok(lengths.every((length) => length === 0 || (length >= 16 && length <= STREAM.maxLength)));
  });

  test('that are missing count as lost', () => {
    const gone = nonEmpty(100);
    assert.deepEqual(summaryOf(ALL.filter((index) => index !== gone)), {
      ...PERFECT,
      received: COUNT - 1,
      lost: 1,
    });
  });

  test('that are missing at the end count as lost', () => {
    assert.deepEqual(summaryOf(ALL.slice(0, 400)), { ...PERFECT, received: 400, lost: 100 });
  });

  test('that come twice count as duplicated', () => {
    const twice = nonEmpty(100);
    assert.deepEqual(summaryOf(ALL.flatMap((index) => (index === twice ? [index, index] : [index]))), {
      ...PERFECT,
      received: COUNT + 1,
      duplicated: 1,
    });
  });

  test('that come late count as reordered, not as lost', () => {
    const first = nonEmpty(100);
    const second = nonEmpty(first + 1);
    const swapped = ALL.map((index) => (index === first ? second : index === second ? first : index));
    assert.deepEqual(summaryOf(swapped), { ...PERFECT, reordered: second - first });
  });

  test('that differ in any bit count as corrupted', () => {
    const index = nonEmpty(100);
    const length = writer.lengthOf(index);
    for (let bit = 0; bit < length * 8; bit++) {
      const verifier = new CheckedMessageVerifier(STREAM, 1, COUNT);
      writer.write(view, 0, index);
      view.setUint8(bit >> 3, view.getUint8(bit >> 3) ^ (1 << (bit & 7)));
      verifier.onMessage(view, 0, length);
      assert.equal(verifier.corrupted, 1, `bit ${bit}`);
    }
  });

  test('of several producers may interleave in any way', () => {
    const verifier = new CheckedMessageVerifier(STREAM, 2, COUNT);
    const other = new CheckedMessageWriter(STREAM, 1);
    for (const index of ALL) {
      verifier.onMessage(view, 0, other.write(view, 0, index));
      if (index % 3 === 0) deliver(verifier, ALL.slice(index, index + 3));
    }
    assert.ok(verifier.isComplete);
    verifier.finish();
    assert.deepEqual(verifier.summary(), { ...PERFECT, received: COUNT * 2 });
  });

  test('of several producers miss no empty message unnoticed', () => {
    const verifier = new CheckedMessageVerifier(STREAM, 2, COUNT);
    const other = new CheckedMessageWriter(STREAM, 1);
    let empty = 0;
    while (other.lengthOf(empty) !== 0) empty++;
    deliver(verifier, ALL);
    for (const index of ALL) {
      if (index !== empty) verifier.onMessage(view, 0, other.write(view, 0, index));
    }
    verifier.finish();
    assert.equal(verifier.lost, 1);
  });
});
