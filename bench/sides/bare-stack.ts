/** One side of a run over our IP stack alone. See `bench/contestant.ts` for what a side is asked and what it prints. */
import { writeSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

// As bin/start.js does, before any of the code is compiled.
setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');

const { runBareStack } = await import('./bare-stack-side.ts');
const { parseSideArguments } = await import('./side-arguments.ts');

let gcCount = 0;
new PerformanceObserver((list) => {
  gcCount += list.getEntries().length;
  // For publishers and echoes, who have no result to say it in.
  writeSync(1, `{"event":"gc","count":${gcCount}}\n`);
}).observe({ entryTypes: ['gc'] });

await runBareStack(parseSideArguments(process.argv.slice(2)), () => gcCount);
// Until the coordinator has read what it wants to know of this process.
setInterval(() => {}, 60_000);
