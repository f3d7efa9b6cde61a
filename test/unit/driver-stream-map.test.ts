import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamMap } from '../../src/driver/conductor/stream-map.ts';

interface Entry {
  readonly id: number;
  readonly streamId: number;
  readonly endpoint: object | null;
}

const ENDPOINTS = [null, { name: 'a' }, { name: 'b' }];

test('finds by stream id and endpoint what a search through everything finds, in the same order', () => {
  const id = fc.nat({ max: 12 });
  const action = fc.oneof(
    fc.record({ kind: fc.constant('set'), id, streamId: fc.nat({ max: 3 }), place: fc.nat({ max: 2 }) }),
    fc.record({ kind: fc.constant('delete'), id, streamId: fc.constant(0), place: fc.constant(0) }),
    fc.record({
      kind: fc.constantFrom('clear', 'delete', 'delete'),
      id,
      streamId: fc.constant(0),
      place: fc.constant(0),
    }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const map = new StreamMap<Entry>();
      const model = new Map<number, Entry>();
      for (const { kind, id, streamId, place } of actions) {
        if (kind === 'set') {
          const entry = { id, streamId, endpoint: ENDPOINTS[place]! };
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
          const found = [...map.ofStream(streamId)];
          assert.deepEqual(new Set(found), new Set(expected));
          assert.equal(found.length, expected.length);
          for (const endpoint of ENDPOINTS) {
            const here = expected.filter((entry) => entry.endpoint === endpoint);
            assert.deepEqual([...map.onEndpoint(endpoint, streamId)], here);
          }
        }
        assert.deepEqual([...map.values()], [...model.values()]);
      }
    }),
  );
});
