import type { AgentContext } from '../agent-context.ts';
import type { EventLog } from '../event-log/event-log.ts';
import type { FlowControlSpec } from '../messages.ts';
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl, ReceiverListener } from './flow-control.ts';

const RECEIVER_ADDED = 'FLOW_CONTROL_RECEIVER_ADDED';
const RECEIVER_REMOVED = 'FLOW_CONTROL_RECEIVER_REMOVED';

/**
 * The strategy that a publication's channel asks for, or else the driver's settings.
 * @throws ConfigurationError when there is none of that name.
 */
export function makeFlowControl(
  spec: FlowControlSpec,
  context: AgentContext,
  senderLimit: PositionCounter,
  { sessionId, streamId }: { readonly sessionId: number; readonly streamId: number },
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
    receiverListener: receiverListener(context.eventLog, sessionId, streamId),
  });
}

/** Null when nobody wants to hear. */
function receiverListener(
  eventLog: EventLog | null,
  sessionId: number,
  streamId: number,
): ReceiverListener | null {
  if (eventLog === null || !(eventLog.logs(RECEIVER_ADDED) || eventLog.logs(RECEIVER_REMOVED))) return null;
  const record = (name: string, receiverCount: number, idLow: number, idHigh: number): void => {
    const receiverId = (BigInt(idHigh) << 32n) | BigInt(idLow >>> 0);
    eventLog.record(name, { receiverCount, receiverId, sessionId, streamId });
  };
  return {
    onReceiverAdded: (...receiver) => record(RECEIVER_ADDED, ...receiver),
    onReceiverRemoved: (...receiver) => record(RECEIVER_REMOVED, ...receiver),
  };
}
