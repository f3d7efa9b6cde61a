import { AtomicCounter } from '../concurrent/atomic-counter.ts';
import type { Section } from '../concurrent/counters.ts';

/**
 * A counter that the application added: a 64-bit number that everyone who can read the driver's counters
 * sees.
 */
export class Counter {
  readonly id: number;
  readonly registrationId: number;
  private readonly counter: AtomicCounter;
  private readonly release: () => void;
  private closed = false;

  constructor(registrationId: number, id: number, values: Section, release: () => void) {
    this.id = id;
    this.registrationId = registrationId;
    this.counter = new AtomicCounter(values.region, values.offset, id);
    this.release = release;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** The value, up to 2^53 in magnitude; 0 when closed. */
  get value(): number {
    return this.closed ? 0 : this.counter.getVolatile();
  }

  /**
   * Only one thread may change a counter. After {@link close} this does nothing: the counter may be
   * another's by then.
   */
  set value(value: number) {
    if (!this.closed) this.counter.set(value);
  }

  increment(): void {
    if (!this.closed) this.counter.increment();
  }

  add(amount: number): void {
    if (!this.closed) this.counter.add(amount);
  }

  /** Frees the counter. A static counter stays, for everyone. */
  close(): void {
    if (this.closed) return;
    this.internalClose();
    this.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** For the client: the driver knows already. */
  internalClose(): void {
    this.closed = true;
  }
}
