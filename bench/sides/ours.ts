/**
 * One side of a run over our own driver: driver and clients on one thread (INVOKER), nothing idles. See
 * `bench/contestant.ts` for what a side is asked and what it prints.
 */
import { reportCollections } from './collections.ts';

reportCollections();

const { runOurSide } = await import('./our-side.ts');
const { parseSideArguments } = await import('./side-arguments.ts');

await runOurSide(parseSideArguments(process.argv.slice(2)));
// Who runs the bench still reads this process's times and memory, and then ends it.
setInterval(() => {}, 1 << 30);
