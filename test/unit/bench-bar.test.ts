/** The rows of the bar. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BarRow, barOf } from '../../bench/bar.ts';
import { barTable } from '../../bench/report/tables.ts';
import type { Run } from '../../bench/run.ts';
import { WORKLOADS } from '../../bench/workloads.ts';
import { fakeResult, fakeRun } from '../support/bench-result.ts';

const rate = (workload: string, contestant: string, perSecond: readonly number[]): Run[] =>
  perSecond.map((messages, i) => fakeRun(workload, contestant, i + 1, { messages, elapsedNs: 1e9 }));

function row(runs: readonly Run[], name: RegExp): BarRow {
  const rows = barOf(runs).filter((candidate) => name.test(candidate.name));
  assert.equal(rows.length, 1);
  return rows[0]!;
}

const THROUGHPUT_288 = /throughput, 288 B: DPDK/;

test('should divide medians, and keep the spread of the ratios round by round', () => {
  const ours = rate('throughput-288', 'ours-dpdk', [60, 90, 80]);
  const theirs = rate('throughput-288', 'official-c', [10, 30, 20]);
  const { value, spread, met, aimMet } = row([...ours, ...theirs], THROUGHPUT_288);
  assert.equal(value, 4);
  assert.deepEqual(spread, { median: 4, min: 3, max: 6 });
  assert.deepEqual([met, aimMet], [false, false]);
});

test('should leave out the round of a run that failed', () => {
  const failed: Run = { ...fakeRun('throughput-288', 'ours-dpdk', 1, {}), failure: 'no', measured: null };
  const ours = [failed, ...rate('throughput-288', 'ours-dpdk', [0, 90, 80]).slice(1)];
  const theirs = rate('throughput-288', 'official-c', [10, 10, 10]);
  const { value, spread, met, aimMet } = row([...ours, ...theirs], THROUGHPUT_288);
  assert.equal(value, 8.5);
  assert.deepEqual(spread, { median: 8.5, min: 8, max: 9 });
  assert.deepEqual([met, aimMet], [true, false]);
});

test('should take bounds of round trips as upper bounds', () => {
  const at = (contestant: string, ns: number): Run =>
    fakeRun('round-trip', contestant, 1, { histogram: [[ns, 1000]] });
  const p50 = (ns: number): BarRow =>
    row([at('ours-dpdk', ns), at('official-c', 10_000)], /p50: DPDK wire \//);
  assert.equal(p50(1500).direction, 'lower');
  assert.deepEqual([p50(1500).met, p50(1500).aimMet], [true, true]);
  assert.deepEqual([p50(3000).met, p50(3000).aimMet], [true, false]);
  assert.deepEqual([p50(3001).met, p50(3001).aimMet], [false, false]);
});

test('should have no value, and miss, where a contestant did not run', () => {
  for (const { value, spread, met, aimMet, name } of barOf(rate('throughput-288', 'ours-dpdk', [1]))) {
    assert.deepEqual(
      { value, spread, met, aimMet },
      { value: null, spread: null, met: false, aimMet: false },
      name,
    );
  }
});

test('should count the worst run of those that last a minute as garbage collections, ours only', () => {
  const steady = (workload: string, contestant: string, gcCount: number): Run =>
    fakeRun(workload, contestant, 1, { gcCount });
  const runs = [
    steady('steady-ipc', 'ours-kernel', 0),
    steady('tail-100k', 'ours-dpdk', 2),
    steady('tail-100k', 'raw-dpdk', 9),
    steady('throughput-288', 'ours-dpdk', 7),
  ];
  const { value, met } = row(runs, /garbage/);
  assert.deepEqual([value, met], [2, false]);
  assert.equal(row(runs.slice(0, 1), /garbage/).met, true);
});

test('should count full speed from the start of the processes', () => {
  const samples = [1, 5, 10, 10, 10, 10];
  const runs = [fakeRun('cold-start', 'ours-dpdk', 1, { windowMs: 700, samples, driverStartMs: 250 })];
  assert.equal(row(runs, /full speed/).value, 1);
  assert.equal(row(runs, /driver start/).value, 250);
});

test('should find every figure of the bar in a full run, whose workloads are the ones there are', () => {
  const { bar } = fakeResult(2, 1);
  assert.deepEqual(
    bar.filter(({ value }) => value === null),
    [],
  );
  assert.equal(barTable(bar).rows.length, bar.length);
  assert.equal(new Set(WORKLOADS.map(({ name }) => name)).size, WORKLOADS.length);
});
