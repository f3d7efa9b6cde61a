import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NEIGHBOUR_LIFETIME_NS, NeighbourCache } from '../../src/net/neighbour-cache.ts';

const ADDRESS = 0x0a000002;

test('asks for a wanted neighbour once a second until it answers', () => {
  const cache = new NeighbourCache();
  const entry = cache.locate(ADDRESS, 0);
  assert.equal(cache.isResolved(entry), false);
  assert.equal(cache.takeRequest(entry, 0), true);
  assert.equal(cache.takeRequest(entry, 0.999e9), false);
  assert.equal(cache.isSilent(entry, 0.999e9), false);
  assert.equal(cache.takeRequest(entry, 1e9), true);
  assert.equal(cache.isSilent(entry, 1e9), true);

  assert.equal(cache.learn(ADDRESS, 0x0200, 7, 1.5e9), true);
  assert.equal(cache.locate(ADDRESS, 1.5e9), entry);
  assert.equal(cache.isResolved(entry), true);
  assert.equal(cache.macHigh(entry), 0x0200);
  assert.equal(cache.macLow(entry), 7);
  assert.equal(cache.takeRequest(entry, 2.5e9), false);
});

test('asks again before an entry ages, and forgets it after 60 s without an answer', () => {
  const cache = new NeighbourCache();
  const entry = cache.locate(ADDRESS, 0);
  cache.learn(ADDRESS, 0x0200, 7, 0);
  assert.equal(cache.takeRequest(entry, 44e9), false);
  assert.equal(cache.takeRequest(entry, 45e9), true);
  assert.equal(cache.takeRequest(entry, 45.5e9), false);
  assert.equal(cache.isResolved(cache.locate(ADDRESS, NEIGHBOUR_LIFETIME_NS)), true);
  const version = cache.version;
  assert.equal(cache.isResolved(cache.locate(ADDRESS, NEIGHBOUR_LIFETIME_NS + 1)), false);
  assert.notEqual(cache.version, version);
});

test('learns nothing of addresses that nobody asked for', () => {
  const cache = new NeighbourCache();
  assert.equal(cache.learn(ADDRESS, 0x0200, 7, 0), false);
  assert.equal(cache.size, 0);
});

test('keeps 256 neighbours and gives up unresolved ones first', () => {
  const cache = new NeighbourCache();
  for (let i = 0; i < 256; i++) {
    cache.locate(i + 1, i);
    if (i !== 100 && i !== 150) cache.learn(i + 1, 0x0200, i, i);
  }
  cache.locate(1000, 256);
  assert.equal(cache.evictedCount, 1);
  assert.equal(cache.learn(101, 0x0200, 0, 257), false, 'the unresolved entry that waited longest is gone');
  assert.equal(cache.learn(151, 0x0200, 0, 257), true);
  assert.equal(cache.learn(1000, 0x0200, 0, 257), true);

  cache.locate(2000, 258);
  assert.equal(cache.learn(1, 0x0200, 0, 259), false, 'when all are resolved, the one confirmed first goes');
  for (let i = 1; i < 256; i++) {
    if (i !== 100) assert.equal(cache.macHigh(cache.locate(i + 1, 260)), 0x0200);
  }
  assert.equal(cache.size, 256);
});
