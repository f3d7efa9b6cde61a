import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamMap } from '../../src/driver/conductor/stream-map.ts';

interface Entry {
  readonly id: number;
  readonly streamId: number;
}

test('finds by stream id what a search through everything finds, in the same order', () => {
  const id = fc.nat({ max: 12 });
  const action = fc.oneof(
    fc.record({ kind: fc.constant('set'), id, streamId: fc.nat({ max: 3 }) }),
    fc.record({ kind: fc.constant('delete'), id, streamId: fc.constant(0) }),
    fc.record({ kind: fc.constantFrom('clear', 'delete', 'delete'), id, streamId: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const map = new StreamMap<Entry>();
      const model = new Map<number, Entry>();
      for (const { kind, id, streamId } of actions) {
        if (kind === 'set') {
          const entry = { id, streamId };
          map.set(id, entry);
          model.delete(id);
          model.set(id, entry);
        } else if (kind === 'clear') {
          map.clear();
          model.clear();
        } else {
          assert.equal(map.delete(id), model.delete(id));
        }
        for (let streamId = 0; streamId <= 3; streamId++) {
          const expected = [...model.values()].filter((entry) => entry.streamId === streamId);
          assert.deepEqual([...map.ofStream(streamId)], expected);
        }
        assert.deepEqual([...map.values()], [...model.values()]);
      }
    }),
  );
});
