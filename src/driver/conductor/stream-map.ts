/** A map by registration id that also finds what has a stream id, without looking at everything else. */
export class StreamMap<T extends { readonly streamId: number }> extends Map<number, T> {
  private readonly byStreamId: Map<number, Set<T>> = new Map();

  override set(registrationId: number, value: T): this {
    this.delete(registrationId);
    super.set(registrationId, value);
    const known = this.byStreamId.get(value.streamId);
    if (known === undefined) this.byStreamId.set(value.streamId, new Set([value]));
    else known.add(value);
    return this;
  }

  override delete(registrationId: number): boolean {
    const value = this.get(registrationId);
    if (value === undefined) return false;
    const known = this.byStreamId.get(value.streamId)!;
    known.delete(value);
    if (known.size === 0) this.byStreamId.delete(value.streamId);
    return super.delete(registrationId);
  }

  override clear(): void {
    super.clear();
    this.byStreamId.clear();
  }

  /** What has this stream id, the oldest first. */
  ofStream(streamId: number): Iterable<T> {
    return this.byStreamId.get(streamId) ?? [];
  }
}
