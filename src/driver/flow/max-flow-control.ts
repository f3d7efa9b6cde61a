// hot
import type { PositionCounter } from '../position-counter.ts';
import type { FlowControl } from './flow-control.ts';
import type { StatusMessage } from './status-message.ts';

/** The fastest receiver decides, and the only one of a unicast stream: the sender limit never goes back. */
export class MaxFlowControl implements FlowControl {
  readonly hasRequiredReceivers: boolean = true;
  private readonly senderLimit: PositionCounter;

  constructor(senderLimit: PositionCounter) {
    this.senderLimit = senderLimit;
  }

  onStatusMessage(message: StatusMessage): void {
    const limit = message.position + message.windowLength;
    if (limit <= this.senderLimit.value) return;
    this.senderLimit.value = limit;
    this.senderLimit.publish();
  }

  onIdle(): void {}

  onSetupElicited(_message: StatusMessage): void {}

  onSetup(): void {}

  onError(_receiverIdLow: number, _receiverIdHigh: number): void {}
}
