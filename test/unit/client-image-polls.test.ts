import assert from 'node:assert/strict';
import { readSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ControlledFragmentAssembler } from '../../src/client/controlled-fragment-assembler.ts';
import { ControlledPollAction } from '../../src/client/fragment-handler.ts';
import type { Image } from '../../src/client/image.ts';
import {
  ImageControlledFragmentAssembler,
  ImageFragmentAssembler,
} from '../../src/client/image-fragment-assembler.ts';
import { PublishedLog } from '../support/client-logs.ts';

const { ABORT, BREAK, COMMIT, CONTINUE } = ControlledPollAction;
const TERM_LENGTH = 65_536;
const FRAME = 64;
const LONG = Buffer.from(Array.from({ length: 8_000 }, (_, i) => i & 0xff));

let log: PublishedLog;
let image: Image;

function open(startPosition = 0): void {
  log = new PublishedLog({ startPosition });
  image = log.image();
}
beforeEach(() => open());
afterEach(() => log.close());

describe('Image.boundedControlledPoll', () => {
  test('stops at the bound, at the fragment limit and when told', () => {
    log.publish('a', 'b', 'c', 'd');
    const seen: string[] = [];
    const poll = (limitPosition: number, fragmentLimit = 10, action: ControlledPollAction = CONTINUE) =>
      image.boundedControlledPoll(
        (buffer, offset) => {
          seen.push(String.fromCharCode(buffer[offset]!));
          return action;
        },
        limitPosition,
        fragmentLimit,
      );
    assert.equal(poll(0), 0);
    assert.equal(poll(2 * FRAME, 10, ABORT), 0);
    assert.equal(log.readPosition, 0);
    assert.equal(poll(2 * FRAME), 2);
    assert.equal(log.readPosition, 2 * FRAME);
    assert.equal(poll(2 * FRAME), 0);
    assert.equal(poll(2 ** 40, 10, BREAK), 1);
    assert.equal(poll(2 ** 40, 1, COMMIT), 1);
    assert.deepEqual(seen, ['a', 'a', 'b', 'c', 'd']);
    assert.equal(log.readPosition, 4 * FRAME);
  });
});

describe('Image.controlledPeek', () => {
  const peek = (from: number, limit: number, action: (text: string) => ControlledPollAction) => {
    const seen: string[] = [];
    const position = image.controlledPeek(
      from,
      (buffer, offset, length) => {
        const text = length > 100 ? String(length) : buffer.toString('latin1', offset, offset + length);
        seen.push(text);
        return action(text);
      },
      limit,
    );
    return { seen, position };
  };

  test('shows fragments and stays where it is', () => {
    log.publish('a', 'b', 'c');
    assert.deepEqual(
      peek(0, 2 ** 40, () => CONTINUE),
      { seen: ['a', 'b', 'c'], position: 3 * FRAME },
    );
    assert.deepEqual(
      peek(FRAME, 2 * FRAME, () => CONTINUE),
      { seen: ['b'], position: 2 * FRAME },
    );
    assert.equal(image.position, 0);
    assert.equal(log.readPosition, 0);
    image.position = 2 * FRAME;
    assert.equal(log.readPosition, 2 * FRAME);
    assert.equal(
      image.poll(() => {}, 10),
      1,
    );
  });

  test('returns where whole messages end, whatever ended it', () => {
    log.publish('a', LONG, 'z');
    const longEnd = FRAME + 5 * 1_408 + 1_152;
    assert.equal(peek(0, FRAME + 1_408, () => CONTINUE).position, FRAME);
    assert.equal(peek(0, 2 ** 40, (text) => (text === 'z' ? ABORT : CONTINUE)).position, longEnd);
    assert.equal(peek(0, 2 ** 40, (text) => (text === '1376' ? BREAK : CONTINUE)).position, FRAME);
    assert.equal(peek(0, 2 ** 40, () => BREAK).position, FRAME);
  });

  test('skips padding and ends with the term', () => {
    log.close();
    open(TERM_LENGTH - FRAME - 32);
    log.publish('a');
    assert.ok(log.appender.append(Buffer.alloc(100), 0, 100, null) < 0);
    const result = peek(TERM_LENGTH - FRAME - 32, 2 ** 40, () => CONTINUE);
    assert.deepEqual(result, { seen: ['a'], position: TERM_LENGTH });
  });

  test('refuses positions it cannot be at', () => {
    log.publish('a', 'b');
    image.poll(() => {}, 1);
    for (const position of [0, FRAME + 1, TERM_LENGTH + 32, Number.NaN]) {
      assert.throws(() => peek(position, 2 ** 40, () => CONTINUE), RangeError);
      assert.throws(() => {
        image.position = position;
      }, RangeError);
    }
    image.internalClose();
    assert.equal(peek(0, 2 ** 40, () => CONTINUE).position, 0);
    image.position = 12_345;
    assert.equal(image.position, FRAME);
  });
});

describe('Image.position', () => {
  test('can be set to the end of the term, from where reading goes on in the next one', () => {
    log.close();
    open(TERM_LENGTH - FRAME - 32);
    log.publish('a');
    assert.ok(log.appender.append(Buffer.alloc(100), 0, 100, null) < 0);
    log.publish('b');
    image.position = TERM_LENGTH;
    assert.equal(log.readPosition, TERM_LENGTH);
    let received = '';
    image.poll((buffer, offset) => {
      received += String.fromCharCode(buffer[offset]!);
    }, 10);
    assert.equal(received, 'b');
    assert.equal(image.position, TERM_LENGTH + FRAME);
  });
});

describe('Image.blockPoll', () => {
  test('hands over whole frames, as many as fit', () => {
    log.publish('a', 'b', 'c');
    const blocks: number[][] = [];
    const poll = (limit: number) =>
      image.blockPoll((buffer, offset, length, sessionId, termId) => {
        assert.equal(String.fromCharCode(buffer[offset + 32]!), 'abc'[offset / FRAME]);
        blocks.push([offset, length, sessionId, termId]);
      }, limit);
    assert.equal(poll(FRAME - 1), 0);
    assert.equal(poll(3 * FRAME - 1), 2 * FRAME);
    assert.equal(log.readPosition, 2 * FRAME);
    assert.equal(poll(TERM_LENGTH), FRAME);
    assert.equal(poll(TERM_LENGTH), 0);
    assert.deepEqual(blocks, [
      [0, 2 * FRAME, 11, 2_147_483_646],
      [2 * FRAME, FRAME, 11, 2_147_483_646],
    ]);
  });

  test('hands padding over alone, and goes on in the next term', () => {
    log.close();
    open(TERM_LENGTH - FRAME - 32);
    log.publish('a');
    assert.ok(log.appender.append(Buffer.alloc(100), 0, 100, null) < 0);
    log.publish('b');
    const lengths: number[] = [];
    const poll = () =>
      image.blockPoll((_buffer, _offset, length, _sessionId, termId) => lengths.push(length, termId), 4_096);
    while (poll() > 0);
    assert.deepEqual(lengths, [FRAME, 2_147_483_646, 32, 2_147_483_646, FRAME, 2_147_483_647]);
    assert.equal(image.position, TERM_LENGTH + FRAME);
  });

  test('counts a block as read whose handler throws', () => {
    log.publish('a');
    assert.throws(
      () =>
        image.blockPoll(() => {
          throw new Error('in handler');
        }, 100),
      /in handler/,
    );
    assert.equal(
      image.blockPoll(() => assert.fail(), 100),
      0,
    );
    assert.equal(log.readPosition, FRAME);
  });

  test('names the file and the place in it', () => {
    log.close();
    open(TERM_LENGTH + 96);
    log.publish('hello');
    const fileBytes = Buffer.alloc(FRAME);
    let file = -1;
    const length = image.filePoll((fd, fileOffset, buffer, offset, blockLength) => {
      file = fd;
      assert.equal(readSync(fd, fileBytes, 0, blockLength, fileOffset), FRAME);
      assert.deepEqual(fileBytes, Buffer.from(buffer.subarray(offset, offset + blockLength)));
    }, 4_096);
    assert.equal(length, FRAME);
    assert.equal(fileBytes.toString('latin1', 32, 37), 'hello');
    image.internalClose();
    assert.throws(() => readSync(file, fileBytes, 0, 1, 0), /EBADF/);
    assert.equal(
      image.filePoll(() => {}, 4_096),
      0,
    );
  });
});

describe('assemblers', () => {
  test('of one image deliver whole messages', () => {
    const seen: number[] = [];
    const assembler = new ImageFragmentAssembler((buffer, offset, length, header) => {
      if (length > 1) assert.deepEqual(Buffer.from(buffer.subarray(offset, offset + length)), LONG);
      seen.push(length, header.position);
    });
    log.publish('a', LONG, LONG, 'b');
    while (image.poll(assembler.handler, 2) > 0);
    const end = FRAME + 5 * 1_408 + 1_152;
    assert.deepEqual(seen, [1, FRAME, 8_000, end, 8_000, 2 * end - FRAME, 1, 2 * end]);
    log.publish(LONG);
    image.poll(assembler.handler, 2);
    assembler.clear();
    while (image.poll(assembler.handler, 10) > 0);
    assert.equal(seen.length, 8);
  });

  for (const [name, Assembler] of [
    ['controlled', ControlledFragmentAssembler],
    ['controlled, of one image', ImageControlledFragmentAssembler],
  ] as const) {
    test(`${name}: a message that was aborted comes again, whole`, () => {
      const script: ControlledPollAction[] = [ABORT, CONTINUE, ABORT, ABORT, BREAK, CONTINUE];
      const seen: number[] = [];
      const assembler = new Assembler((buffer, offset, length, header) => {
        if (length > 1) assert.deepEqual(Buffer.from(buffer.subarray(offset, offset + length)), LONG);
        seen.push(length, header.position);
        return script.shift()!;
      });
      log.publish('a', LONG, 'b');
      for (let i = 0; i < 6; i++) image.controlledPoll(assembler.handler, 100);
      const end = FRAME + 5 * 1_408 + 1_152;
      assert.deepEqual(seen, [1, FRAME, 1, FRAME, 8_000, end, 8_000, end, 8_000, end, 1, end + FRAME]);
      assert.equal(log.readPosition, end + FRAME);
    });
  }
});
