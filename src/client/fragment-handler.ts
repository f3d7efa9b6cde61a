import type { Header } from './header.ts';

/**
 * Given a fragment, or with an assembler a whole message: `length` bytes of `buffer` from `offset` on.
 * `buffer` is shared memory that will be overwritten, and `header` is used again: both are valid during the
 * call only.
 */
export type FragmentHandler = (buffer: Buffer, offset: number, length: number, header: Header) => void;

/** What a controlled handler wants done next. */
export const ControlledPollAction = {
  /** Stop, and deliver this fragment again in the next poll. */
  ABORT: 1,
  /** Stop after this fragment. */
  BREAK: 2,
  /** Move the position past this fragment now, and go on. */
  COMMIT: 3,
  /** Go on. */
  CONTINUE: 4,
} as const;
export type ControlledPollAction = (typeof ControlledPollAction)[keyof typeof ControlledPollAction];

/** A {@link FragmentHandler} that says what happens next. */
export type ControlledFragmentHandler = (
  buffer: Buffer,
  offset: number,
  length: number,
  header: Header,
) => ControlledPollAction;

/**
 * Given a block: `length` bytes of `buffer` from `offset` on, whole frames with their headers, in the term `termId`.
 * `buffer` is shared memory that will be overwritten: valid during the call only.
 */
export type BlockHandler = (
  buffer: Buffer,
  offset: number,
  length: number,
  sessionId: number,
  termId: number,
) => void;

/**
 * Given a block as a {@link BlockHandler} is, and where the same bytes are in a file: from `fileOffset` on in the file
 * of descriptor `fd`, open for reading until the image closes.
 */
export type FileBlockHandler = (
  fd: number,
  fileOffset: number,
  buffer: Buffer,
  offset: number,
  length: number,
  sessionId: number,
  termId: number,
) => void;
