import { COUNTER_ALLOCATED, type CountersReader } from '../concurrent/counters.ts';

/**
 * Follows one counter of the driver or of any client, as long as it is the same: a limit, a position, how a channel is.
 *
 * ```ts
 * const status = new ReadableCounter(aeron.countersReader, publication.channelStatusId);
 * ```
 */
export class ReadableCounter {
  readonly id: number;
  readonly registrationId: number;
  readonly label: string;
  private readonly reader: CountersReader;
  private closed = false;

  /** Throws RangeError when no counter of this id is allocated. */
  constructor(reader: CountersReader, id: number) {
    if (!(id >= 0 && id <= reader.maxCounterId) || reader.state(id) !== COUNTER_ALLOCATED) {
      throw new RangeError(`counter ${id} is not allocated; ids are from 0 to ${reader.maxCounterId}`);
    }
    this.reader = reader;
    this.id = id;
    this.registrationId = reader.registrationId(id);
    this.label = reader.label(id);
  }

  /** The value as it is now, up to 2^53 in magnitude; NaN when closed. */
  get value(): number {
    return this.isClosed ? Number.NaN : this.reader.value(this.id);
  }

  /** Whether the counter was freed, or {@link close} called: another one may have the id by now. */
  get isClosed(): boolean {
    this.closed ||=
      this.reader.state(this.id) !== COUNTER_ALLOCATED ||
      this.reader.registrationId(this.id) !== this.registrationId;
    return this.closed;
  }

  /** Stops following; the counter stays as it is. Call it before the client closes. */
  close(): void {
    this.closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
