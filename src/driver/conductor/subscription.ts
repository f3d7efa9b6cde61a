import type { UdpAddresses, UdpChannel } from './channel.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { SubscriptionParameters } from './parameters.ts';
import type { Stream } from './stream.ts';

/** The channel of a spy, and what its names mean. */
export interface SpiedChannel {
  readonly channel: UdpChannel;
  readonly addresses: UdpAddresses;
}

/** A client's interest in a stream of one endpoint, or of IPC. */
export interface Subscription {
  readonly registrationId: number;
  /** Of a destination of a multi-destination subscription, what added it; -1: it is no destination. */
  readonly destinationId: number;
  readonly clientId: number;
  readonly streamId: number;
  /** As the client wrote it. */
  readonly channel: string;
  /** Null for IPC and spies. */
  readonly endpoint: ChannelEndpoint | null;
  /** What a spy listens to: network publications on this channel. Null when it is none. */
  readonly spied: SpiedChannel | null;
  readonly parameters: SubscriptionParameters;
  /** The session of the response stream, once it is known. */
  responseSessionId: number | null;
}

/** Whether a subscription wants a stream of this endpoint (`null`: IPC), stream id and session. */
export function wants(
  subscription: Subscription,
  endpoint: ChannelEndpoint | null,
  streamId: number,
  sessionId: number,
): boolean {
  const { spied, parameters } = subscription;
  const wanted = parameters.sessionId ?? subscription.responseSessionId;
  if (wanted === null && parameters.isResponse) return false;
  if (subscription.streamId !== streamId || (wanted !== null && wanted !== sessionId)) return false;
  if (spied === null) return subscription.endpoint === endpoint;
  if (endpoint?.kind !== 'send') return false;
  const { tag } = spied.channel;
  return (
    (tag !== null && tag === endpoint.channel.tag) || endpoint.serves('send', spied.channel, spied.addresses)
  );
}

/** {@link wants}, of a stream that exists. */
export function wantsStream(subscription: Subscription, stream: Stream): boolean {
  return wants(subscription, stream.endpoint, stream.streamId, stream.sessionId);
}
