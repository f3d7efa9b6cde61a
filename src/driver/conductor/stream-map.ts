/** What streams and subscriptions are looked up by. */
interface Keyed {
  readonly streamId: number;
  /** Null: it has none. */
  readonly endpoint: object | null;
}

/**
 * A map by registration id that also finds what has a stream id, and what has it on one endpoint, without looking at
 * everything else.
 */
export class StreamMap<T extends Keyed> extends Map<number, T> {
  /** By stream id, then by endpoint. */
  private readonly byStreamId: Map<number, Map<object | null, Set<T>>> = new Map();

  override set(registrationId: number, value: T): this {
    this.delete(registrationId);
    super.set(registrationId, value);
    const { streamId, endpoint } = value;
    let byEndpoint = this.byStreamId.get(streamId);
    if (byEndpoint === undefined) {
      byEndpoint = new Map();
      this.byStreamId.set(streamId, byEndpoint);
    }
    const known = byEndpoint.get(endpoint);
    if (known === undefined) byEndpoint.set(endpoint, new Set([value]));
    else known.add(value);
    return this;
  }

  override delete(registrationId: number): boolean {
    const value = this.get(registrationId);
    if (value === undefined) return false;
    const byEndpoint = this.byStreamId.get(value.streamId)!;
    const known = byEndpoint.get(value.endpoint)!;
    known.delete(value);
    if (known.size === 0) byEndpoint.delete(value.endpoint);
    if (byEndpoint.size === 0) this.byStreamId.delete(value.streamId);
    return super.delete(registrationId);
  }

  override clear(): void {
    super.clear();
    this.byStreamId.clear();
  }

  /** What has this stream id, on one endpoint after the other. */
  *ofStream(streamId: number): Iterable<T> {
    for (const known of this.byStreamId.get(streamId)?.values() ?? []) yield* known;
  }

  /** What has this stream id on an endpoint (null: on none), the oldest first. */
  onEndpoint(endpoint: Keyed['endpoint'], streamId: number): Iterable<T> {
    return this.byStreamId.get(streamId)?.get(endpoint) ?? [];
  }
}
