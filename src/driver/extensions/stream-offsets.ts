// hot

/** Forged sessions must not fill memory: streams beyond these are not followed. */
const STREAMS_MAX = 4096;

/** An offset for each stream, by stream id and session id. */
export class StreamOffsets {
  private readonly streams: Map<number, Map<number, number>> = new Map();
  private count = 0;

  /** The stream's offset, or -1. */
  get(streamId: number, sessionId: number): number {
    const sessions = this.streams.get(streamId);
    if (sessions === undefined) return -1;
    return sessions.get(sessionId) ?? -1;
  }

  /** False when there are too many streams to remember this one too. */
  set(streamId: number, sessionId: number, offset: number): boolean {
    const sessions = this.streams.get(streamId) ?? this.openStream(streamId);
    if (!sessions.has(sessionId)) {
      if (this.count === STREAMS_MAX) return false;
      this.count++;
    }
    sessions.set(sessionId, offset);
    return true;
  }

  /** Cold. */
  private openStream(streamId: number): Map<number, number> {
    const sessions = new Map<number, number>();
    if (this.count < STREAMS_MAX) this.streams.set(streamId, sessions);
    return sessions;
  }
}
