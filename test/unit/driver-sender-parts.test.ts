import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { LogCleaner } from '../../src/driver/log-cleaner.ts';
import { PublisherTail } from '../../src/driver/sender/publisher-tail.ts';
import { ReceiverLiveness } from '../../src/driver/sender/receiver-liveness.ts';
import { RetransmitHandler, type RetransmitOptions } from '../../src/driver/sender/retransmit-handler.ts';
import { Region } from '../../src/memory/region.ts';
import { INITIAL_TERM_ID, TERM_LENGTH, TestDirectory } from '../support/stream-fixtures.ts';

const directory = new TestDirectory();
const values = Region.allocate(128);
after(() => directory.close());

function retransmits(delayNs: number, options: Partial<RetransmitOptions> = {}) {
  const clock = new SimulatedClock();
  const resent: number[][] = [];
  const resender = { resend: (...gap: number[]) => void resent.push(gap) };
  const overflows = new AtomicCounter(values, 0, 0);
  const handler = new RetransmitHandler(resender, clock, overflows, {
    delayNs,
    lingerNs: 1000,
    termLength: TERM_LENGTH,
    lengthMax: 16 * 256,
    isGroup: false,
    maxResend: 16,
    ...options,
  });
  return { clock, resent, overflows, handler };
}

test('a delayed retransmission waits, then lingers', () => {
  const { clock, resent, handler } = retransmits(500);
  handler.onNak(1, 64, 128);
  handler.processTimeouts();
  handler.onNak(1, 96, 32);
  assert.deepEqual(resent, []);
  clock.advanceNs(501);
  handler.processTimeouts();
  assert.deepEqual(resent, [[1, 64, 128]]);
  handler.onNak(1, 64, 128);
  clock.advanceNs(900);
  handler.processTimeouts();
  assert.equal(resent.length, 1);
  clock.advanceNs(101);
  handler.processTimeouts();
  handler.onNak(1, 64, 128);
  clock.advanceNs(501);
  handler.processTimeouts();
  assert.equal(resent.length, 2);
});

test('a NAK of another gap takes the place of the one before', () => {
  const { resent, handler } = retransmits(0);
  handler.onNak(1, 64, 128);
  handler.onNak(1, 160, 32);
  handler.onNak(1, 192, 32);
  handler.onNak(2, 64, 32);
  handler.onNak(1, 64, 0);
  assert.deepEqual(resent, [
    [1, 64, 128],
    [1, 192, 32],
    [2, 64, 32],
  ]);
});

test('a retransmission is never longer than sixteen windows, nor than the term', () => {
  const { resent, handler } = retransmits(0);
  handler.onNak(1, 0, TERM_LENGTH);
  handler.onNak(1, TERM_LENGTH - 64, 1024);
  assert.deepEqual(resent, [
    [1, 0, 16 * 256],
    [1, TERM_LENGTH - 64, 64],
  ]);
});

test('receivers are forgotten one by one after the timeout', () => {
  const clock = new SimulatedClock();
  const liveness = new ReceiverLiveness(clock, 25, 64);
  for (let id = 0; id < 3; id++) {
    liveness.onStatusMessage(id, -id);
    clock.advanceNs(10);
  }
  liveness.onStatusMessage(0, 0);
  liveness.prune();
  assert.deepEqual(liveness.count, 3, 'the second was heard of 20 ns ago');
  assert.equal(liveness.remove(2, 2), false, 'both halves count');
  clock.advanceNs(5);
  liveness.prune();
  assert.equal(liveness.count, 2);
  assert.equal(liveness.remove(1, -1), false);
  assert.equal(liveness.remove(2, -2), true);
  assert.equal(liveness.remove(0, 0), true);
  assert.equal(liveness.count, 0);
});

test('forged receiver ids cannot grow the liveness table', () => {
  const clock = new SimulatedClock();
  const liveness = new ReceiverLiveness(clock, 1000, 64);
  for (let id = 0; id < 1000; id++) {
    clock.advanceNs(1);
    liveness.onStatusMessage(id, 0);
  }
  assert.equal(liveness.count, 64);
  assert.equal(liveness.remove(999, 0), true);
  assert.equal(liveness.remove(935, 0), false, 'the oldest went first');
});

test('cleaning stops at the end of a term and never goes back', () => {
  const region = Region.allocate(3 * TERM_LENGTH);
  region.bytes.fill(0xaa);
  const cleaner = new LogCleaner({ length: 0 }, region, TERM_LENGTH, TERM_LENGTH - 128);
  cleaner.target = TERM_LENGTH + 64;
  cleaner.clean();
  assert.equal(cleaner.position, TERM_LENGTH);
  assert.equal(region.bytes[TERM_LENGTH], 0xaa);
  cleaner.clean();
  assert.equal(cleaner.position, TERM_LENGTH + 64);
  cleaner.target = 0;
  cleaner.clean();
  assert.equal(cleaner.position, TERM_LENGTH + 64);
  const dirty = [...region.bytes.keys()].filter((index) => region.bytes[index] !== 0xaa);
  assert.deepEqual([dirty[0], dirty.length], [TERM_LENGTH - 128, 128 + 64]);
  region.close();
});

test('publishers may go two terms beyond the dirty one only when its cleaning has begun', () => {
  const region = Region.allocate(32);
  const allows = (position: number, limit: number) => {
    const cleaner = new LogCleaner({ length: 0 }, region, TERM_LENGTH, position);
    cleaner.limit = limit;
    return cleaner.allowsLimit();
  };
  assert.equal(allows(0, 2 * TERM_LENGTH - 1), true);
  assert.equal(allows(0, 2 * TERM_LENGTH), false);
  assert.equal(allows(32, 2 * TERM_LENGTH), true);
  assert.equal(allows(32, 3 * TERM_LENGTH), false);
  region.close();
});

test('a tail is believed up to the end of the term that the limit lies in', () => {
  const log = directory.createLog('tail');
  const tail = new PublisherTail(log, TERM_LENGTH, INITIAL_TERM_ID, 0);
  const { i32 } = log.region;
  tail.limit = 4096;
  assert.equal(tail.update(), false);
  Atomics.store(i32, log.rawTailIndex(0), 8192);
  assert.equal(tail.update(), true);
  assert.equal(tail.position, 8192);
  assert.equal(tail.update(), false);
  Atomics.store(i32, log.rawTailIndex(0), 64);
  assert.equal(tail.update(), false, 'it does not go back');
  Atomics.store(i32, log.rawTailIndex(0), TERM_LENGTH + 1000);
  assert.equal(tail.update(), true);
  assert.equal(tail.position, TERM_LENGTH);
  Atomics.store(i32, log.rawTailIndex(0) + 1, INITIAL_TERM_ID + 100);
  tail.update();
  assert.equal(tail.position, TERM_LENGTH);
  tail.truncate(96);
  assert.equal(tail.update(), false);
  assert.equal(tail.position, 96);
  assert.equal(log.endOfStreamPosition(), 96);
});

test('a group has so many retransmissions at a time, each for its own gap', () => {
  const { clock, resent, overflows, handler } = retransmits(500, { isGroup: true, maxResend: 2 });
  overflows.set(0);
  for (const termOffset of [0, 64, 32, 128]) handler.onNak(1, termOffset, 64);
  assert.equal(overflows.get(), 1, 'the third lies in the first');
  clock.advanceNs(501);
  handler.processTimeouts();
  assert.deepEqual(resent, [
    [1, 0, 64],
    [1, 64, 64],
  ]);
  handler.onNak(1, 128, 64);
  assert.equal(overflows.get(), 2);
  clock.advanceNs(1001);
  handler.processTimeouts();
  handler.onNak(1, 128, 64);
  clock.advanceNs(501);
  handler.processTimeouts();
  assert.deepEqual(resent.at(-1), [1, 128, 64]);
});
