import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { IpAddress } from '../../transport/transport.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import type { PublicationParameters } from './parameters.ts';
import type { Subscription } from './subscription.ts';

/** A subscription's place on a stream, with the counter of its position. */
export interface SubscriberLink {
  readonly subscription: Subscription;
  readonly counterId: number;
  /** False until the network agent has said where it joins: the client is told then. */
  isJoined: boolean;
}

/**
 * A log and what hangs on it: a publication's, or an image's. The network agent has it from creation until it says
 * `streamReleased`.
 */
export interface Stream {
  readonly registrationId: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly log: LogBuffers;
  readonly logPath: string;
  /** Null for IPC. */
  readonly endpoint: ChannelEndpoint | null;
  /** What subscribers are told of where it comes from. */
  readonly sourceIdentity: string;
  /** Position counters, freed with the stream. */
  readonly counterIds: readonly number[];
  readonly links: SubscriberLink[];
  /** False once its subscribers were told that it went. */
  isAvailable: boolean;
}

/** A stream that clients of this driver publish. */
export interface Publication extends Stream {
  readonly isExclusive: boolean;
  /** As the client wrote it that made it. */
  readonly channel: string;
  readonly parameters: PublicationParameters;
  readonly initialTermId: number;
  readonly publisherLimitCounterId: number;
  /** Clients' publications on it. */
  references: number;
  /** The last reference is gone, or it was revoked. */
  isDraining: boolean;
  /** A subscriber of this IPC publication rejected it: there are none until then. 0 when not. */
  coolDownUntilNs: number;
}

/** A stream that is received. */
export interface Image extends Stream {
  /** Its sender waits for a response publication. */
  readonly isResponseWanted: boolean;
  /** Where it comes from; held while the image is there. */
  readonly sourceAddress: IpAddress;
}

/** A publication of this machine rather than of the network. */
export function isIpc(stream: Stream): boolean {
  return stream.endpoint === null;
}
