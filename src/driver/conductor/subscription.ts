import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { SubscriptionParameters } from './parameters.ts';
import type { Stream } from './stream.ts';

/** A client's interest in a stream of one endpoint, or of IPC. */
export interface Subscription {
  readonly registrationId: number;
  readonly clientId: number;
  readonly streamId: number;
  /** As the client wrote it. */
  readonly channel: string;
  /** Null for IPC. */
  readonly endpoint: ChannelEndpoint | null;
  readonly parameters: SubscriptionParameters;
}

/** Whether a subscription wants a stream of this endpoint (`null`: IPC), stream id and session. */
export function wants(
  subscription: Subscription,
  endpoint: ChannelEndpoint | null,
  streamId: number,
  sessionId: number,
): boolean {
  const wanted = subscription.parameters.sessionId;
  return (
    subscription.endpoint === endpoint &&
    subscription.streamId === streamId &&
    (wanted === null || wanted === sessionId)
  );
}

/** {@link wants}, of a stream that exists. */
export function wantsStream(subscription: Subscription, stream: Stream): boolean {
  return wants(subscription, stream.endpoint, stream.streamId, stream.sessionId);
}
