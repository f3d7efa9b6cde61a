// hot
/**
 * What `offer` and `tryClaim` return instead of a position when a message was not taken. All are negative,
 * and no position is, so `result < 0` is the whole check.
 */

/** Nobody listens: no subscriber is connected to the publication (yet, or any more). */
export const NOT_CONNECTED = -1;
/** The subscribers, or the network, are behind by a whole window. Try again later. */
export const BACK_PRESSURED = -2;
/** The log moves on to its next term. Try again at once. */
export const ADMIN_ACTION = -3;
/** The publication, or its client, is closed. It will not open again. */
export const CLOSED = -4;
/** The stream is at its end: a position of term length × 2^31. A new publication starts a new stream. */
export const MAX_POSITION_EXCEEDED = -5;

/** The name of a negative result, for messages. */
export function offerResultName(result: number): string {
  switch (result) {
    case NOT_CONNECTED:
      return 'NOT_CONNECTED';
    case BACK_PRESSURED:
      return 'BACK_PRESSURED';
    case ADMIN_ACTION:
      return 'ADMIN_ACTION';
    case CLOSED:
      return 'CLOSED';
    case MAX_POSITION_EXCEEDED:
      return 'MAX_POSITION_EXCEEDED';
    default:
      return 'OK';
  }
}
