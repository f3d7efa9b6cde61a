import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { fillGap } from '../../src/logbuffer/gap-filler.ts';
import { GapScanner } from '../../src/logbuffer/gap-scanner.ts';
import { LogBuffers } from '../../src/logbuffer/log-buffers.ts';
import { TermScanner } from '../../src/logbuffer/term-scanner.ts';
import { unblock } from '../../src/logbuffer/term-unblocker.ts';

const directory = mkdtempSync('/dev/shm/aeron-bypass-scan-');
const TERM_LENGTH = 65536;
const INITIAL_TERM_ID = 0x7fffffff;
const log = LogBuffers.create(`${directory}/log`, {
  logType: 'concurrentPublication',
  registrationId: 1,
  sessionId: 17,
  streamId: 1001,
  initialTermId: INITIAL_TERM_ID,
  termLength: TERM_LENGTH,
  mtu: 1408,
});
after(() => {
  log.close();
  rmSync(directory, { recursive: true });
});

type Frame = { readonly length: number; readonly kind: 'data' | 'pad' | 'claimed' | 'free' };

const frame: fc.Arbitrary<Frame> = fc.record({
  length: fc.integer({ min: 32, max: 400 }),
  kind: fc.constantFrom('data', 'data', 'data', 'pad', 'claimed', 'free'),
});
const frames = fc.array(frame, { maxLength: 20 });
const partitions = fc.integer({ min: 0, max: 2 });

/** Lays frames end to end into an empty term, the last ending at its end when asked. Returns their offsets. */
function layOut(
  partition: number,
  list: readonly Frame[],
  atEnd = false,
): { offsets: number[]; end: number } {
  const { i32, bytes } = log.region;
  bytes.fill(0, 0, 3 * TERM_LENGTH);
  const total = list.reduce((sum, { length }) => sum + align(length), 0);
  let offset = atEnd ? TERM_LENGTH - total : 0;
  const offsets: number[] = [];
  for (const { length, kind } of list) {
    const index = (log.termStart(partition) + offset) >> 2;
    offsets.push(offset);
    if (kind !== 'free') {
      i32[index] = kind === 'claimed' ? -length : length;
      i32[index + 1] = kind === 'pad' ? 0xc000 : 0x1c000;
    }
    offset += align(length);
  }
  return { offsets, end: offset };
}

function align(length: number): number {
  return Math.ceil(length / 32) * 32;
}

test('the term scanner takes whole committed frames up to a limit and stops at padding', () => {
  const scanner = new TermScanner();
  fc.assert(
    fc.property(
      frames,
      partitions,
      fc.integer({ min: 1, max: 44 }),
      fc.boolean(),
      (list, partition, limit32, atEnd) => {
        const { offsets, end } = layOut(partition, list, atEnd);
        const from = offsets[0] ?? 0;
        const maxLength = Math.min(limit32 * 32, TERM_LENGTH - from);
        let available = 0;
        let padding = 0;
        for (const { length, kind } of list) {
          if (kind === 'free' || kind === 'claimed' || available === maxLength) break;
          const sent = kind === 'pad' ? 32 : align(length);
          if (available + sent > maxLength) {
            if (available === 0) available = -sent;
            break;
          }
          available += sent;
          if (kind === 'pad') padding = align(length) - 32;
          if (padding > 0) break;
        }
        assert.equal(scanner.scan(log.region.i32, log.termStart(partition), from, maxLength), available);
        assert.equal(scanner.available, available);
        assert.equal(scanner.padding, padding);
        assert.ok(end <= TERM_LENGTH);
      },
    ),
    { numRuns: 1500 },
  );
});

test('the gap scanner finds the first hole and its end', () => {
  const scanner = new GapScanner();
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          length: fc.integer({ min: 32, max: 400 }),
          kind: fc.constantFrom<Frame['kind']>('data', 'pad', 'free'),
        }),
        { maxLength: 20 },
      ),
      partitions,
      fc.integer({ min: 0, max: 40 }),
      (list, partition, beyond) => {
        const { end } = layOut(partition, list);
        const limit = end + beyond * 32;
        // The model is a map of 32-byte slots: a frame's first slot says that it is there.
        let whole = 0;
        let gapEnd = 0;
        let offset = 0;
        let state: 'whole' | 'gap' | 'after' = 'whole';
        for (const { length, kind } of [...list, { length: beyond * 32, kind: 'free' as const }]) {
          if (state === 'whole' && kind !== 'free') whole = offset + align(length);
          else if (state === 'whole') state = 'gap';
          else if (state === 'gap' && kind !== 'free') state = 'after';
          offset += align(length);
          if (state === 'gap') gapEnd = offset;
        }
        const rebuilt = scanner.scan(log.region.i32, log.termStart(partition), 0, limit);
        assert.equal(rebuilt, whole);
        assert.equal(scanner.gapLength, Math.max(0, gapEnd - whole));
        if (scanner.gapLength > 0) assert.equal(scanner.gapOffset, whole);
      },
    ),
    { numRuns: 1500 },
  );
});

test('filling a gap makes one padding frame, unless data arrived in it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 1, max: 50 }),
      fc.option(fc.nat(), { nil: null }),
      (termCount, offset32, length32, arrival) => {
        const { i32, bytes } = log.region;
        bytes.fill(0, 0, 3 * TERM_LENGTH);
        const termId = (INITIAL_TERM_ID + termCount) | 0;
        const start = log.termStart(termCount % 3) + offset32 * 32;
        if (arrival !== null) i32[(start + (arrival % length32) * 32) >> 2] = 32;
        const before = Buffer.from(bytes.subarray(0, 3 * TERM_LENGTH));
        const isFilled = fillGap(log, termId, offset32 * 32, length32 * 32);
        assert.equal(isFilled, arrival === null);
        if (isFilled) {
          const header = Buffer.alloc(32);
          header.writeInt32LE(length32 * 32, 0);
          header[5] = 0xc0;
          header.writeInt32LE(offset32 * 32, 8);
          header.writeInt32LE(17, 12);
          header.writeInt32LE(1001, 16);
          header.writeInt32LE(termId, 20);
          before.set(header, start);
        }
        assert.equal(Buffer.compare(before, bytes.subarray(0, 3 * TERM_LENGTH)), 0);
      },
    ),
    { numRuns: 300 },
  );
});

/** Puts the log in term `termCount` with a tail at `tailOffset`; the other tails are as rotation left them. */
function setTail(termCount: number, tailOffset: number): void {
  const { i32 } = log.region;
  for (let i = 0; i < 3; i++) {
    const termId = (INITIAL_TERM_ID + termCount + (i === 0 ? 0 : i - 3)) | 0;
    const tail = log.rawTailIndex((termCount + i) % 3);
    i32[tail] = i === 0 ? tailOffset : TERM_LENGTH;
    i32[tail + 1] = termId;
  }
  i32[log.activeTermCountIndex] = termCount;
}

test('the unblocker pads what was claimed and abandoned, and nothing that may still be written', () => {
  fc.assert(
    fc.property(
      frames,
      fc.integer({ min: 0, max: 5 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 3 }),
      (list, termCount, atEnd, overrun) => {
        const partition = termCount % 3;
        const { offsets, end } = layOut(partition, list, atEnd);
        setTail(termCount, end + (atEnd && end === TERM_LENGTH ? overrun * 32 : 0));
        // Consumers stop at the first frame that is not committed.
        const first = list.findIndex(({ kind }) => kind === 'free' || kind === 'claimed');
        const blockedOffset = first < 0 ? end : offsets[first]!;
        if (blockedOffset === TERM_LENGTH) return;
        let next = first;
        while (next >= 0 && next < list.length && list[next]!.kind === 'free') next++;
        const holeEnd = next < 0 || next === list.length ? end : offsets[next]!;
        const isClaimed = first >= 0 && list[first]!.kind === 'claimed';
        const isFollowed = first >= 0 && next < list.length;
        const isToEnd = first >= 0 && !isFollowed && end === TERM_LENGTH;

        const isUnblocked = unblock(log, termCount * TERM_LENGTH + blockedOffset);
        assert.equal(isUnblocked, isClaimed || isFollowed || isToEnd);
        const index = (log.termStart(partition) + blockedOffset) >> 2;
        if (isUnblocked) {
          const expected = isClaimed ? list[first]!.length : holeEnd - blockedOffset;
          assert.equal(log.region.i32[index], expected);
          assert.equal(log.region.i32[index + 1], 0xc000);
          assert.equal(log.region.i32[index + 2], blockedOffset);
          assert.equal(log.region.i32[index + 5], (INITIAL_TERM_ID + termCount) | 0);
        }
        assert.equal(log.activeTermCount(), isToEnd ? termCount + 1 : termCount);
      },
    ),
    { numRuns: 1500 },
  );
});

test('the unblocker rotates for a publisher that filled a term and died', () => {
  log.region.bytes.fill(0, 0, 3 * TERM_LENGTH);
  setTail(4, TERM_LENGTH + 64);
  assert.equal(unblock(log, 5 * TERM_LENGTH), true);
  assert.equal(log.activeTermCount(), 5);
  assert.equal(log.producerPosition(), 5 * TERM_LENGTH);
  assert.equal(unblock(log, 5 * TERM_LENGTH), false);
});
