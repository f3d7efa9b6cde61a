import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import { BufferClaim } from '../../src/client/buffer-claim.ts';
import { ConcurrentAppender } from '../../src/client/concurrent-appender.ts';
import { ExclusiveAppender } from '../../src/client/exclusive-appender.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { ControlledPollAction } from '../../src/client/fragment-handler.ts';
import { ImageControlledFragmentAssembler } from '../../src/client/image-fragment-assembler.ts';
import type { Publication } from '../../src/client/publication.ts';
import { zero } from '../../src/memory/bytes.ts';
import { TestLog } from '../support/client-logs.ts';
import { FakeDriver } from '../support/fake-driver.ts';
import { NOISE_BYTES, runGcGate } from '../support/gc-gate.ts';

const FRAGMENT_LIMIT = 10;
const TERM_LENGTH = 4_194_304;
/** A client looks after its timeouts this often, which boxes a few doubles. */
const SERVICE_INTERVAL_MS = 16;
const SERVICE_BYTES = 256;

/** `spared` is what may be allocated, for a reason, besides {@link NOISE_BYTES}. */
function assertNoGarbage(step: () => void, spared: () => number = () => 0): void {
  const sparedBefore = spared();
  const result = runGcGate({ warmUpMs: 1_000, measureMs: 5_000, step });
  const what = `${result.bytesAllocated} bytes in ${result.steps} steps`;
  assert.equal(result.collections, 0, what);
  assert.ok(result.bytesAllocated < NOISE_BYTES + spared() - sparedBefore, what);
}

for (const isExclusive of [false, true]) {
  const kind = isExclusive ? 'exclusive' : 'concurrent';

  test(`messages through a log make no garbage, ${kind}`, () => {
    // Beyond 2^32, so that positions are no small integers.
    const startPosition = 2 ** 33;
    const log = new TestLog({ isExclusive, startPosition, initialTermId: 0, termLength: TERM_LENGTH });
    const Appender = isExclusive ? ExclusiveAppender : ConcurrentAppender;
    const appender = new Appender(log.log, log.limit, 11, 22);
    log.setLimit(2 ** 52);
    const image = log.image();
    const message = Buffer.alloc(8_000, 1);
    const lengths = [1, 32, 100, 1_376, 5_000];
    // Small integers: a captured variable of another kind would be boxed at every change.
    const assembler = new FragmentAssembler((_buffer, _offset, length) => {
      received = (received + length) | 0;
    });
    const claim = new BufferClaim();
    let received = 0;
    let sent = 0;
    let turn = 0;
    let termCount = log.log.activeTermCount();
    const step = () => {
      if (isExclusive) moveLimit(log);
      const length = lengths[turn]!;
      turn = turn === 4 ? 0 : turn + 1;
      if (appender.append(message, 0, length, null) >= 0) sent = (sent + length) | 0;
      if (appender.claim(64, claim) >= 0) {
        claim.buffer[claim.offset] = 1;
        claim.commit();
        sent = (sent + 64) | 0;
      }
      while (image.poll(assembler.handler, FRAGMENT_LIMIT) > 0);
      if (log.log.activeTermCount() !== termCount) {
        // What was read of the last term is cleaned, as a driver would.
        zero(log.log.region, (termCount % 3) * TERM_LENGTH, TERM_LENGTH);
        termCount = log.log.activeTermCount();
      }
    };
    step();
    assert.ok(sent > 0);
    assertNoGarbage(step);
    assert.equal(received, sent);
    log.close();
  });
}

/**
 * A log with everything that `fill` appends, which is read by `drain` and by a block poll. Positions that go into a call are
 * boxed unless V8 inlines it: so each test has a step of few calls.
 */
function assertWritesAndReadsWithoutGarbage(
  fill: (appender: ExclusiveAppender) => void,
  drain: (image: ReturnType<TestLog['image']>) => void,
): void {
  const startPosition = 2 ** 33;
  const log = new TestLog({ isExclusive: true, startPosition, initialTermId: 0, termLength: TERM_LENGTH });
  const appender = new ExclusiveAppender(log.log, log.limit, 11, 22);
  const image = log.image();
  let received = 0;
  const onBlock = (_buffer: Buffer, _offset: number, length: number) => {
    received = (received + length) | 0;
  };
  let termCount = log.log.activeTermCount();
  const step = () => {
    moveLimit(log);
    fill(appender);
    drain(image);
    while (image.blockPoll(onBlock, 8_192) > 0);
    if (log.log.activeTermCount() !== termCount) {
      zero(log.log.region, (termCount % 3) * TERM_LENGTH, TERM_LENGTH);
      termCount = log.log.activeTermCount();
    }
  };
  step();
  assertNoGarbage(step);
  log.close();
}

const SOME_BYTES = Buffer.alloc(4_000, 1);
const LONG_VECTORS = [SOME_BYTES.subarray(0, 1_000), SOME_BYTES.subarray(1_000, 3_000)];

test('vectors, blocks and block polls make no garbage', () => {
  const short = [SOME_BYTES.subarray(0, 10), SOME_BYTES.subarray(10, 33)];
  const block = frame(64);
  assertWritesAndReadsWithoutGarbage(
    (appender) => {
      appender.appendVectors(short, 33, null);
      appender.appendVectors(LONG_VECTORS, 3_000, null);
      block.writeInt32LE(appender.nextTermOffset, 8);
      block.writeInt32LE(appender.nextTermId, 20);
      if (appender.isNextHeader(block, 0)) appender.appendBlock(block, 0, block.length);
    },
    () => {},
  );
});

describe('controlled', () => {
  let messages = 0;
  const assembler = new ImageControlledFragmentAssembler(() => {
    messages = (messages + 1) | 0;
    return ControlledPollAction.CONTINUE;
  });
  const { handler } = assembler;
  const fill = (appender: ExclusiveAppender) => {
    appender.appendVectors(LONG_VECTORS, 3_000, null);
  };

  test('polls make no garbage', () => {
    assertWritesAndReadsWithoutGarbage(fill, (image) => {
      image.controlledPoll(handler, FRAGMENT_LIMIT);
    });
    assert.ok(messages > 0);
  });

  test('polls up to a position make no garbage', () => {
    assertWritesAndReadsWithoutGarbage(fill, (image) => {
      image.boundedControlledPoll(handler, image.position + 2_000, 2);
    });
  });

  test('peeks make no garbage', () => {
    assertWritesAndReadsWithoutGarbage(fill, (image) => {
      image.controlledPeek(image.position, handler, 2 ** 50);
    });
  });
});

/**
 * Half a term beyond the reader. An exclusive appender looks at the low half of the limit alone, which must be less
 * than 2^31 ahead.
 */
function moveLimit({ counters, limit, position }: TestLog): void {
  counters.i32[limit.index] = (counters.i32[position.index]! + TERM_LENGTH / 2) | 0;
}

/** A frame of the test log's stream, but for its place. */
function frame(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeInt32LE(length, 0);
  bytes[5] = 0xc0;
  bytes[6] = 1;
  bytes.writeInt32LE(11, 12);
  bytes.writeInt32LE(22, 16);
  return bytes;
}

test('offer, tryClaim, poll and an idle conductor make no garbage', async () => {
  const driver = new FakeDriver();
  const aeron = await Aeron.connect({ directory: driver.directory, driver, useConductorInvoker: true });
  try {
    const publications: Publication[] = [
      await aeron.addPublication('aeron:ipc', 1),
      await aeron.addExclusivePublication('aeron:ipc', 2),
    ];
    const subscription = await aeron.addSubscription('aeron:ipc', 1);
    for (const sessionId of [1, 2, 3]) driver.addImage(subscription.registrationId, 1, sessionId);
    aeron.doWork();
    assert.equal(subscription.imageCount, 3);
    const message = Buffer.alloc(100);
    const claim = new BufferClaim();
    const handler = () => {};
    const limits = publications.map(({ registrationId }) =>
      driver.counters.findByTypeAndRegistration(1, registrationId),
    );
    const valuesIndex = driver.cnc.countersValues.offset / 4;
    let results = 0;
    let isFirst = true;
    assertNoGarbage(
      () => {
        for (let i = 0; i < 2; i++) {
          // Always held back, after the first time: what follows a message is the other test's.
          if (publications[i]!.offer(message) > 0) results++;
          if (publications[i]!.tryClaim(100, claim) > 0) claim.commit();
          if (isFirst) Atomics.store(driver.cnc.region.i32, valuesIndex + limits[i]! * 32, 64);
        }
        isFirst = false;
        subscription.poll(handler, FRAGMENT_LIMIT);
        aeron.doWork();
        driver.cnc.toDriver.setConsumerHeartbeatMs(1e15);
      },
      () => (performance.now() / SERVICE_INTERVAL_MS) * SERVICE_BYTES,
    );
    assert.equal(results, 2);
  } finally {
    await aeron.close();
    driver.close();
  }
});
