import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { Image, Publication, Stream } from './stream.ts';
import { StreamMap } from './stream-map.ts';

/** Every stream the network agent has, by registration id. */
export class Streams {
  readonly publications: StreamMap<Publication> = new StreamMap();
  readonly images: StreamMap<Image> = new StreamMap();

  get(registrationId: number): Stream | null {
    return this.publications.get(registrationId) ?? this.images.get(registrationId) ?? null;
  }

  /** Publications and images with this stream id on an endpoint; null: IPC publications. */
  onEndpoint(endpoint: ChannelEndpoint | null, streamId: number): Stream[] {
    return [
      ...this.publications.onEndpoint(endpoint, streamId),
      ...this.images.onEndpoint(endpoint, streamId),
    ];
  }

  all(): Stream[] {
    return [...this.publications.values(), ...this.images.values()];
  }
}
