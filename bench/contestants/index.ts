import type { Contestant } from '../contestant.ts';

/** Everything that is compared, in the order of tables and charts. */
export const CONTESTANTS: readonly Contestant[] = [];
