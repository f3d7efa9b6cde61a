import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { NEIGHBOUR_LIFETIME_NS, NeighbourCache } from '../../src/net/neighbour-cache.ts';

const ADDRESS = 0x0a000002;

let clock: SimulatedClock;
let cache: NeighbourCache;

beforeEach(() => {
  clock = new SimulatedClock();
  cache = new NeighbourCache(clock);
});

test('asks for a wanted neighbour once a second until it answers', () => {
  const entry = cache.locate(ADDRESS);
  assert.equal(cache.isResolved(entry), false);
  assert.equal(cache.takeRequest(entry), true);
  clock.advanceNs(0.999e9);
  assert.equal(cache.takeRequest(entry), false);
  assert.equal(cache.isSilent(entry), false);
  clock.advanceNs(0.001e9);
  assert.equal(cache.takeRequest(entry), true);
  assert.equal(cache.isSilent(entry), true);

  assert.equal(cache.learn(ADDRESS, 0x0200, 7), true);
  assert.equal(cache.locate(ADDRESS), entry);
  assert.equal(cache.isResolved(entry), true);
  assert.equal(cache.isSilent(entry), false);
  assert.equal(cache.macHigh(entry), 0x0200);
  assert.equal(cache.macLow(entry), 7);
  clock.advanceNs(2e9);
  assert.equal(cache.takeRequest(entry), false);
});

test('asks again before an entry ages, and forgets it after 60 s without an answer', () => {
  const entry = cache.locate(ADDRESS);
  cache.learn(ADDRESS, 0x0200, 7);
  clock.advanceNs(44e9);
  assert.equal(cache.takeRequest(entry), false);
  clock.advanceNs(1e9);
  assert.equal(cache.takeRequest(entry), true);
  assert.equal(cache.takeRequest(entry), false);
  clock.advanceNs(NEIGHBOUR_LIFETIME_NS - 45e9);
  assert.equal(cache.isResolved(cache.locate(ADDRESS)), true);
  const version = cache.version;
  clock.advanceNs(1);
  assert.equal(cache.isResolved(cache.locate(ADDRESS)), false);
  assert.notEqual(cache.version, version);
});

test('learns nothing of addresses that nobody asked for', () => {
  assert.equal(cache.learn(ADDRESS, 0x0200, 7), false);
  assert.equal(cache.size, 0);
});

test('keeps 256 neighbours and gives up unresolved ones first', () => {
  for (let i = 0; i < 256; i++) {
    cache.locate(i + 1);
    if (i !== 100 && i !== 150) cache.learn(i + 1, 0x0200, i);
    clock.advanceNs(1);
  }
  cache.locate(1000);
  assert.equal(cache.evictedCount, 1);
  assert.equal(cache.learn(101, 0x0200, 0), false, 'the unresolved entry that waited longest is gone');
  assert.equal(cache.learn(151, 0x0200, 0), true);
  assert.equal(cache.learn(1000, 0x0200, 0), true);

  cache.locate(2000);
  assert.equal(cache.learn(1, 0x0200, 0), false, 'when all are resolved, the one confirmed first goes');
  for (let i = 1; i < 256; i++) {
    if (i !== 100) assert.equal(cache.macHigh(cache.locate(i + 1)), 0x0200);
  }
  assert.equal(cache.size, 256);
});
