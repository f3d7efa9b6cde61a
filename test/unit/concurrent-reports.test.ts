import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import {
  DistinctErrorLog,
  type ErrorObservation,
  readErrorLog,
} from '../../src/concurrent/distinct-error-log.ts';
import { type LossObservation, LossReport, readLossReport } from '../../src/concurrent/loss-report.ts';
import { Queue } from '../../src/concurrent/queue.ts';
import { Region } from '../../src/memory/region.ts';

const OFFSET = 16;

function errorsIn(region: Region, length: number): ErrorObservation[] {
  const observations: ErrorObservation[] = [];
  const count = readErrorLog(region, OFFSET, length, (observation) => observations.push(observation));
  assert.equal(count, observations.length);
  return observations;
}

function lossesIn(region: Region): LossObservation[] {
  const observations: LossObservation[] = [];
  const count = readLossReport(region, (observation) => observations.push(observation));
  assert.equal(count, observations.length);
  return observations;
}

/** What the reports take the time from. */
const clock = new SimulatedClock();

test('the same error is counted, another one is added', () => {
  const region = Region.allocate(OFFSET + 512);
  const log = new DistinctErrorLog(region, OFFSET, 512);
  assert.equal(log.record(1, 'no route', 1000.9), true);
  assert.equal(log.record(2, 'no route', 2000), true);
  assert.equal(log.record(1, 'no route', 3000), true);
  assert.deepEqual(errorsIn(region, 512), [
    { observationCount: 2, firstObservationMs: 1000, lastObservationMs: 3000, text: '(1) no route' },
    { observationCount: 1, firstObservationMs: 2000, lastObservationMs: 2000, text: '(2) no route' },
  ]);
});

test('an error record lies in memory as official readers expect it', () => {
  const region = Region.allocate(OFFSET + 512);
  new DistinctErrorLog(region, OFFSET, 512).record(11, 'a ü', 5);
  const record = region.bytes.toString('hex', OFFSET, OFFSET + 40);
  const text = Buffer.from('(11) a ü').toString('hex').padEnd(32, '0');
  assert.equal(record, `210000000100000005000000000000000500000000000000${text}`);
});

test('a full error log takes known errors only, and writes nothing outside', () => {
  const region = Region.allocate(OFFSET + 128);
  region.bytes.fill(0xee, OFFSET + 72);
  const log = new DistinctErrorLog(region, OFFSET, 72);
  assert.equal(log.record(1, 'x'.repeat(8), 1), true);
  assert.equal(log.record(2, 'y'.repeat(8), 1), false, 'a record needs 36 bytes, 32 are left');
  assert.equal(log.record(1, 'x'.repeat(8), 2), true);
  assert.equal(errorsIn(region, 72)[0]!.observationCount, 2);
  assert.ok(region.bytes.subarray(OFFSET + 72).every((byte) => byte === 0xee));
});

test('an error log with impossible lengths ends there', () => {
  const region = Region.allocate(OFFSET + 512);
  const log = new DistinctErrorLog(region, OFFSET, 512);
  log.record(1, 'good', 1);
  log.record(2, 'bad', 1);
  for (const length of [1, 23, 10_000, -8]) {
    region.view.setInt32(OFFSET + 32, length, true);
    assert.deepEqual(
      errorsIn(region, 512).map(({ text }) => text),
      ['(1) good'],
    );
  }
});

test('a loss entry lies in memory as official readers expect it', () => {
  const region = Region.allocate(4096);
  const report = new LossReport(region, clock);
  clock.epochMs = 5.5;
  assert.equal(report.createEntry(1024, -7, 1001, 'aeron:udp', '1.2.3.4:5'), 0);
  const expected = Buffer.alloc(128);
  expected.writeBigInt64LE(1n, 0);
  expected.writeBigInt64LE(1024n, 8);
  expected.writeBigInt64LE(5n, 16);
  expected.writeBigInt64LE(5n, 24);
  expected.writeInt32LE(-7, 32);
  expected.writeInt32LE(1001, 36);
  expected.writeInt32LE(9, 40);
  expected.write('aeron:udp', 44);
  expected.writeInt32LE(9, 56);
  expected.write('1.2.3.4:5', 60);
  assert.deepEqual(Buffer.from(region.bytes.subarray(0, 128)), expected);
});

test('losses of a stream add up in its entry', () => {
  const region = Region.allocate(4096);
  const report = new LossReport(region, clock);
  clock.epochMs = 1000;
  const first = report.createEntry(32, 1, 2, 'aeron:udp?endpoint=a:1', 'b:2');
  clock.epochMs = 2000;
  const second = report.createEntry(64, 3, 4, 'c', 'd');
  assert.equal(second, 128);
  clock.epochMs = 3000;
  report.recordObservation(first, 2 ** 33);
  assert.deepEqual(lossesIn(region), [
    {
      observationCount: 2,
      bytesLost: 2 ** 33 + 32,
      firstObservationMs: 1000,
      lastObservationMs: 3000,
      sessionId: 1,
      streamId: 2,
      channel: 'aeron:udp?endpoint=a:1',
      source: 'b:2',
    },
    {
      observationCount: 1,
      bytesLost: 64,
      firstObservationMs: 2000,
      lastObservationMs: 2000,
      sessionId: 3,
      streamId: 4,
      channel: 'c',
      source: 'd',
    },
  ]);
});

test('a full loss report takes no more streams', () => {
  const region = Region.allocate(128);
  const report = new LossReport(region, clock);
  clock.epochMs = 1;
  assert.equal(report.createEntry(1, 1, 1, 'a', 'b'), 0);
  clock.epochMs = 1;
  assert.equal(report.createEntry(1, 1, 1, 'a'.repeat(40), 'b'), -1);
  clock.epochMs = 1;
  assert.equal(report.createEntry(1, 1, 1, 'a', 'b'), 64);
  clock.epochMs = 1;
  assert.equal(report.createEntry(1, 1, 1, 'a', 'b'), -1);
  assert.equal(lossesIn(region).length, 2);
});

test('several writers of a loss report take different entries', () => {
  const region = Region.allocate(256);
  const tail = new Int32Array(new SharedArrayBuffer(4));
  const reports = [new LossReport(region, clock, tail), new LossReport(region, clock, tail)] as const;
  const entries: number[] = [];
  for (const i of [0, 1, 1, 0] as const) {
    clock.epochMs = 1;
    entries.push(reports[i].createEntry(i + 1, 1, 1, 'a', 'b'));
  }
  assert.deepEqual(entries, [0, 64, 128, 192]);
  assert.deepEqual(
    lossesIn(region).map(({ bytesLost }) => bytesLost),
    [1, 2, 2, 1],
  );
});

test('a loss report with impossible lengths ends there', () => {
  const region = Region.allocate(256);
  const report = new LossReport(region, clock);
  clock.epochMs = 1;
  report.createEntry(1, 1, 1, 'a', 'b');
  for (const length of [-1, 1000, 2147483647]) {
    region.view.setInt32(40, length, true);
    assert.deepEqual(lossesIn(region), []);
  }
  region.view.setInt32(40, 1, true);
  for (const length of [-1, 1000, 2147483647]) {
    region.view.setInt32(48, length, true);
    assert.deepEqual(lossesIn(region), []);
  }
});

test('a queue gives back what it took, in order, up to its capacity', () => {
  const queue = new Queue<number>(3);
  const model: number[] = [];
  let next = 0;
  for (const step of [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0]) {
    if (step === 1) {
      const isTaken = model.length < 3;
      assert.equal(queue.offer(next), isTaken);
      if (isTaken) model.push(next);
      next++;
    } else {
      assert.equal(queue.poll(), model.shift() ?? null);
    }
    assert.equal(queue.size, model.length);
    assert.equal(queue.isEmpty, model.length === 0);
  }
});
