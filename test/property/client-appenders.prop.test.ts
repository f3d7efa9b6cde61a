import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BufferClaim } from '../../src/client/buffer-claim.ts';
import { ConcurrentAppender } from '../../src/client/concurrent-appender.ts';
import { ExclusiveAppender } from '../../src/client/exclusive-appender.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { ADMIN_ACTION, BACK_PRESSURED } from '../../src/client/offer-result.ts';
import { TestLog } from '../support/client-logs.ts';

const TERM_LENGTH = 65_536;
const MAX_MESSAGE = TERM_LENGTH / 8;
const SOURCE = Buffer.from(Array.from({ length: 2 * MAX_MESSAGE }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

type Step =
  | { readonly kind: 'offer'; readonly offset: number; readonly length: number }
  | { readonly kind: 'claim'; readonly offset: number; readonly share: number; readonly abort: boolean }
  | { readonly kind: 'poll'; readonly limit: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('offer' as const),
        offset: fc.nat(MAX_MESSAGE),
        length: fc.oneof(fc.nat(MAX_MESSAGE), fc.nat(100)),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('claim' as const),
        offset: fc.nat(MAX_MESSAGE),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
        abort: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('poll' as const), limit: fc.integer({ min: 1, max: 50 }) }),
    },
  ),
  { minLength: 1, maxLength: 120 },
);

const align = (length: number) => Math.ceil(length / 32) * 32;

/** What the log must do, told in a few lines: where a message ends, or why it cannot be taken. */
class Model {
  position: number;
  readonly messages: Buffer[] = [];
  private readonly maxPayload: number;

  constructor(startPosition: number, mtu: number) {
    this.position = startPosition;
    this.maxPayload = mtu - 32;
  }

  append(payload: Buffer, limit: number): number {
    if (this.position >= limit) return BACK_PRESSURED;
    let required = 0;
    for (let rest = payload.length; ; rest -= this.maxPayload) {
      required += align(Math.min(rest, this.maxPayload) + 32);
      if (rest <= this.maxPayload) break;
    }
    const left = TERM_LENGTH - (this.position % TERM_LENGTH);
    if (this.position > 0 && left === TERM_LENGTH && !this.hasRotated) {
      this.hasRotated = true;
      return ADMIN_ACTION;
    }
    if (required > left) {
      this.position += left;
      this.hasRotated = true;
      return ADMIN_ACTION;
    }
    this.hasRotated = false;
    this.position += required;
    this.messages.push(payload);
    return this.position;
  }

  /** A full term is only left when the next message comes: that one is refused once. */
  private hasRotated = true;
}

for (const [name, Appender, isExclusive] of [
  ['ConcurrentAppender', ConcurrentAppender, false],
  ['ExclusiveAppender', ExclusiveAppender, true],
] as const) {
  test(`${name} puts messages where a naive model does, and a reader gets them all in order`, () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 2, max: 100 }).map((n) => 64 * n),
        fc.integer({ min: 0, max: 8_000 }).map((n) => 32 * n),
        fc.integer(),
        (script, mtu, startPosition, initialTermId) => {
          const log = new TestLog({ mtu, startPosition, initialTermId, isExclusive });
          try {
            check(log, new Appender(log.log, log.limit, 11, 22), new Model(startPosition, mtu), script, mtu);
          } finally {
            log.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  });
}

function check(
  log: TestLog,
  appender: ConcurrentAppender | ExclusiveAppender,
  model: Model,
  script: readonly Step[],
  mtu: number,
): void {
  const claim = new BufferClaim();
  const image = log.image();
  const received: Buffer[] = [];
  const positions: number[] = [];
  const assembler = new FragmentAssembler((buffer, offset, length, header) => {
    received.push(Buffer.from(buffer.subarray(offset, offset + length)));
    positions.push(header.position);
    assert.equal(header.flags, 0xc0);
    assert.equal(header.frameLength, length + 32);
  });
  const ends: number[] = [];
  const limit = () => {
    log.limit.load();
    return log.limit.value;
  };
  const expectResult = (result: number, expected: number) => {
    assert.equal(result < 0 ? result : appender.position, expected);
    assert.equal(log.log.producerPosition(), model.position);
  };
  const poll = (fragmentLimit: number) => {
    assert.ok(image.poll(assembler.handler, fragmentLimit) <= fragmentLimit);
    log.advanceLimit();
  };
  for (const step of script) {
    if (step.kind === 'poll') {
      poll(step.limit);
    } else if (step.kind === 'offer') {
      const payload = SOURCE.subarray(step.offset, step.offset + step.length);
      const expected = model.append(payload, limit());
      expectResult(appender.append(SOURCE, step.offset, step.length, null), expected);
      if (expected > 0) ends.push(expected);
    } else {
      const payload = SOURCE.subarray(step.offset, step.offset + Math.floor(step.share * (mtu - 32)));
      const expected = model.append(payload, limit());
      const result = appender.claim(payload.length, claim);
      expectResult(result, expected);
      if (result < 0) continue;
      assert.equal(claim.length, payload.length);
      if (step.abort) {
        claim.abort();
        model.messages.pop();
      } else {
        payload.copy(claim.buffer, claim.offset);
        claim.commit();
        ends.push(expected);
      }
    }
  }
  while (image.position < model.position) poll(1_000);
  assert.deepEqual(received, model.messages);
  assert.deepEqual(positions, ends);
  assert.deepEqual(log.malformed, []);
}
