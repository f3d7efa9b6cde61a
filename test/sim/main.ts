/**
 * npm run sim -- [--seeds N] [--seed-start S] [--verbose] [--sabotage NAME]
 *
 * --sabotage NAME breaks the driver on purpose, as sabotage.ts says: seeds must fail.
 *
 * Runs N seeds from S on. A seed that failed is printed, and runs again exactly with --seeds 1 --seed-start <seed>.
 */
import { parseArgs } from 'node:util';
import { type RunResult, runSeed } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    'seed-start': { type: 'string', default: '1' },
    sabotage: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const count = Number(values.seeds);
const first = Number(values['seed-start']);
const startedMs = performance.now();
let failed = 0;
let simulatedMs = 0;
let messages = 0;
for (let seed = first; seed < first + count; seed++) {
  const result = await runSeed(seed, { isVerbose: values.verbose, sabotage: values.sabotage ?? null });
  simulatedMs += result.simulatedMs;
  messages += result.messagesReceived;
  if (result.failure !== null) {
    failed++;
    report(result);
  } else if (count === 1) {
    console.log(`seed ${seed} passed: fingerprint ${result.fingerprint.toString(16)}`);
  }
}
const seconds = (performance.now() - startedMs) / 1000;
console.log(
  `${count} seeds from ${first} on, ${failed} failed; ${Math.round(simulatedMs / 1000)} simulated seconds and ` +
    `${messages} messages in ${seconds.toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;

function report({ seed, failure, plan, state }: RunResult): void {
  console.log(`seed ${seed} FAILED after ${failure}`);
  console.log(
    `  faults: ${[...plan.faults].join(', ') || 'none'}; streams: ${plan.streams.map(({ name }) => name).join(', ')}`,
  );
  if (values.verbose) for (const line of state) console.log(`  ${line}`);
  console.log(`  again: npm run sim -- --seeds 1 --seed-start ${seed} --verbose`);
}
