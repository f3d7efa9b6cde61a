import type { SessionTable } from '../session-table.ts';
import type { Image } from './image.ts';

/** A setup frame was asked for. */
export const PENDING_SETUP = 1;
/** The conductor is making the image. */
export const INIT_IN_PROGRESS = 2;
/** The image went away without an end of stream and must not come back. */
export const COOL_DOWN = 3;

/** What happens to a session that has no image. */
export interface SessionState {
  state: number;
  /** When a {@link PENDING_SETUP} is forgotten. */
  deadlineNs: number;
}

/** Sessions of one stream that are remembered, images included. A flood of forged session ids ends here. */
const SESSIONS_MAX = 4096;

/** What is wanted of one stream on a receive endpoint, and what became of its sessions. Changes are cold. */
export class StreamInterest {
  readonly streamId: number;
  isAllSessions = false;
  readonly subscribedSessions: Set<number> = new Set();
  readonly images: Map<number, Image> = new Map();
  readonly states: Map<number, SessionState> = new Map();

  constructor(streamId: number) {
    this.streamId = streamId;
  }

  isFor(sessionId: number): boolean {
    return this.isAllSessions || this.subscribedSessions.has(sessionId);
  }

  /** Nobody wants anything of the stream, and no image is left. */
  get isEmpty(): boolean {
    return !this.isAllSessions && this.subscribedSessions.size === 0 && this.images.size === 0;
  }

  /** Whether another session can be remembered. */
  get hasRoom(): boolean {
    return this.states.size + this.images.size < SESSIONS_MAX;
  }

  /** Forgets images and states that nobody subscribes to any more; `sessions` does too. */
  dropUnsubscribed(sessions: SessionTable<Image>): void {
    for (const [sessionId, image] of this.images) {
      if (this.isFor(sessionId)) continue;
      this.images.delete(sessionId);
      sessions.delete(sessionId, this.streamId);
      image.onInterestLost();
    }
    for (const sessionId of this.states.keys()) if (!this.isFor(sessionId)) this.states.delete(sessionId);
  }

  setState(sessionId: number, state: number, deadlineNs = 0): void {
    this.states.set(sessionId, { state, deadlineNs });
  }
}

/** Forgets setups that were asked for in vain. */
export function dropPendingSetups(interests: Map<number, StreamInterest>, nowNs: number): void {
  for (const { states } of interests.values()) {
    if (states.size === 0) continue;
    for (const [sessionId, { state, deadlineNs }] of states) {
      if (state === PENDING_SETUP && nowNs >= deadlineNs) states.delete(sessionId);
    }
  }
}
