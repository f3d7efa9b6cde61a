import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PayloadChecker, sentNsOf, writeCheckedPayload } from '../../src/cli/demo/checked-payload.ts';

const LENGTH = 288;
const WORDS = LENGTH / 4;
const INDEX = 8;

function message(sequence: number, sentNs = 3e15 + 7): Int32Array {
  const words = new Int32Array(INDEX + WORDS);
  writeCheckedPayload(words, INDEX, LENGTH, sequence, sentNs);
  return words;
}

function check(sequences: number[]): PayloadChecker {
  const checker = new PayloadChecker();
  for (const sequence of sequences) checker.check(message(sequence), INDEX, LENGTH);
  return checker;
}

test('a message carries its time of sending', () => {
  assert.equal(sentNsOf(message(0, 3e15 + 7), INDEX), 3e15 + 7);
});

test('messages that come once and in order pass', () => {
  const checker = check([0, 1, 2, 3]);
  assert.deepEqual(
    [checker.received, checker.lost(4), checker.duplicated, checker.reordered, checker.corrupted],
    [4, 0, 0, 0, 0],
  );
});

test('every bit of a message is covered by its checksum', () => {
  for (const sequence of [0, 5, 2 ** 32 + 17]) {
    for (let bit = 0; bit < LENGTH * 8; bit++) {
      const words = message(sequence);
      words[INDEX + (bit >> 5)]! ^= 1 << (bit & 31);
      const checker = new PayloadChecker();
      checker.check(words, INDEX, LENGTH);
      assert.equal(checker.corrupted, 1, `bit ${bit}`);
    }
  }
});

test('what is missing at the end or in between is lost', () => {
  assert.equal(check([0, 1, 4]).lost(5), 2);
  assert.equal(check([0, 1]).lost(5), 3);
  assert.equal(check([]).lost(5), 5);
});

test('what comes late is reordered, what comes twice is duplicated', () => {
  const late = check([0, 2, 1]);
  assert.deepEqual([late.reordered, late.duplicated, late.lost(3)], [1, 0, 0]);
  const twice = check([0, 1, 1]);
  assert.deepEqual([twice.reordered, twice.duplicated, twice.lost(2)], [0, 1, 0]);
});
