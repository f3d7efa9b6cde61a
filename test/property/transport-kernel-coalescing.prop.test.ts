import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type KernelTransport, openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import { DatagramStream, type Run } from '../support/datagram-stream.ts';

/** What one receive buffer of 4 MiB holds whatever the datagrams are, with what the kernel counts for each. */
const LARGEST_BURST = 600_000;

const anyLength = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(32, 64, 1280, 1376, 1408) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 9000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 32_744, 32_745, 65_507) },
);
const anyRun: fc.Arbitrary<Run> = fc.record({
  length: anyLength,
  count: fc.integer({ min: 1, max: 64 }),
  hasGaps: fc.boolean(),
});
/** Runs that fit into a burst and a receive buffer, and whether there is a poll after them. */
const anyBurst = fc
  .tuple(fc.array(anyRun, { minLength: 1, maxLength: 8 }), fc.boolean())
  .map(([runs, isPolled]) => {
    const fitting: Run[] = [];
    let room = 64;
    let bytes = LARGEST_BURST;
    for (const { length, count, hasGaps } of runs) {
      const some = Math.min(count, room, Math.floor(bytes / Math.max(length, 1)));
      room -= some;
      bytes -= some * length;
      fitting.push({ length, count: some, hasGaps });
    }
    return { runs: fitting, isPolled };
  });

const transports: Record<string, KernelTransport> = {};
test.before(() => {
  for (const name of ['together', 'alone']) {
    transports[name] = openKernelTransport({
      connectSendSockets: true,
      coalesceDatagrams: name === 'together',
    });
  }
});
test.after(() => {
  for (const transport of Object.values(transports)) transport.close();
});

for (const sending of ['together', 'alone']) {
  for (const receiving of ['together', 'alone']) {
    test(`datagrams sent ${sending} and received ${receiving} arrive whole and in order`, () => {
      fc.assert(
        fc.property(fc.array(anyBurst, { minLength: 1, maxLength: 6 }), (bursts) => {
          const stream = new DatagramStream(transports[sending]!, transports[receiving]!);
          for (const { runs, isPolled } of bursts) {
            stream.send(runs);
            if (isPolled) stream.poll();
            // The kernel counts the memory of a small datagram at many times its length.
            if (stream.sent - stream.received > 128) stream.drain();
          }
          stream.drain();
          assert.ok(stream.largestPoll <= 64);
          stream.close();
        }),
        { numRuns: 60 },
      );
    });
  }
}
