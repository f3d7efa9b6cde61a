/**
 * What V8 has to be told for duty cycles that make no garbage and are not interrupted by its collection. For the command
 * line of `node`, or for `v8.setFlagsFromString` before any of the other files is imported.
 *
 * - A double that crosses a call which V8 does not inline is boxed: it may inline a whole duty cycle.
 * - The memory reducer collects when little is allocated, at a turn of the event loop: milliseconds in which nothing
 *   runs, to give back a memory that is needed again. Isolates that have started keep it.
 */
export const V8_FLAGS: readonly string[] = [
  '--max-inlined-bytecode-size-cumulative=5000',
  '--no-memory-reducer',
];
