// hot

import { ChannelUri } from '../uri/channel-uri.ts';
import { channelStatusOf, localSocketAddresses } from './channel-addresses.ts';
import type { ClientConductor } from './client-conductor.ts';
import { clientError } from './client-errors.ts';
import type { ImageHandler } from './client-options.ts';
import type {
  BlockHandler,
  ControlledFragmentHandler,
  FileBlockHandler,
  FragmentHandler,
} from './fragment-handler.ts';
import type { Image, ImageOwner } from './image.ts';
import { MessageIterator, type MessagesOptions } from './message-iterator.ts';

export interface SubscriptionSpec {
  readonly channel: string;
  readonly streamId: number;
  readonly registrationId: number;
  readonly channelStatusId: number;
  readonly onAvailableImage: ImageHandler;
  readonly onUnavailableImage: ImageHandler;
}

/**
 * The receiving end of a channel and a stream id: the streams, called images, of every publisher that sends
 * there.
 *
 * Read it by `poll`, which never waits, or by `for await (const message of subscription)`; by one reader at
 * a time.
 */
export class Subscription implements ImageOwner, AsyncIterable<Buffer> {
  // What a poll touches comes first: of a thousand subscriptions none is in a cache when its turn comes.
  /** Replaced as a whole when an image comes or goes, so that a poll in progress is not disturbed. */
  private imageList: readonly Image[] = [];
  private nextImageIndex = 0;
  readonly channel: string;
  readonly streamId: number;
  /** Names the subscription to the driver. */
  readonly registrationId: number;
  /** Id of the counter that says how the channel is, or -1 when it needs none. */
  readonly channelStatusId: number;
  readonly onAvailableImage: ImageHandler;
  readonly onUnavailableImage: ImageHandler;
  private readonly conductor: ClientConductor;
  private closed = false;

  constructor(conductor: ClientConductor, spec: SubscriptionSpec) {
    this.channel = spec.channel;
    this.streamId = spec.streamId;
    this.registrationId = spec.registrationId;
    this.channelStatusId = spec.channelStatusId;
    this.onAvailableImage = spec.onAvailableImage;
    this.onUnavailableImage = spec.onUnavailableImage;
    this.conductor = conductor;
  }

  /**
   * Hands up to `fragmentLimit` fragments to `handler`, from all images in turn, and returns how many there
   * were; 0 at once when there are none. Messages longer than the publisher's MTU come in several: give
   * `poll` an assembler's handler to get them whole. What the handler throws comes out of here, and that
   * fragment counts as read.
   */
  poll(handler: FragmentHandler, fragmentLimit: number): number {
    const images = this.imageList;
    const count = images.length;
    const first = this.nextIndex(count);
    let fragments = 0;
    for (let i = first; i < count && fragments < fragmentLimit; i++) {
      fragments += images[i]!.poll(handler, fragmentLimit - fragments);
    }
    for (let i = 0; i < first && fragments < fragmentLimit; i++) {
      fragments += images[i]!.poll(handler, fragmentLimit - fragments);
    }
    return fragments;
  }

  /** As {@link poll}, with a handler that says after each fragment what happens next. */
  controlledPoll(handler: ControlledFragmentHandler, fragmentLimit: number): number {
    const images = this.imageList;
    const count = images.length;
    const first = this.nextIndex(count);
    let fragments = 0;
    for (let i = first; i < count && fragments < fragmentLimit; i++) {
      fragments += images[i]!.controlledPoll(handler, fragmentLimit - fragments);
    }
    for (let i = 0; i < first && fragments < fragmentLimit; i++) {
      fragments += images[i]!.controlledPoll(handler, fragmentLimit - fragments);
    }
    return fragments;
  }

  /**
   * Hands what is there to `handler` in one piece for each image: whole frames, headers included, of at most
   * `lengthLimit` bytes. Returns the bytes that were read. See {@link Image.blockPoll}.
   */
  blockPoll(handler: BlockHandler, lengthLimit: number): number {
    const images = this.imageList;
    let length = 0;
    for (let i = 0; i < images.length; i++) length += images[i]!.blockPoll(handler, lengthLimit);
    return length;
  }

  /** As {@link blockPoll}, with the files that the blocks are in. See {@link Image.filePoll}. */
  filePoll(handler: FileBlockHandler, lengthLimit: number): number {
    const images = this.imageList;
    let length = 0;
    for (let i = 0; i < images.length; i++) length += images[i]!.filePoll(handler, lengthLimit);
    return length;
  }

  /**
   * Whole messages, each in a Buffer of its own, until the subscription is closed; the event loop goes on
   * while there are none. The loop ends with an error when the client lost its driver, or with the signal's
   * reason. A message is taken from the stream when it is asked for: leaving the loop loses nothing. Cold.
   */
  messages(options: MessagesOptions = {}): AsyncIterableIterator<Buffer> {
    return new MessageIterator(this, this.conductor, options);
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.messages();
  }

  /** The streams that are received now. The array is not changed afterwards. */
  get images(): readonly Image[] {
    return this.imageList;
  }

  get imageCount(): number {
    return this.imageList.length;
  }

  get hasNoImages(): boolean {
    return this.imageList.length === 0;
  }

  imageBySessionId(sessionId: number): Image | undefined {
    const images = this.imageList;
    for (let i = 0; i < images.length; i++) {
      if (images[i]!.sessionId === sessionId) return images[i];
    }
    return undefined;
  }

  /** Whether a publisher is there. */
  get isConnected(): boolean {
    const images = this.imageList;
    for (let i = 0; i < images.length; i++) {
      if (!images[i]!.isClosed) return true;
    }
    return false;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** A value of `ChannelStatus`: 1 is active; -1 errored, and closed. */
  get channelStatus(): number {
    return this.closed ? -1 : channelStatusOf(this.conductor.countersReader, this.channelStatusId);
  }

  /** The `address:port` that the subscription listens on; none for IPC. */
  get localSocketAddresses(): string[] {
    return this.closed ? [] : localSocketAddresses(this.conductor.countersReader, this.channelStatusId);
  }

  /**
   * Where publishers can send to, with the port the system chose for an endpoint of port 0; null while it
   * is not bound.
   */
  get resolvedEndpoint(): string | null {
    return this.localSocketAddresses[0] ?? null;
  }

  /**
   * The channel with the port that the system chose in the place of the 0 of its endpoint; the channel as it is when it
   * has no such endpoint. Null while the endpoint is not bound. Cold.
   */
  tryResolveChannelEndpointPort(): string | null {
    const uri = ChannelUri.parse(this.channel);
    const endpoint = uri.get('endpoint');
    if (endpoint === undefined || !endpoint.endsWith(':0') || uri.get('control-mode') === 'manual') {
      return this.channel;
    }
    const { resolvedEndpoint } = this;
    if (resolvedEndpoint === null) return null;
    const port = resolvedEndpoint.slice(resolvedEndpoint.lastIndexOf(':'));
    return uri.set('endpoint', endpoint.slice(0, -2) + port).toString();
  }

  /**
   * Receives from one more channel, for channels with `control-mode=manual`. Resolves when the driver has it.
   */
  async addDestination(channel: string): Promise<void> {
    await this.conductor.addDestination('addReceiveDestination', this.registrationId, channel);
  }

  /** Stops to receive from a channel that was added. */
  removeDestination(channel: string): Promise<void> {
    return this.conductor.removeDestination('removeReceiveDestination', this.registrationId, channel);
  }

  /**
   * {@link addDestination} without waiting: returns the command's id at once, to ask `aeron.isCommandActive` whether the
   * driver has still to answer. A refusal goes to the client's error handler. Cold.
   */
  asyncAddDestination(channel: string): number {
    const { registrationId } = this;
    return this.conductor.changeDestination({ type: 'addReceiveDestination', registrationId, channel });
  }

  /** {@link removeDestination} without waiting, as {@link asyncAddDestination}. Cold. */
  asyncRemoveDestination(channel: string): number {
    const { registrationId } = this;
    return this.conductor.changeDestination({ type: 'removeReceiveDestination', registrationId, channel });
  }

  /** Closes the subscription and its images. */
  close(): void {
    if (this.closed) return;
    this.conductor.releaseSubscription(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `${this.channel} stream ${this.streamId}`;
  }

  /** For images. */
  rejectImage(image: Image, reason: string): Promise<void> {
    return this.conductor.rejectImage(image, reason);
  }

  /** For images. Cold: their log is damaged. */
  onMalformedFrame(image: Image, termOffset: number, frameLength: number): void {
    image.internalClose();
    this.conductor.reportError(
      clientError(
        'MALFORMED_FRAME',
        `the log of session ${image.sessionId} of ${this} has a frame of ${frameLength} bytes at term offset ` +
          `${termOffset} of ${image.termLength}. The image is closed: its log was damaged, or is no log.`,
      ),
    );
  }

  /** For the client. Cold. */
  addImage(image: Image): void {
    this.imageList = [...this.imageList, image];
  }

  /** For the client. Returns the image, closed, if it was one of this subscription's. Cold. */
  removeImage(correlationId: number): Image | undefined {
    const image = this.imageList.find((candidate) => candidate.correlationId === correlationId);
    if (image !== undefined) {
      image.internalClose();
      this.imageList = this.imageList.filter((candidate) => candidate !== image);
    }
    return image;
  }

  /** For the client. Returns the images there were, closed. Cold. */
  internalClose(): readonly Image[] {
    const images = this.imageList;
    this.closed = true;
    for (const image of images) image.internalClose();
    this.imageList = [];
    return images;
  }

  /** Where the next poll starts: one image further each time, so that none is always last. */
  private nextIndex(count: number): number {
    const index = this.nextImageIndex < count ? this.nextImageIndex : 0;
    this.nextImageIndex = index + 1;
    return index;
  }
}
