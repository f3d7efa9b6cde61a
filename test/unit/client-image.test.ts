import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { ControlledPollAction } from '../../src/client/fragment-handler.ts';
import type { Image } from '../../src/client/image.ts';
import { PublishedLog } from '../support/client-logs.ts';

const TERM_LENGTH = 65_536;
const FRAME = 64;
const ignore = () => {};

let log: PublishedLog;
let image: Image;

function open(startPosition = 0): void {
  log = new PublishedLog({ startPosition });
  image = log.image();
}
beforeEach(() => open());
afterEach(() => log.close());

describe('Image.poll', () => {
  test('stops at the fragment limit and tells the driver how far it came', () => {
    log.publish('a', 'b', 'c');
    assert.equal(image.poll(ignore, 2), 2);
    assert.equal(log.readPosition, 2 * FRAME);
    assert.equal(image.position, 2 * FRAME);
    assert.equal(image.poll(ignore, 2), 1);
    assert.equal(image.poll(ignore, 2), 0);
    assert.equal(image.poll(ignore, 0), 0);
  });

  test('starts at the position it joined at', () => {
    log.close();
    open(3 * TERM_LENGTH + 96);
    log.publish('x');
    const positions: number[] = [];
    image.poll((_buffer, offset, length, header) => positions.push(offset, length, header.position), 10);
    assert.equal(image.joinPosition, 3 * TERM_LENGTH + 96);
    assert.deepEqual(positions, [96 + 32, 1, 3 * TERM_LENGTH + 96 + FRAME]);
  });

  test('does not cross the end of a term, nor count padding', () => {
    log.close();
    open(TERM_LENGTH - FRAME - 32);
    log.publish('a');
    assert.ok(log.appender.append(Buffer.alloc(100), 0, 100, null) < 0);
    log.publish('b');
    assert.equal(image.poll(ignore, 10), 1);
    assert.equal(image.position, TERM_LENGTH);
    assert.equal(log.readPosition, TERM_LENGTH);
    assert.equal(image.poll(ignore, 10), 1);
    assert.equal(image.position, TERM_LENGTH + FRAME);
  });

  test('publishes positions beyond 2^32 without ever going back', () => {
    log.close();
    open(2 ** 32 - TERM_LENGTH);
    const message = Buffer.alloc(1_344);
    let last = log.readPosition;
    while (last < 2 ** 32 + TERM_LENGTH) {
      log.appender.append(message, 0, message.length, null);
      image.poll(ignore, 10);
      log.advanceLimit();
      assert.ok(log.readPosition >= last);
      last = log.readPosition;
      assert.equal(last, image.position);
    }
  });

  test('lets errors of the handler out and counts that fragment as read', () => {
    log.publish('a', 'b');
    assert.throws(
      () =>
        image.poll(() => {
          throw new Error('in handler');
        }, 10),
      /in handler/,
    );
    const received: string[] = [];
    image.poll((buffer, offset) => received.push(String.fromCharCode(buffer[offset]!)), 10);
    assert.deepEqual(received, ['b']);
    assert.equal(log.readPosition, 2 * FRAME);
  });

  test('stops at a bound', () => {
    log.publish('a', 'b', 'c');
    assert.equal(image.boundedPoll(ignore, 0, 10), 0);
    assert.equal(image.boundedPoll(ignore, FRAME + 1, 10), 2);
    assert.equal(image.boundedPoll(ignore, FRAME, 10), 0);
    assert.equal(image.boundedPoll(ignore, 2 ** 40, 10), 1);
  });

  test('closes when the log holds what no publisher writes', () => {
    for (const length of [31, 1, TERM_LENGTH + 32, 0x7fffffff]) {
      Atomics.store(log.log.region.i32, 0, length);
      assert.equal(image.poll(ignore, 10), 0);
      assert.equal(log.malformed.pop(), length);
    }
  });

  test('reads nothing, and does not move, once it is closed', () => {
    log.publish('a', 'b');
    image.poll(() => image.internalClose(), 10);
    assert.equal(image.isClosed, true);
    assert.equal(image.position, FRAME);
    assert.equal(image.poll(ignore, 10), 0);
    assert.equal(
      image.controlledPoll(() => ControlledPollAction.CONTINUE, 10),
      0,
    );
    assert.equal(log.readPosition, 0);
    assert.equal(image.activeTransportCount, 0);
  });
});

describe('Image.controlledPoll', () => {
  test('does as the handler says', () => {
    log.publish('a', 'b', 'c', 'd');
    const { ABORT, BREAK, COMMIT, CONTINUE } = ControlledPollAction;
    const script: ControlledPollAction[] = [CONTINUE, ABORT, BREAK, COMMIT, CONTINUE];
    const seen: [string, number][] = [];
    const poll = () =>
      image.controlledPoll((buffer, offset) => {
        seen.push([String.fromCharCode(buffer[offset]!), log.readPosition]);
        return script.shift()!;
      }, 10);
    assert.equal(poll(), 1);
    assert.equal(image.position, FRAME);
    assert.equal(poll(), 1);
    assert.equal(image.position, 2 * FRAME);
    assert.equal(poll(), 2);
    assert.deepEqual(seen, [
      ['a', 0],
      ['b', 0],
      ['b', FRAME],
      ['c', 2 * FRAME],
      ['d', 3 * FRAME],
    ]);
    assert.equal(log.readPosition, 4 * FRAME);
  });
});

describe('FragmentAssembler', () => {
  const long = Buffer.from(Array.from({ length: 8_000 }, (_, i) => i & 0xff));

  test('delivers whole messages with the header of the whole', () => {
    const seen: number[][] = [];
    const assembler = new FragmentAssembler((buffer, offset, length, header) => {
      seen.push([length, header.frameLength, header.flags, header.termOffset, header.position]);
      if (length > 1) assert.deepEqual(Buffer.from(buffer.subarray(offset, offset + length)), long);
    });
    log.publish('a');
    log.publish(long);
    log.publish('b');
    while (image.poll(assembler.handler, 2) > 0);
    const end = FRAME + 5 * 1_408 + 1_152;
    assert.deepEqual(seen, [
      [1, 33, 0xc0, 0, FRAME],
      [8_000, 8_032, 0xc0, FRAME, end],
      [1, 33, 0xc0, end, end + FRAME],
    ]);
  });

  test('drops a message whose beginning or middle it did not see', () => {
    let messages = 0;
    const assembler = new FragmentAssembler(() => messages++);
    for (const skipped of [0, 2]) {
      log.publish(long);
      let fragment = 0;
      image.poll((buffer, offset, length, header) => {
        if (fragment++ !== skipped) assembler.handler(buffer, offset, length, header);
      }, 6);
      assert.equal(messages, 0);
    }
    log.publish(long);
    while (image.poll(assembler.handler, 10) > 0);
    assert.equal(messages, 1);
  });

  test('forgets a session when told', () => {
    let messages = 0;
    const assembler = new FragmentAssembler(() => messages++);
    log.appender.append(long, 0, long.length, null);
    image.poll(assembler.handler, 3);
    assert.equal(assembler.freeSessionBuffer(11), true);
    assert.equal(assembler.freeSessionBuffer(11), false);
    image.poll(assembler.handler, 10);
    assert.equal(messages, 0);
  });
});
