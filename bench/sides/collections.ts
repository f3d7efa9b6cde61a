import { writeSync } from 'node:fs';
import { PerformanceObserver, performance } from 'node:perf_hooks';

/**
 * Prints when each of this process's garbage collections began, from now on: see `gc` in `bench/contestant.ts`. Node hears
 * of them when the event loop has its turn.
 */
export function reportCollections(): void {
  new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) {
      writeSync(1, `{"event":"gc","epochMs":${performance.timeOrigin + startTime}}\n`);
    }
  }).observe({ entryTypes: ['gc'] });
}
