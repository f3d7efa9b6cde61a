import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { BufferClaim } from '../../src/client/buffer-claim.ts';
import { ConcurrentAppender } from '../../src/client/concurrent-appender.ts';
import { ExclusiveAppender } from '../../src/client/exclusive-appender.ts';
import {
  ADMIN_ACTION,
  BACK_PRESSURED,
  MAX_POSITION_EXCEEDED,
  NOT_CONNECTED,
} from '../../src/client/offer-result.ts';
import { TestLog, type TestLogOptions } from '../support/client-logs.ts';

const SESSION_ID = 11;
const STREAM_ID = 22;
const INITIAL_TERM_ID = 2_147_483_646;
const TERM_LENGTH = 65_536;
const MESSAGE = Buffer.from(Array.from({ length: 8_192 }, (_, i) => (i * 7) & 0xff));

interface Frame {
  readonly length: number;
  readonly flags: number;
  readonly type: number;
  readonly termOffset: number;
  readonly termId: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly reservedValue: bigint;
  readonly payload: Buffer;
}

function frameAt({ log }: TestLog, partition: number, termOffset: number): Frame {
  const at = log.termStart(partition) + termOffset;
  const { view, bytes } = log.region;
  const length = view.getInt32(at, true);
  return {
    length,
    flags: view.getUint8(at + 5),
    type: view.getUint16(at + 6, true),
    termOffset: view.getInt32(at + 8, true),
    sessionId: view.getInt32(at + 12, true),
    streamId: view.getInt32(at + 16, true),
    termId: view.getInt32(at + 20, true),
    reservedValue: view.getBigInt64(at + 24, true),
    payload: Buffer.from(bytes.subarray(at + 32, at + Math.max(32, length))),
  };
}

let logs: TestLog[] = [];
function testLog(options: TestLogOptions = {}): TestLog {
  const log = new TestLog(options);
  logs.push(log);
  return log;
}
afterEach(() => {
  for (const log of logs) log.close();
  logs = [];
});

const kinds = [
  ['ConcurrentAppender', ConcurrentAppender, false],
  ['ExclusiveAppender', ExclusiveAppender, true],
] as const;

for (const [name, Appender, isExclusive] of kinds) {
  describe(name, () => {
    const open = (options: TestLogOptions = {}) => {
      const log = testLog({ ...options, isExclusive });
      return { log, appender: new Appender(log.log, log.limit, SESSION_ID, STREAM_ID) };
    };

    test('writes a message in one frame and moves the tail by its aligned length', () => {
      const { log, appender } = open();
      assert.equal(appender.append(MESSAGE, 3, 10, 0x1122334455667788n), 0);
      assert.equal(appender.position, 64);
      assert.equal(log.log.producerPosition(), 64);
      assert.deepEqual(frameAt(log, 0, 0), {
        length: 42,
        flags: 0xc0,
        type: 1,
        termOffset: 0,
        termId: INITIAL_TERM_ID,
        sessionId: SESSION_ID,
        streamId: STREAM_ID,
        reservedValue: 0x1122334455667788n,
        payload: MESSAGE.subarray(3, 13),
      });
    });

    test('takes messages of any length, also of none', () => {
      const { log, appender } = open();
      let termOffset = 0;
      for (const length of [0, 1, 31, 32, 55, 56, 57, 63, 1_376]) {
        assert.equal(appender.append(MESSAGE, 0, length, null), termOffset);
        assert.deepEqual(frameAt(log, 0, termOffset).payload, MESSAGE.subarray(0, length));
        termOffset += (length + 32 + 31) & ~31;
      }
    });

    test('splits a message longer than one frame', () => {
      const { log, appender } = open();
      assert.equal(appender.append(MESSAGE, 0, 3_000, 5n), 0);
      const first = frameAt(log, 0, 0);
      const second = frameAt(log, 0, 1_408);
      const third = frameAt(log, 0, 2_816);
      assert.deepEqual([first.flags, second.flags, third.flags], [0x80, 0, 0x40]);
      assert.deepEqual([first.length, second.length, third.length], [1_408, 1_408, 280]);
      assert.deepEqual(
        Buffer.concat([first.payload, second.payload, third.payload]),
        MESSAGE.subarray(0, 3_000),
      );
      assert.equal(third.reservedValue, 5n);
      assert.equal(appender.position, 2_816 + 288);
    });

    test('ends a message that fills its frames with the last full one', () => {
      const { log, appender } = open();
      assert.equal(appender.append(MESSAGE, 0, 2 * 1_376, null), 0);
      assert.deepEqual([frameAt(log, 0, 0).flags, frameAt(log, 0, 1_408).flags], [0x80, 0x40]);
      assert.equal(appender.position, 2_816);
    });

    test('is held back by the limit, and says whether anybody is there', () => {
      const { log, appender } = open();
      log.setLimit(64);
      assert.equal(appender.append(MESSAGE, 0, 10, null), 0);
      assert.equal(appender.append(MESSAGE, 0, 10, null), BACK_PRESSURED);
      assert.equal(appender.append(MESSAGE, 0, 4_000, null), BACK_PRESSURED);
      log.log.setConnected(false);
      assert.equal(appender.append(MESSAGE, 0, 10, null), NOT_CONNECTED);
      assert.equal(log.log.producerPosition(), 64);
    });

    test('fills the end of a term and goes on in the next one, with wrapping term ids', () => {
      const { log, appender } = open({ startPosition: TERM_LENGTH - 96 });
      assert.equal(appender.append(MESSAGE, 0, 100, null), ADMIN_ACTION);
      const padding = frameAt(log, 0, TERM_LENGTH - 96);
      assert.deepEqual([padding.type, padding.length, padding.termId], [0, 96, INITIAL_TERM_ID]);
      assert.equal(log.log.activeTermCount(), 1);
      assert.equal(log.log.producerPosition(), TERM_LENGTH);
      assert.equal(appender.append(MESSAGE, 0, 100, null), 0);
      assert.equal(frameAt(log, 1, 0).termId, (INITIAL_TERM_ID + 1) | 0);
      log.setLimit(4 * TERM_LENGTH);
      for (let term = 2; term < 4; term++) {
        while (appender.append(MESSAGE, 0, 1_376, null) >= 0);
        assert.equal(appender.append(MESSAGE, 0, 1, null), 0);
        assert.equal(frameAt(log, term % 3, 0).termId, (INITIAL_TERM_ID + term) | 0);
      }
      assert.equal(appender.position, 3 * TERM_LENGTH + 64);
    });

    test('leaves no padding when a term is exactly full', () => {
      const { log, appender } = open({ startPosition: TERM_LENGTH - 64 });
      assert.equal(appender.append(MESSAGE, 0, 32, null), TERM_LENGTH - 64);
      assert.equal(appender.position, TERM_LENGTH);
      assert.equal(appender.append(MESSAGE, 0, 32, null), ADMIN_ACTION);
      assert.equal(appender.append(MESSAGE, 0, 32, null), 0);
      assert.equal(frameAt(log, 0, TERM_LENGTH - 64).type, 1);
    });

    test('ends at the last position of the protocol', () => {
      const last = TERM_LENGTH * 2 ** 31;
      const { log, appender } = open({ startPosition: last - 128, initialTermId: 0 });
      log.setLimit(last + TERM_LENGTH);
      assert.equal(appender.append(MESSAGE, 0, 32, null), TERM_LENGTH - 128);
      assert.equal(appender.append(MESSAGE, 0, 64, null), MAX_POSITION_EXCEEDED);
      assert.equal(appender.append(MESSAGE, 0, 1, null), MAX_POSITION_EXCEEDED);
      assert.equal(log.log.activeTermCount(), 2 ** 31 - 1);
    });

    test('lets a claim be written, and keeps it from readers until it is committed', () => {
      const { log, appender } = open();
      const claim = new BufferClaim();
      const received: string[] = [];
      const image = log.image();
      const poll = () =>
        image.poll(
          (buffer, offset, length) => received.push(buffer.toString('latin1', offset, offset + length)),
          10,
        );
      assert.equal(appender.claim(5, claim), 0);
      assert.equal(appender.append(Buffer.from('later'), 0, 5, null), 64);
      assert.equal(frameAt(log, 0, 0).length, -37);
      assert.equal(poll(), 0);
      claim.buffer.write('first', claim.offset, 'latin1');
      claim.reservedValue = -9n;
      claim.commit();
      assert.equal(frameAt(log, 0, 0).reservedValue, -9n);
      assert.equal(poll(), 2);
      assert.deepEqual(received, ['first', 'later']);
    });

    test('skips a claim that was aborted', () => {
      const { log, appender } = open();
      const claim = new BufferClaim();
      appender.claim(100, claim);
      claim.abort();
      appender.append(Buffer.from('next'), 0, 4, null);
      const lengths: number[] = [];
      const image = log.image();
      assert.equal(
        image.poll((_buffer, _offset, length) => lengths.push(length), 10),
        1,
      );
      assert.deepEqual(lengths, [4]);
      assert.equal(image.position, 160 + 64);
    });
  });
}

describe('ConcurrentAppender', () => {
  test('asks to try again while another producer rotates the log', () => {
    const log = testLog();
    const appender = new ConcurrentAppender(log.log, log.limit, SESSION_ID, STREAM_ID);
    // The other one reset the tail of the next term and has not raised the term count's partner yet.
    Atomics.store(log.log.region.i32, log.log.activeTermCountIndex, 1);
    assert.equal(appender.append(MESSAGE, 0, 10, null), ADMIN_ACTION);
  });

  test('claims nothing and pads nothing when the tail is beyond the term already', () => {
    const log = testLog({ startPosition: TERM_LENGTH - 32 });
    const appender = new ConcurrentAppender(log.log, log.limit, SESSION_ID, STREAM_ID);
    Atomics.add(log.log.region.i32, log.log.rawTailIndex(0), 4_096);
    assert.equal(appender.append(MESSAGE, 0, 10, null), ADMIN_ACTION);
    assert.equal(frameAt(log, 0, TERM_LENGTH - 32).length, 0);
    assert.equal(appender.append(MESSAGE, 0, 10, null), 0);
    assert.equal(frameAt(log, 1, 0).termId, (INITIAL_TERM_ID + 1) | 0);
  });
});

describe('ExclusiveAppender', () => {
  test('appends padding that readers skip', () => {
    const log = testLog({ isExclusive: true });
    const appender = new ExclusiveAppender(log.log, log.limit, SESSION_ID, STREAM_ID);
    assert.equal(appender.appendPadding(1_000), 0);
    appender.append(Buffer.from('x'), 0, 1, null);
    const image = log.image();
    assert.equal(
      image.poll(() => {}, 10),
      1,
    );
    assert.equal(image.position, 1_056 + 64);
  });
});
