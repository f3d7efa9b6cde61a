// hot
const WORDS_PER_SLOT = 2;
/** Odd, and of no pattern: 2^32 divided by the golden ratio. */
const MULTIPLIER = 0x9e3779b1;
const CAPACITY_MIN = 16;

/** A stream of an endpoint. */
export interface Session {
  readonly sessionId: number;
  readonly streamId: number;
}

/**
 * The streams of an endpoint by session id and stream id, looked up for every datagram: a hash table with linear probing that
 * is at most half full. A thousand streams take 16 KiB of keys, where maps of maps are spread over all of the heap.
 */
export class SessionTable<S extends Session> {
  private keys: Int32Array = new Int32Array(WORDS_PER_SLOT * CAPACITY_MIN);
  private sessions: (S | null)[] = new Array<S | null>(CAPACITY_MIN).fill(null);
  private mask = CAPACITY_MIN - 1;
  private count = 0;

  /** The stream, or null. */
  get(sessionId: number, streamId: number): S | null {
    const { keys, sessions, mask } = this;
    let slot = slotOf(sessionId, streamId, mask);
    for (;;) {
      const session = sessions[slot]!;
      if (session === null) return null;
      const index = slot * WORDS_PER_SLOT;
      if (keys[index] === sessionId && keys[index + 1] === streamId) return session;
      slot = (slot + 1) & mask;
    }
  }

  /** Adds a stream, or puts it in the place of another of its session. Cold. */
  set(session: S): void {
    this.delete(session.sessionId, session.streamId);
    if (2 * (this.count + 1) > this.sessions.length) this.grow();
    this.put(session);
    this.count++;
  }

  /** Cold. */
  delete(sessionId: number, streamId: number): void {
    const session = this.get(sessionId, streamId);
    if (session === null) return;
    const { sessions, mask } = this;
    let slot = sessions.indexOf(session);
    sessions[slot] = null;
    this.count--;
    // Those behind it may have been put there because it was in the way.
    for (slot = (slot + 1) & mask; sessions[slot] !== null; slot = (slot + 1) & mask) {
      const moved = sessions[slot]!;
      sessions[slot] = null;
      this.put(moved);
    }
  }

  private put(session: S): void {
    const { keys, sessions, mask } = this;
    const { sessionId, streamId } = session;
    let slot = slotOf(sessionId, streamId, mask);
    while (sessions[slot] !== null) slot = (slot + 1) & mask;
    keys[slot * WORDS_PER_SLOT] = sessionId;
    keys[slot * WORDS_PER_SLOT + 1] = streamId;
    sessions[slot] = session;
  }

  /** Cold. */
  private grow(): void {
    const before = this.sessions;
    const capacity = 2 * before.length;
    this.keys = new Int32Array(WORDS_PER_SLOT * capacity);
    this.sessions = new Array<S | null>(capacity).fill(null);
    this.mask = capacity - 1;
    for (const session of before) if (session !== null) this.put(session);
  }
}

function slotOf(sessionId: number, streamId: number, mask: number): number {
  const mixed = Math.imul(Math.imul(sessionId, MULTIPLIER) ^ streamId, MULTIPLIER);
  return (mixed ^ (mixed >>> 15)) & mask;
}
