// hot
import { HEADER_LENGTH } from '../protocol/frame.ts';
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
  private isRevokedOnClose = false;
  private blockResult = 0;

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

  /**
   * Sends frames that the application made itself, headers included: `length` bytes of `block` from `offset` on, a
   * multiple of 32. Returns as `offer`. The first frame must be the next one of this stream: data, of
   * {@link sessionId}, {@link streamId}, {@link termId} and {@link termOffset}; the others are taken as they are. All of
   * them must fit into what is left of the term. Throws RangeError otherwise.
   */
  offerBlock(block: Uint8Array, offset = 0, length: number = block.length - offset): number {
    if (this.isClosed) return CLOSED;
    this.checkBlock(block, offset, length);
    this.blockResult = this.exclusive.appendBlock(block, offset, length);
    return this.blockResult < 0 ? this.blockResult : this.exclusive.position;
  }

  /** The term that the next frame goes to. */
  get termId(): number {
    return this.exclusive.nextTermId;
  }

  /** Where in that term the next frame goes. */
  get termOffset(): number {
    return this.exclusive.nextTermOffset;
  }

  private checkBlock(block: Uint8Array, offset: number, length: number): void {
    const { termId, termOffset } = this;
    if (!(offset >= 0 && length >= HEADER_LENGTH && length % HEADER_LENGTH === 0)) {
      throw new RangeError(
        `a block of ${length} bytes at ${offset}; frames take multiples of ${HEADER_LENGTH}`,
      );
    }
    if (offset + length > block.length) {
      throw new RangeError(`${length} bytes at ${offset} are not in a buffer of ${block.length}`);
    }
    if (length > this.termLength - termOffset) {
      throw new RangeError(
        `a block of ${length} bytes; the term has ${this.termLength - termOffset} left. Fill it by appendPadding.`,
      );
    }
    if (!this.exclusive.isNextHeader(block, offset)) {
      throw new RangeError(
        `the block does not start with the next frame of ${this}: data of session ${this.sessionId}, ` +
          `term id ${termId}, term offset ${termOffset}`,
      );
    }
  }

  /** Makes {@link close} do what {@link revoke} does. */
  revokeOnClose(): void {
    this.isRevokedOnClose = true;
  }

  override close(): void {
    if (this.isRevokedOnClose) this.revoke();
    else super.close();
  }

  /** Closes the publication and takes back what subscribers have not read yet: their images end at once. */
  revoke(): void {
    if (this.isClosed) return;
    this.internalClose();
    this.conductor.releasePublication(this, true);
  }
}
