import { fileURLToPath } from 'node:url';

/** The checkout, from which this runs compiled, in dist/lab. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url));
