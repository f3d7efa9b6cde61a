/**
 * Makes the 64 bits of a frame's header that belong to the application, once the frame is written and before readers
 * see it: `frameLength` bytes of `termBuffer` from `termOffset` on, the header of 32 bytes first. A checksum for
 * instance. A message in fragments has one for each.
 */
export type ReservedValueSupplier = (termBuffer: Buffer, termOffset: number, frameLength: number) => bigint;

/** What becomes of those bits: a value, what a supplier makes, or nothing: they stay 0. */
export type ReservedValue = bigint | ReservedValueSupplier | null;
