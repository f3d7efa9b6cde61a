import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AtomicCounter } from '../../src/concurrent/atomic-counter.ts';
import { SubscriberPositions } from '../../src/driver/subscriber-positions.ts';
import { Region } from '../../src/memory/region.ts';

const COUNTERS = 4;
const START = 3 * 2 ** 32 - 4096;
const region = Region.allocate(COUNTERS * 128);

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('join', 'remove'), id: fc.nat(COUNTERS - 1), length: fc.constant(0) }),
    fc.record({ kind: fc.constantFrom('read', 'lie'), id: fc.nat(COUNTERS - 1), length: fc.nat(64) }),
    fc.record({ kind: fc.constant('arrive'), id: fc.constant(0), length: fc.nat(64) }),
  ),
  { maxLength: 100 },
);

test('subscribers are where their counters say, never back and never beyond what there is', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const positions = new SubscriberPositions(region, 0, START);
      const model = new Map<number, number>();
      const told = new Map<number, number>();
      let limit = START;
      for (const { kind, id, length } of list) {
        const counter = new AtomicCounter(region, 0, id);
        if (kind === 'arrive') {
          limit += 32 * length;
        } else if (kind === 'join' && !model.has(id)) {
          positions.join(id, limit);
          model.set(id, limit);
          told.set(id, limit);
        } else if (kind === 'remove') {
          assert.equal(positions.remove(id), model.delete(id));
        } else if (model.has(id)) {
          const position =
            kind === 'lie' ? START - 320 + 64 * length : Math.min(model.get(id)! + 32 * length, limit);
          counter.set(position);
          told.set(id, position);
        }
        positions.limit = limit;
        const before = [...model.values()];
        for (const [one, at] of model) model.set(one, Math.max(at, Math.min(told.get(one)!, limit)));
        const after = [...model.values()];
        assert.equal(positions.update(), String(before) !== String(after));
        assert.equal(positions.count, model.size);
        for (const [one, at] of model) assert.equal(positions.positionOf(one), at);
        if (model.size === 0) continue;
        assert.equal(positions.min, Math.min(...after));
        assert.equal(positions.max, Math.max(...after));
      }
    }),
    { numRuns: 2000 },
  );
});
