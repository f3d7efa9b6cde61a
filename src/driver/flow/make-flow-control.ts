import type { AgentContext } from '../agent-context.ts';
import type { FlowControlSpec } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl } from './flow-control.ts';

/**
 * The strategy that a publication's channel asks for, or else the driver's settings.
 * @throws ConfigurationError when there is none of that name.
 */
export function makeFlowControl(
  spec: FlowControlSpec,
  context: AgentContext,
  senderLimit: PositionCounter,
): FlowControl {
  const { groupTag, groupMinSize, receiverTimeoutNs, receiversCounterId } = spec;
  return context.extensions.get(
    'flowControl',
    spec.strategy,
  )({
    senderLimit,
    clock: context.clock,
    receivers: receiversCounterId < 0 ? null : context.counter(receiversCounterId),
    groupTag,
    groupMinSize,
    receiverTimeoutNs,
  });
}
