import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogCleaner } from '../../src/driver/log-cleaner.ts';
import { Region } from '../../src/memory/region.ts';

const TERM_LENGTH = 262_144;

function dirtyLog(): { cleaner: LogCleaner; dirtyBytes: () => number; close: () => void } {
  const region = Region.allocate(3 * TERM_LENGTH);
  region.bytes.fill(1);
  return {
    cleaner: new LogCleaner({ length: 0 }, region, TERM_LENGTH, 0),
    dirtyBytes: () => region.bytes.reduce((sum, byte) => sum + byte, 0),
    close: () => region.close(),
  };
}

test('what is too much for the caches is cleaned past them, no byte more and no byte less', () => {
  for (const [from, to] of [
    [0, 4096],
    [32, 4096],
    [96, 8192 - 32],
    [TERM_LENGTH - 2048, TERM_LENGTH],
  ] as const) {
    const region = Region.allocate(3 * TERM_LENGTH);
    region.bytes.fill(1);
    const cleaner = new LogCleaner({ length: 2 ** 30 }, region, TERM_LENGTH, from);
    cleaner.target = to;
    cleaner.clean();
    assert.deepEqual([region.bytes.indexOf(0), region.bytes.lastIndexOf(0)], [from, to - 1]);
    assert.equal(
      region.bytes.subarray(from, to).every((byte) => byte === 0),
      true,
    );
    region.close();
  }
});

test('an agent knows how much it cleans', () => {
  const logs = { length: 0 };
  const region = Region.allocate(64);
  const cleaners = [1, 2].map((terms) => new LogCleaner(logs, region, terms * TERM_LENGTH, 0));
  assert.equal(logs.length, 9 * TERM_LENGTH);
  cleaners[1]!.close();
  assert.equal(logs.length, 3 * TERM_LENGTH);
  region.close();
});

describe('cleaning a log bit by bit', () => {
  test('an idle cycle cleans a chunk, and a cycle with messages leaves it alone', () => {
    const { cleaner, dirtyBytes, close } = dirtyLog();
    cleaner.target = 16_384;
    cleaner.cleanSome(false);
    assert.equal(cleaner.position, 0);
    cleaner.cleanSome(true);
    assert.equal(cleaner.position, 4096);
    assert.equal(dirtyBytes(), 3 * TERM_LENGTH - 4096);
    for (let i = 0; i < 3; i++) cleaner.cleanSome(true);
    assert.equal(cleaner.position, 16_384);
    cleaner.cleanSome(true);
    assert.equal(cleaner.position, 16_384);
    assert.equal(dirtyBytes(), 3 * TERM_LENGTH - 16_384);
    close();
  });

  test('cycles with messages clean a quarter of what has piled up, in whole frame alignments', () => {
    const { cleaner, close } = dirtyLog();
    cleaner.target = 40_000;
    cleaner.cleanSome(false);
    assert.equal(cleaner.position, 9984);
    assert.equal(cleaner.position % 32, 0);
    close();
  });

  test('more than half a term does not wait', () => {
    const { cleaner, close } = dirtyLog();
    cleaner.target = TERM_LENGTH / 2 + 32;
    cleaner.cleanSome(false);
    assert.equal(cleaner.position, TERM_LENGTH / 2 + 32);
    close();
  });

  test('a stream that only has busy cycles never leaves half a term dirty', () => {
    const { cleaner, close } = dirtyLog();
    for (let sent = 0; sent < 20 * TERM_LENGTH; sent += 22_528) {
      cleaner.target = sent;
      cleaner.cleanSome(false);
      assert(
        cleaner.target - cleaner.position < TERM_LENGTH / 2,
        `${cleaner.target - cleaner.position} dirty`,
      );
    }
    close();
  });

  test('one call stops at the end of a term', () => {
    const { cleaner, close } = dirtyLog();
    cleaner.target = 2.5 * TERM_LENGTH;
    cleaner.cleanSome(false);
    assert.equal(cleaner.position, TERM_LENGTH);
    close();
  });
});
