import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Session, SessionTable } from '../../src/driver/session-table.ts';

/** Few of each, so that they meet, in slots too. */
const ids = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(-1, -(2 ** 31), 2 ** 31 - 1));
const steps = fc.array(
  fc.record({ isAdded: fc.boolean(), sessionId: ids, streamId: fc.oneof(fc.constant(1001), ids) }),
  { maxLength: 300 },
);

test('a session is found exactly while it is there', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const table = new SessionTable<Session>();
      const model = new Map<string, Session>();
      const seen = new Map<string, [number, number]>();
      for (const { isAdded, sessionId, streamId } of list) {
        const key = `${sessionId} ${streamId}`;
        seen.set(key, [sessionId, streamId]);
        if (isAdded) {
          const session = { sessionId, streamId };
          table.set(session);
          model.set(key, session);
        } else {
          table.delete(sessionId, streamId);
          model.delete(key);
        }
      }
      for (const [key, [sessionId, streamId]] of seen) {
        assert.equal(table.get(sessionId, streamId), model.get(key) ?? null, key);
      }
    }),
    { numRuns: 2000 },
  );
});
