import { writeSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

/**
 * Counts this process's garbage collections from now on, and prints the count at each: publishers and echoes have no result
 * to say it in. Returns a function that says how many there were up to the last turn of the event loop.
 */
export function countCollections(): () => number {
  let count = 0;
  new PerformanceObserver((list) => {
    count += list.getEntries().length;
    writeSync(1, `{"event":"gc","count":${count}}\n`);
  }).observe({ entryTypes: ['gc'] });
  return () => count;
}
