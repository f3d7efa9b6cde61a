import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import type { Clock } from '../../concurrent/clock.ts';
import type { GroupTag } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl, ReceiverListener } from './flow-control.ts';
import { MaxFlowControl } from './max-flow-control.ts';
import { MinFlowControl } from './min-flow-control.ts';

/** The publication that flow control is made for, and what channel and settings say of it. */
export interface FlowControlledStream {
  /** To be moved and published: the sender sends up to it. It starts where the publication does. */
  readonly senderLimit: PositionCounter;
  readonly clock: Clock;
  /** Counts the receivers that are waited for; null for `max`. */
  readonly receivers: AtomicCounter | null;
  readonly groupTag: GroupTag;
  readonly groupMinSize: number;
  readonly receiverTimeoutNs: number;
  /** To be told of receivers that are waited for; null: nobody listens. */
  readonly receiverListener: ReceiverListener | null;
}

/** Makes the flow control of one publication. */
export type FlowControlSupplier = (stream: FlowControlledStream) => FlowControl;

/** Those the driver brings along. */
export const FLOW_CONTROL: Readonly<Record<string, FlowControlSupplier>> = {
  max: ({ senderLimit }) => new MaxFlowControl(senderLimit),
  min: (stream) => minFlowControl(stream, null),
  tagged: (stream) => minFlowControl(stream, stream.groupTag),
};

function minFlowControl(
  { senderLimit, clock, receivers, groupMinSize, receiverTimeoutNs, receiverListener }: FlowControlledStream,
  groupTag: GroupTag | null,
): FlowControl {
  const options = { groupTag, groupMinSize, receiverTimeoutNs, receiverListener };
  return new MinFlowControl(senderLimit, clock, receivers!, options);
}
