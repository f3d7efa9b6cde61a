import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import {
  CLAIM,
  CONFIRMED,
  CONTEST_NS,
  LEARNED,
  NEIGHBOUR_LIFETIME_NS,
  NeighbourCache,
  NO_PLACE,
  NOT_NOW,
  STATIC_NEIGHBOURS_MAX,
} from '../../src/net/neighbour-cache.ts';

const ADDRESS = 0x0a000002;

let clock: SimulatedClock;
let cache: NeighbourCache;

beforeEach(() => {
  clock = new SimulatedClock();
  cache = new NeighbourCache(clock);
});

/** What is made of somebody's word on an address; -1 when nobody wants to know. */
function learn(address: number, macHigh: number, macLow: number): number {
  const entry = cache.find(address);
  return entry < 0 ? -1 : cache.learn(entry, macHigh, macLow);
}

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

  assert.equal(learn(ADDRESS, 0x0200, 7), LEARNED);
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
  learn(ADDRESS, 0x0200, 7);
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
  assert.equal(learn(ADDRESS, 0x0200, 7), -1);
  assert.equal(cache.size, 0);
});

test('asks a known neighbour once a second when it is due, and is satisfied by its own card alone', () => {
  const entry = cache.locate(ADDRESS);
  learn(ADDRESS, 0x0200, 7);
  clock.advanceNs(45e9);
  assert.equal(cache.takeRequest(entry), true);
  assert.equal(learn(ADDRESS, 0x0200, 8), CLAIM);
  assert.equal(learn(ADDRESS, 0x0200, 7), CONFIRMED);
  clock.advanceNs(44e9);
  assert.equal(cache.takeRequest(cache.locate(ADDRESS)), false);
  assert.equal(cache.isResolved(entry), true);
});

test('believes no claim of another card while the neighbour answers for itself', () => {
  const entry = cache.locate(ADDRESS);
  learn(ADDRESS, 0x0200, 7);
  const version = cache.version;
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 50; i++) assert.equal(learn(ADDRESS, 0x0666, i), CLAIM);
    assert.equal(cache.takeRequest(cache.locate(ADDRESS)), true, 'the neighbour is asked at once');
    assert.equal(cache.takeRequest(cache.locate(ADDRESS)), false, 'and not for every claim');
    clock.advanceNs(CONTEST_NS / 2);
    assert.equal(learn(ADDRESS, 0x0200, 7), CONFIRMED);
  }
  clock.advanceNs(2 * CONTEST_NS);
  assert.equal(cache.isResolved(cache.locate(ADDRESS)), true);
  assert.deepEqual([cache.macHigh(entry), cache.macLow(entry)], [0x0200, 7]);
  assert.deepEqual([cache.version, cache.claimCount, cache.movedCount], [version, 5000, 0]);
});

test('asks everybody for a neighbour that stays silent while another card claims its address', () => {
  const entry = cache.locate(ADDRESS);
  learn(ADDRESS, 0x0200, 7);
  learn(ADDRESS, 0x0200, 8);
  let asked = 0;
  for (let ms = 0; ms <= 1000; ms += 10) {
    if (cache.takeRequest(cache.locate(ADDRESS))) asked++;
    clock.advanceNs(10e6);
  }
  assert.ok(asked >= 3 && asked <= 5, `${asked} times`);
  assert.equal(cache.isResolved(cache.locate(ADDRESS)), false);
  assert.equal(cache.isSilent(entry), false);
  assert.equal(learn(ADDRESS, 0x0200, 8), LEARNED);
  assert.deepEqual([cache.macLow(cache.locate(ADDRESS)), cache.movedCount], [8, 1]);
});

test('waits with giving a claimed neighbour up until it was asked', () => {
  const entry = cache.locate(ADDRESS);
  learn(ADDRESS, 0x0200, 7);
  learn(ADDRESS, 0x0200, 8);
  clock.advanceNs(10 * CONTEST_NS);
  assert.equal(cache.isResolved(cache.locate(ADDRESS)), true);
  assert.equal(cache.takeRequest(entry), true);
});

test('never asks for, changes or gives up a configured neighbour', () => {
  for (let i = 1; i <= STATIC_NEIGHBOURS_MAX; i++) cache.addStatic(i, 0x0200, i);
  assert.throws(() => cache.addStatic(1000, 0x0200, 1), { code: 'ENOBUFS' });
  const entry = cache.locate(5);
  assert.equal(learn(5, 0x0666, 6), CLAIM);
  assert.equal(learn(5, 0x0200, 5), CONFIRMED);
  clock.advanceNs(10 * NEIGHBOUR_LIFETIME_NS);
  for (let i = 0; i < 500; i++) cache.locate(10_000 + i);
  assert.equal(cache.takeRequest(cache.locate(5)), false);
  assert.equal(cache.isResolved(cache.locate(5)), true);
  assert.equal(cache.macLow(entry), 5);
});

test('keeps 256 neighbours and gives up unresolved ones first, then unused ones', () => {
  for (let i = 0; i < 256; i++) {
    cache.locate(i + 1);
    if (i !== 100 && i !== 150) learn(i + 1, 0x0200, i);
    clock.advanceNs(1);
  }
  cache.locate(1000);
  assert.equal(cache.evictedCount, 1);
  assert.equal(learn(101, 0x0200, 0), -1, 'the unresolved entry that waited longest is gone');
  assert.equal(learn(151, 0x0200, 0), LEARNED);
  assert.equal(learn(1000, 0x0200, 0), LEARNED);

  assert.equal(cache.locate(2000), NO_PLACE, 'all are in use');
  clock.advanceNs(11e9);
  cache.locate(1);
  cache.locate(2000);
  assert.equal(learn(2, 0x0200, 0), -1, 'when all are resolved, the one unused for longest goes');
  for (let i = 2; i < 256; i++) {
    if (i !== 100) assert.equal(cache.macHigh(cache.locate(i + 1)), 0x0200);
  }
  assert.equal(cache.size, 256);
});

const NETWORK = 0x0a000000;

test('keeps live peers whatever strangers want to be answered, and takes a thousand new ones a second', () => {
  for (let i = 1; i <= 20; i++) {
    cache.locate(NETWORK + i);
    learn(NETWORK + i, 0x0200, i);
  }
  let refused = 0;
  for (let ms = 0; ms < 3000; ms++) {
    for (let i = 1; i <= 20; i++) cache.locate(NETWORK + i);
    for (let i = 0; i < 5; i++) {
      const stranger = NETWORK + 0x10000 + 5 * ms + i;
      if (cache.locate(stranger) === NOT_NOW) refused++;
      // Every other one is there, and answers.
      else if (i % 2 === 0) learn(stranger, 0x0666, i);
    }
    clock.advanceNs(1e6);
  }
  for (let i = 1; i <= 20; i++) assert.equal(learn(NETWORK + i, 0x0200, i), CONFIRMED);
  assert.ok(refused >= 3 * 4000 - 20, `${refused} refused`);
  assert.equal(cache.size, 256);
});
