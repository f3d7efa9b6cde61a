/**
 * A module for `aeron.driver.dynamic.libraries`: registers a flow control that fills no more than half of the receiver's
 * window. `examples/extend-driver.ts` uses it.
 */
import type { ExtensionModule, FlowControl, FlowControlledStream, StatusMessage } from 'aeron-bypass/driver';

class HalfWindow implements FlowControl {
  readonly hasRequiredReceivers = true;
  private readonly senderLimit: FlowControlledStream['senderLimit'];

  constructor({ senderLimit }: FlowControlledStream) {
    this.senderLimit = senderLimit;
  }

  onStatusMessage({ position, windowLength }: StatusMessage): void {
    const limit = position + windowLength / 2;
    if (limit <= this.senderLimit.value) return;
    this.senderLimit.value = limit;
    this.senderLimit.publish();
  }

  onIdle(): void {}
  onSetupElicited(): void {}
  onSetup(): void {}
  onError(): void {}
}

export const register: ExtensionModule['register'] = (extensions) => {
  extensions.register('flowControl', 'half-window', (stream) => new HalfWindow(stream));
};
