import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STREAMS_PER_CYCLE, StreamTurns } from '../../src/driver/stream-turns.ts';

/** Runs one duty cycle over `count` streams; returns the streams visited and what the cycle reports. */
function cycle(turns: StreamTurns, count: number, workCount = 0): { visited: number[]; reported: number } {
  const visited: number[] = [];
  const visits = turns.begin(count);
  for (let i = 0; i < visits; i++) visited.push(turns.next());
  return { visited, reported: turns.end(workCount) };
}

describe('the turns of an agent’s streams', () => {
  test('few streams are all visited in every cycle, and the first one goes round', () => {
    const turns = new StreamTurns();
    assert.deepEqual(cycle(turns, 3).visited, [0, 1, 2]);
    assert.deepEqual(cycle(turns, 3).visited, [1, 2, 0]);
    assert.deepEqual(cycle(turns, 3).visited, [2, 0, 1]);
    assert.deepEqual(cycle(turns, 3).visited, [0, 1, 2]);
  });

  test('of many streams a cycle visits the next ones, and none twice before all were visited', () => {
    const turns = new StreamTurns();
    const count = 3 * STREAMS_PER_CYCLE + 5;
    const visited: number[] = [];
    for (let i = 0; i < 3; i++) visited.push(...cycle(turns, count).visited);
    visited.push(...cycle(turns, count).visited.slice(0, 5));
    assert.deepEqual(
      visited,
      Array.from({ length: count }, (_, i) => i),
    );
  });

  test('of many streams fewer are visited beside those that have their turn for another reason', () => {
    const turns = new StreamTurns();
    assert.equal(turns.begin(STREAMS_PER_CYCLE, 16), STREAMS_PER_CYCLE);
    assert.equal(turns.begin(STREAMS_PER_CYCLE + 1, 16), 16);
  });

  test('an agent does not idle before every stream was visited in vain', () => {
    const turns = new StreamTurns();
    const count = 2 * STREAMS_PER_CYCLE + 1;
    assert.equal(cycle(turns, count, 7).reported, 7);
    assert.equal(cycle(turns, count).reported, 1);
    assert.equal(cycle(turns, count).reported, 1);
    assert.equal(cycle(turns, count).reported, 0);
    assert.equal(cycle(turns, count).reported, 0);
    assert.equal(cycle(turns, count, 2).reported, 2);
    assert.equal(cycle(turns, count).reported, 1);
  });

  test('few idle streams let the agent idle at once', () => {
    assert.equal(cycle(new StreamTurns(), STREAMS_PER_CYCLE).reported, 0);
    assert.equal(cycle(new StreamTurns(), 0).reported, 0);
  });

  test('streams that went away leave no gap', () => {
    const turns = new StreamTurns();
    cycle(turns, 1000);
    assert.deepEqual(cycle(turns, 2).visited, [0, 1]);
  });
});
