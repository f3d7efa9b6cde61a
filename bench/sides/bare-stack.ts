/** One side of a run over our IP stack alone. See `bench/contestant.ts` for what a side is asked and what it prints. */
import { reportCollections } from './collections.ts';

reportCollections();

const { runBareStack } = await import('./bare-stack-side.ts');
const { parseSideArguments } = await import('./side-arguments.ts');

await runBareStack(parseSideArguments(process.argv.slice(2)));
// Until the coordinator has read what it wants to know of this process.
setInterval(() => {}, 60_000);
