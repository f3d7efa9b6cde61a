import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { CountersReader } from '../concurrent/counters.ts';
import { ReadableCounter } from './readable-counter.ts';

/**
 * A counter of somebody else that may be written as well: what the driver's `ControllableIdleStrategy status` is to be, for
 * instance. Only one writer at a time.
 */
export class StatusIndicator extends ReadableCounter {
  private readonly counter: AtomicCounter;

  /** Throws RangeError when no counter of this id is allocated. */
  constructor(reader: CountersReader, id: number) {
    super(reader, id);
    this.counter = new AtomicCounter(reader.values.region, reader.values.offset, id);
  }

  /** Everyone sees it at once. Returns false when the counter is gone: another may have the id by now. */
  set(value: number): boolean {
    if (this.isClosed) return false;
    this.counter.set(value);
    return true;
  }
}
