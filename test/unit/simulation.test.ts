import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAUSES } from '../sim/destinations.ts';
import { type Plan, planOf } from '../sim/plan.ts';
import { SABOTAGES } from '../sim/sabotage.ts';
import { runSeed } from '../sim/simulation.ts';
import type { StreamKind } from '../sim/stream-plan.ts';

/** Seeds that a broken driver gets at most until it must have failed. */
const SEEDS_PER_SABOTAGE = 60;

test('should run the same way again for the same seed', async () => {
  for (const seed of [4, 123, 1003]) {
    const first = await runSeed(seed);
    const second = await runSeed(seed);
    assert.equal(first.failure, null);
    assert.ok(first.messagesReceived > 0);
    assert.equal(second.fingerprint, first.fingerprint);
    assert.deepEqual(second.log, first.log);
  }
});

/** What seeds have found. */
const FOUND: Readonly<Record<number, string>> = {
  47651:
    'a sender that did not get to run for the unblock timeout took a claim of 2 ms away from its publisher',
  46272:
    'a stream that goes on by a window each time that a reader is left behind, taken for one that is stuck',
  47001: 'a receiver that another machine outruns under fc=max, taken for one that is stuck',
  50862: 'a subscriber that joined while the only other one was left behind, and never got an image',
  61391:
    'a client that gave a publication back which came too late revoked the stream of those who shared it',
  81391: 'a slow reader lost its image for the padding at the end of a term, which went beyond its window',
  65385: 'the same, for a reader of an unreliable stream',
  65327: 'a client that was paused while an image came and went, and is told that its log is gone',
  82356:
    'the claim of a client that was paused for longer than its liveness timeout, taken for one that is lost',
  104178:
    'the counter of a subscriber that left, which had a new owner before the network agent had let go of it',
  51056: 'a reader left behind before it heard of the end, taken for one that lost the end of the stream',
  115261: 'the same, when it heard of the end before it heard that it was left behind',
  124198: 'a loss that lowered no window, of an image whose only reader had died',
  113502:
    'a receiver that keeps to its window, given up because the padding at the end of a term put it further behind',
  110039: 'a reader that came back in the middle of the last message, and was waited for until it had it',
  145838: 'an untethered reader that came back further behind than it had been, because another was',
  115722:
    'an image that was given up while its sender was paused, had everything, and never heard of the end',
};

for (const [seed, what] of Object.entries(FOUND)) {
  test(`should not find again: ${what}`, async () => {
    assert.equal((await runSeed(Number(seed))).failure, null);
  });
}

/** Where seeds can notice, if that is not everywhere. */
const WHERE: Readonly<Record<string, (plan: Plan) => boolean>> = {
  // Only who dies in the middle of a message has to be unblocked.
  'no-unblock': ({ faults }) => faults.has('client-death'),
  'no-sum': ({ drivers }) => drivers.some(({ threadRates }) => threadRates.length > 0),
  'no-destination': (plan) => hasStream(plan, 'manual-multi-destination-cast'),
  'keep-destination': (plan) => losesDestinations(plan, 'manual-multi-destination-cast'),
  'keep-port': (plan) => losesDestinations(plan, 'multi-destination-subscription'),
  'one-way': (plan) => hasStream(plan, 'merged-subscription') && plan.faults.has('destination-churn'),
  'no-leaving-behind': ({ streams }) => streams.some(({ subscribers }) => subscribers.some((s) => s.isStuck)),
  'no-end-without': ({ streams }) => streams.some(({ subscribers }) => subscribers.some((s) => s.isStuck)),
  'no-spy-connection': (plan) => hasStream(plan, 'spy'),
  'no-congestion': ({ streams, faults, isBypass }) =>
    streams.some(({ isCubic }) => isCubic) && faults.has('drop') && !faults.has('short-send') && !isBypass,
  'no-arp': ({ isBypass }) => isBypass,
  'no-group-report': (plan) => plan.isBypass && hasStream(plan, 'multicast'),
  'no-group-answer': (plan) => plan.isBypass && hasStream(plan, 'multicast'),
};

/** Destinations go, and nobody who has to do it pauses. */
function losesDestinations(plan: Plan, kind: StreamKind): boolean {
  const { faults } = plan;
  return (
    hasStream(plan, kind) && faults.has('destination-churn') && !PAUSES.some((fault) => faults.has(fault))
  );
}

function hasStream({ streams }: Plan, kind: StreamKind): boolean {
  return streams.some((stream) => stream.kind === kind);
}

for (const name of Object.keys(SABOTAGES)) {
  test(`should notice a driver with ${name}`, async () => {
    for (let seed = 1, count = 0; count < SEEDS_PER_SABOTAGE; seed++) {
      if (WHERE[name]?.(planOf(seed)) === false) continue;
      count++;
      const { failure } = await runSeed(seed, { sabotage: name, progressBoundNs: 3e9 });
      if (failure !== null) return;
    }
    assert.fail(`none of ${SEEDS_PER_SABOTAGE} seeds failed`);
  });
}
