import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Aeron } from '../../src/client/aeron.ts';
import type { ExclusivePublication } from '../../src/client/exclusive-publication.ts';
import { ADMIN_ACTION, BACK_PRESSURED, CLOSED } from '../../src/client/offer-result.ts';
import type { Publication } from '../../src/client/publication.ts';
import {
  FAKE_INITIAL_TERM_ID,
  FAKE_SESSION_ID,
  FAKE_TERM_LENGTH,
  FakeDriver,
} from '../support/fake-driver.ts';

const CHANNEL = 'aeron:ipc';
const STREAM_ID = 7;
const BYTES = Buffer.from(Array.from({ length: 8_192 }, (_, i) => (i * 7) & 0xff));

let driver: FakeDriver;
let aeron: Aeron;

beforeEach(async () => {
  driver = new FakeDriver();
  aeron = await Aeron.connect({ directory: driver.directory, driver, useConductorInvoker: true });
});
afterEach(async () => {
  await aeron.close();
  driver.close();
});

const logOf = (publication: Publication) => driver.logs.get(publication.originalRegistrationId)!.region;

/** The frames from a term offset on: flags, reserved value and payload. */
function framesOf(publication: Publication, termOffset = 0) {
  const { view, bytes } = logOf(publication);
  const frames: { flags: number; reservedValue: bigint; payload: Buffer }[] = [];
  for (let at = termOffset; view.getInt32(at, true) > 0; ) {
    const length = view.getInt32(at, true);
    frames.push({
      flags: view.getUint8(at + 5),
      reservedValue: view.getBigInt64(at + 24, true),
      payload: Buffer.from(bytes.subarray(at + 32, at + length)),
    });
    at += (length + 31) & ~31;
  }
  return frames;
}

function setLimit(publication: Publication, position: number): void {
  const counterId = driver.counters.findByTypeAndRegistration(1, publication.registrationId);
  driver.counters.setValue(counterId, position);
}

for (const kind of ['addPublication', 'addExclusivePublication'] as const) {
  describe(`offerVectors, ${kind}`, () => {
    let publication: Publication;
    beforeEach(async () => {
      publication = await aeron[kind](CHANNEL, STREAM_ID);
      setLimit(publication, FAKE_TERM_LENGTH);
    });

    test('sends the bytes of all vectors as one message', () => {
      const vectors = [BYTES.subarray(0, 5), new Uint8Array(0), BYTES.subarray(5, 6), BYTES.subarray(6, 50)];
      assert.equal(publication.offerVectors(vectors), 96);
      assert.deepEqual(framesOf(publication), [
        { flags: 0xc0, reservedValue: 0n, payload: BYTES.subarray(0, 50) },
      ]);
      assert.equal(publication.offerVectors([]), 128);
      assert.equal(publication.position, 128);
    });

    test('splits messages wherever the vectors end', () => {
      const maxPayload = publication.maxPayloadLength;
      for (const cuts of [[1], [maxPayload], [maxPayload - 1, maxPayload + 1], [10, 20, 3_000, 3_001]]) {
        for (const length of [maxPayload + 1, 2 * maxPayload, 4_000]) {
          const ends = [...cuts.filter((cut) => cut < length), length];
          const vectors = ends.map((end, i) => BYTES.subarray(i === 0 ? 0 : ends[i - 1], end));
          const start = publication.position;
          assert.ok(publication.offerVectors(vectors, 9n) > 0);
          const frames = framesOf(publication, start);
          const payload = Buffer.concat(frames.map((frame) => frame.payload));
          assert.deepEqual(payload, BYTES.subarray(0, length), `${cuts} of ${length}`);
          assert.deepEqual(
            frames.map(({ flags }) => flags),
            frames.map((_, i) => (i === 0 ? 0x80 : 0) | (i === frames.length - 1 ? 0x40 : 0)),
          );
          assert.ok(frames.every(({ reservedValue }) => reservedValue === 9n));
        }
      }
    });

    test('asks a supplier for the reserved value of each frame, once it is written', () => {
      const checksums: bigint[] = [];
      const supplier = (term: Buffer, termOffset: number, frameLength: number): bigint => {
        let sum = 0;
        for (let i = 32; i < frameLength; i++) sum += term[termOffset + i]!;
        checksums.push(BigInt(sum));
        return BigInt(sum);
      };
      const { maxPayloadLength } = publication;
      assert.ok(publication.offerVectors([BYTES.subarray(0, maxPayloadLength + 10)], supplier) > 0);
      assert.ok(publication.offer(BYTES, 3, 10, supplier) > 0);
      assert.ok(publication.offer(BYTES, 0, maxPayloadLength + 10, supplier) > 0);
      const frames = framesOf(publication);
      assert.equal(frames.length, 5);
      assert.deepEqual(
        frames.map(({ reservedValue }) => reservedValue),
        checksums,
      );
      for (const { payload, reservedValue } of frames) {
        assert.equal(
          Number(reservedValue),
          payload.reduce((sum, byte) => sum + byte, 0),
        );
      }
    });

    test('is held back, closed and limited as offer', () => {
      setLimit(publication, 64);
      assert.equal(publication.offerVectors([BYTES.subarray(0, 32)]), 64);
      driver.logs.get(publication.originalRegistrationId)!.setConnected(true);
      assert.equal(publication.offerVectors([BYTES]), BACK_PRESSURED);
      assert.throws(() => publication.offerVectors([BYTES, BYTES]), /message of 16384 bytes/);
      publication.close();
      assert.equal(publication.offerVectors([BYTES]), CLOSED);
    });
  });
}

describe('offerBlock', () => {
  let publication: ExclusivePublication;
  beforeEach(async () => {
    publication = await aeron.addExclusivePublication(CHANNEL, STREAM_ID);
    setLimit(publication, 4 * FAKE_TERM_LENGTH);
  });

  /** Frames of the next places of the stream, each of so many bytes of payload. */
  function block(...lengths: number[]): Buffer {
    const frames: Buffer[] = [];
    let { termOffset } = publication;
    for (const length of lengths) {
      const frame = Buffer.alloc((length + 32 + 31) & ~31);
      frame.writeInt32LE(length + 32, 0);
      frame[5] = 0xc0;
      frame.writeUInt16LE(1, 6);
      frame.writeInt32LE(termOffset, 8);
      frame.writeInt32LE(FAKE_SESSION_ID, 12);
      frame.writeInt32LE(STREAM_ID, 16);
      frame.writeInt32LE(publication.termId, 20);
      frame.set(BYTES.subarray(0, length), 32);
      frames.push(frame);
      termOffset += frame.length;
    }
    return Buffer.concat(frames);
  }

  test('puts the frames into the log as they are', () => {
    assert.ok(publication.offer(BYTES, 0, 10) > 0);
    const bytes = block(100, 0, 1_000);
    const padded = Buffer.concat([Buffer.alloc(3), bytes]);
    assert.equal(publication.offerBlock(padded, 3), 64 + bytes.length);
    assert.deepEqual(Buffer.from(logOf(publication).bytes.subarray(64, 64 + bytes.length)), bytes);
    assert.equal(publication.position, 64 + bytes.length);
    assert.equal(
      driver.logs.get(publication.originalRegistrationId)!.producerPosition(),
      publication.position,
    );
  });

  test('fills a term to its end and goes on in the next', () => {
    for (let i = 0; i < 32; i++) {
      const bytes = block(...Array.from({ length: 2 }, () => 1_024 - 32));
      assert.ok(publication.offerBlock(bytes) > 0);
    }
    assert.equal(publication.position, FAKE_TERM_LENGTH);
    assert.equal(publication.termId, FAKE_INITIAL_TERM_ID + 1);
    assert.equal(publication.termOffset, 0);
    assert.equal(publication.offerBlock(block(10)), FAKE_TERM_LENGTH + 64);
    const { view } = logOf(publication);
    assert.equal(view.getInt32(FAKE_TERM_LENGTH, true), 42);
  });

  test('refuses what does not continue the stream', () => {
    const good = block(100);
    for (const at of [0, 6, 7, 8, 12, 16, 20]) {
      const bad = Buffer.from(good);
      bad[at] = at === 0 ? 31 : bad[at]! ^ 1;
      assert.throws(() => publication.offerBlock(bad), /next frame/, `byte ${at}`);
    }
    assert.throws(() => publication.offerBlock(good, 0, 31), /31 bytes/);
    assert.throws(() => publication.offerBlock(good, 0, 48), /48 bytes/);
    assert.throws(() => publication.offerBlock(good, -32), RangeError);
    assert.throws(() => publication.offerBlock(good, 32, good.length), /not in a buffer/);
    assert.throws(() => publication.offerBlock(Buffer.alloc(FAKE_TERM_LENGTH + 32)), /left/);
    assert.equal(publication.position, 0);
    assert.equal(framesOf(publication).length, 0);
  });

  test('is held back and closed as offer', () => {
    setLimit(publication, 0);
    driver.logs.get(publication.originalRegistrationId)!.setConnected(true);
    assert.equal(publication.offerBlock(block(10)), BACK_PRESSURED);
    const bytes = block(10);
    publication.close();
    assert.equal(publication.offerBlock(bytes), CLOSED);
  });
});

describe('ExclusivePublication', () => {
  test('fills what is left of a term by padding', async () => {
    const publication = await aeron.addExclusivePublication(CHANNEL, STREAM_ID);
    assert.equal(publication.appendPadding(100), 160);
    const { view } = logOf(publication);
    assert.deepEqual([view.getInt32(0, true), view.getUint16(6, true)], [132, 0]);
    setLimit(publication, 4 * FAKE_TERM_LENGTH);
    let result = 0;
    while (result >= 0) result = publication.appendPadding(8_000);
    assert.equal(result, ADMIN_ACTION);
    assert.equal(publication.termOffset, 0);
  });

  test('is revoked by close when asked', async () => {
    const publication = await aeron.addExclusivePublication(CHANNEL, STREAM_ID);
    publication.revokeOnClose();
    publication.close();
    driver.doWork();
    assert.deepEqual(
      driver.received('removePublication').map(({ revoke }) => revoke),
      [true],
    );
  });
});
