/** A short run of what `npm run fuzz` does, from another seed each time. */
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { fuzz } from './run.ts';
import { TARGETS } from './targets.ts';

const MILLISECONDS = 2500;

for (const target of TARGETS) {
  test(`${target.name}: malformed input does no harm`, async (t) => {
    const seed = randomInt(2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const { inputs } = await fuzz(target, {
      seed,
      count: Number.POSITIVE_INFINITY,
      milliseconds: MILLISECONDS,
    });
    t.diagnostic(`${inputs} inputs`);
  });
}
