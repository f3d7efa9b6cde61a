import type { ClientConductor } from './client-conductor.ts';
import type { ExclusiveAppender } from './exclusive-appender.ts';
import { CLOSED } from './offer-result.ts';
import { Publication, type PublicationSpec } from './publication.ts';

/**
 * A {@link Publication} with a stream of its own, for one thread. Faster, as nothing is claimed by atomic
 * operations.
 */
export class ExclusivePublication extends Publication {
  private readonly exclusive: ExclusiveAppender;

  constructor(conductor: ClientConductor, spec: PublicationSpec, appender: ExclusiveAppender) {
    super(conductor, spec, appender);
    this.exclusive = appender;
  }

  /** Moves the stream on by a frame of `length` bytes that subscribers skip. Returns as `offer`. */
  appendPadding(length: number): number {
    if (this.isClosed) return CLOSED;
    if (!(length >= 0 && length <= this.maxMessageLength)) {
      throw new RangeError(`padding of ${length} bytes; the longest on ${this} has ${this.maxMessageLength}`);
    }
    const result = this.exclusive.appendPadding(length);
    return result < 0 ? result : this.exclusive.position;
  }

  /** Closes the publication and takes back what subscribers have not read yet: their images end at once. */
  revoke(): void {
    if (this.isClosed) return;
    this.internalClose();
    this.conductor.releasePublication(this, true);
  }
}
