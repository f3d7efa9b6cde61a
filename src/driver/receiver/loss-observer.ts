// hot
import type { AgentContext } from '../agent-context.ts';
import type { ImageSpec } from '../messages.ts';

/** Counts in the loss report what one image missed, each byte once however often its gap is seen. */
export class LossObserver {
  private readonly context: AgentContext;
  private readonly spec: ImageSpec;
  /** Of the last gap. */
  private termId = 0;
  private endOffset = 0;
  /** In the loss report; -1: there is none yet. */
  private entry = -1;

  constructor(context: AgentContext, spec: ImageSpec) {
    this.context = context;
    this.spec = spec;
  }

  onGap(termId: number, offset: number, length: number): void {
    const endOffset = offset + length;
    const isNew = termId !== this.termId || offset >= this.endOffset;
    const bytesLost = isNew ? length : endOffset - this.endOffset;
    if (bytesLost <= 0) return;
    this.termId = termId;
    this.endOffset = endOffset;
    const { lossReport } = this.context;
    if (this.entry >= 0) {
      lossReport.recordObservation(this.entry, bytesLost);
    } else {
      const { sessionId, streamId, channel, sourceIdentity } = this.spec;
      this.entry = lossReport.createEntry(bytesLost, sessionId, streamId, channel, sourceIdentity);
    }
  }
}
