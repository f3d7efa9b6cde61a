// hot
import type { StatusMessage } from './status-message.ts';

/**
 * How far a publication may send, by what its receivers say. A strategy keeps the sender limit, which it is made with,
 * and publishes it when it changes. Called on the network agent's thread.
 */
export interface FlowControl {
  /** Whether there are receivers enough for the publication to be connected, once there are any. */
  readonly hasRequiredReceivers: boolean;
  /** A status message that is plausible for where the sender is. */
  onStatusMessage(message: StatusMessage): void;
  /** A duty cycle in which nothing was sent. */
  onIdle(): void;
  /** A status message asks for a setup frame; its position and window mean nothing. */
  onSetupElicited(message: StatusMessage): void;
  /** A setup frame that was asked for is being sent. */
  onSetup(): void;
  /** A receiver rejects the stream. */
  onError(receiverIdLow: number, receiverIdHigh: number): void;
}

/** Hears which receivers a strategy waits for: how many there are now, and the two halves of the id of one. */
export interface ReceiverListener {
  onReceiverAdded(count: number, receiverIdLow: number, receiverIdHigh: number): void;
  onReceiverRemoved(count: number, receiverIdLow: number, receiverIdHigh: number): void;
}
