/** How long duty cycles run before the event loop gets a turn. */
export const SLICE_NS = 0.5e9;

/**
 * Runs `slice` until it returns true, and gives the event loop a turn after each. The loop that is measured has to be in
 * `slice`: a function that awaits goes on as unoptimised code after each turn, and that code boxes doubles.
 */
export async function runSlices(slice: () => boolean): Promise<void> {
  while (!slice()) await new Promise((resolve) => setImmediate(resolve));
}
