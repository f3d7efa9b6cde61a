/** One side of a run over our IP stack alone. See `bench/contestant.ts` for what a side is asked and what it prints. */
import { setFlagsFromString } from 'node:v8';
import { countCollections } from './collections.ts';

// As bin/start.js does, before any of the code is compiled.
setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');

const { runBareStack } = await import('./bare-stack-side.ts');
const { parseSideArguments } = await import('./side-arguments.ts');

await runBareStack(parseSideArguments(process.argv.slice(2)), countCollections());
// Until the coordinator has read what it wants to know of this process.
setInterval(() => {}, 60_000);
