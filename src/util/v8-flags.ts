/**
 * What V8 has to be told for duty cycles that make no garbage. A double that crosses a call which V8 does not inline is
 * boxed: it may inline a whole duty cycle.
 */
export const V8_CODE_FLAGS: readonly string[] = ['--max-inlined-bytecode-size-cumulative=5000'];

/**
 * For the command line of `node`, or for `v8.setFlagsFromString` before any of the other files is imported; then the sizes
 * are those of isolates made later, which is where a driver has its network agents.
 *
 * - The memory reducer collects when little is allocated, at a turn of the event loop: milliseconds in which nothing
 *   runs, to give back a memory that is needed again.
 * - What start and optimisation leave behind fits into the first memory, so that nothing has to be collected when all is
 *   warm. 32 MiB more at most.
 */
export const V8_FLAGS: readonly string[] = [
  ...V8_CODE_FLAGS,
  '--no-memory-reducer',
  '--min-semi-space-size=16',
  '--initial-heap-size=128',
];
