/**
 * A program that runs one hot loop and tells its parent what it cost, for `test/speed`:
 *
 *   node hot-loop.js wire load [warmUpMs]
 *
 * Calls into the addons; or, with a time to warm up, collections, bytes on the heap, and, as lines on standard output that V8
 * writes, what it threw away of its compiled code. Two runs, because the counters are in V8's way.
 */
import { setFlagsFromString } from 'node:v8';
import { SKIP_WITHOUT_DPDK } from './dpdk.ts';
import { ExchangeLoop, type Wire } from './exchange-loop.ts';
import { runGcGate } from './gc-gate.ts';
import type { EngineCosts, Load, NativeCosts } from './hot-loop-costs.ts';
import { NativeCounter, NativeCounts } from './native-counts.ts';

const STEPS_BEFORE_COUNTING = 2_000;
const COUNTED_STEPS = 10_000;
const DRAIN_STEPS_MAX = 10_000;

/** What each end does in a step. */
function halvesOf(loop: ExchangeLoop, load: Load): [() => void, () => void] {
  return [load === 'stream' ? () => loop.publish() : () => loop.idle(), () => loop.consume()];
}

async function native(wire: Wire, load: Load): Promise<NativeCosts> {
  const counter = new NativeCounter(SKIP_WITHOUT_DPDK === false);
  const loop = await ExchangeLoop.open(wire);
  const sides = [new NativeCounts(), new NativeCounts()] as const;
  const step = () => {
    halvesOf(loop, load).forEach((half, side) => {
      counter.counts = sides[side]!;
      half();
    });
  };
  // What is on its way when the counting begins, or ends, would be counted at one end alone.
  const drain = () => {
    for (let i = 0; loop.received !== loop.sent && i < DRAIN_STEPS_MAX; i++) {
      counter.counts = sides[0]!;
      loop.idle();
      counter.counts = sides[1]!;
      loop.consume();
    }
  };
  for (let i = 0; i < STEPS_BEFORE_COUNTING; i++) step();
  drain();
  for (const side of sides) side.clear();
  const { received, datagramsSent } = loop;
  for (let i = 0; i < COUNTED_STEPS; i++) step();
  drain();
  const messages = loop.received - received;
  const datagrams = loop.datagramsSent - datagramsSent;
  counter.counts = new NativeCounts();
  await loop.close();
  const [sender, receiver] = sides.map(({ calls, bytesCopied }) => ({
    calls: Object.fromEntries(calls),
    bytesCopied,
  }));
  return { steps: COUNTED_STEPS, messages, datagrams, sender: sender!, receiver: receiver! };
}

async function engine(wire: Wire, load: Load, warmUpMs: number): Promise<EngineCosts> {
  const loop = await ExchangeLoop.open(wire);
  const halves = halvesOf(loop, load);
  const { collections, bytesAllocated, steps } = runGcGate({
    warmUpMs,
    measureMs: 2_000,
    // One place that calls both ends, so that V8 compiles each by itself, as in the two processes that they stand for.
    step: () => {
      for (let i = 0; i < 2; i++) halves[i]!();
    },
    beforeMeasuring: () => setFlagsFromString('--trace-deopt'),
  });
  setFlagsFromString('--no-trace-deopt');
  const { received } = loop;
  await loop.close();
  return { steps, collections, bytesAllocated, received };
}

const [wire, load, warmUpMs] = process.argv.slice(2) as [Wire, Load, string?];
process.send!(await (warmUpMs === undefined ? native(wire, load) : engine(wire, load, Number(warmUpMs))));
process.disconnect();
