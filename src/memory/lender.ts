import type { Region } from './region.ts';

/**
 * Memory that a port may send from where it lies. What is not lent is copied, whatever is asked for. Cold; used by the
 * thread that maps and unmaps memory.
 */
export interface Lender {
  /** Returns `''`, or why the memory cannot be lent. It takes a card as long as pinning the pages does. */
  lend(region: Region): string;

  /**
   * Whether nothing refers to the memory any more, and it may be unmapped: to be asked again while not. Nothing of it may be
   * handed to the port from the first call on.
   */
  takeBack(region: Region): boolean;
}
