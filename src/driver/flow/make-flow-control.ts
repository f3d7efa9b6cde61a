import type { AgentContext } from '../agent-context.ts';
import type { FlowControlSpec } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl } from './flow-control.ts';
import { MaxFlowControl } from './max-flow-control.ts';
import { MinFlowControl } from './min-flow-control.ts';

/** The strategy that a publication's channel asks for. */
export function makeFlowControl(
  spec: FlowControlSpec,
  context: AgentContext,
  senderLimit: PositionCounter,
): FlowControl {
  if (spec.strategy === 'max') return new MaxFlowControl(senderLimit);
  const { groupTag, groupMinSize, receiverTimeoutNs, receiversCounterId } = spec;
  return new MinFlowControl(senderLimit, context.clock, context.counter(receiversCounterId), {
    groupTag: spec.strategy === 'tagged' ? groupTag : null,
    groupMinSize,
    receiverTimeoutNs,
  });
}
