import { ErrorCode } from '../../cnc/error-codes.ts';
import type { NetworkEvent } from '../messages.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import { NO_RESPONSE, PROTOTYPE_RESPONSE, type PublicationParameters } from './parameters.ts';
import type { Image, Publication } from './stream.ts';
import type { Streams } from './streams.ts';
import type { Subscriptions } from './subscriptions.ts';

type ResponseSetup = Extract<NetworkEvent, { kind: 'responseSetup' }>;

/**
 * Response channels: whoever receives a request stream publishes a stream of its own to each requester.
 *
 * ```
 *   requester: response subscription ← publication with response-correlation-id
 *   responder: image of that publication ← publication with control-mode=response
 * ```
 * The responder's driver tells the requester's the session of the response stream, and that is the one that the response
 * subscription then receives.
 */
export class Responses {
  private readonly context: ConductorContext;
  private readonly streams: Streams;
  private readonly subscriptions: Subscriptions;

  constructor(context: ConductorContext, streams: Streams, subscriptions: Subscriptions) {
    this.context = context;
    this.streams = streams;
    this.subscriptions = subscriptions;
  }

  /** @throws CommandError when what the parameters refer to is not there. */
  check({ isResponse, responseCorrelationId: id }: PublicationParameters, isIpc: boolean): void {
    if (isResponse) {
      if (id === NO_RESPONSE) {
        throw refuse('control-mode=response was specified, but no response-correlation-id set');
      }
      if (!isIpc && id !== PROTOTYPE_RESPONSE) this.image(id);
    } else if (id !== NO_RESPONSE && this.subscriptions.get(id) === undefined) {
      throw refuse(`unable to find response subscription for response-correlation-id=${id}`);
    }
  }

  private image(registrationId: number): Image {
    const image = this.streams.images.get(registrationId);
    if (image === undefined) throw refuse(`image.correlationId=${registrationId} not found`);
    if (!image.isResponseWanted) {
      throw refuse(`image.correlationId=${registrationId} did not request a response channel`);
    }
    return image;
  }

  /** A response publication has a session: the requester is to hear of it. Before its subscribers are looked for. */
  onSession(
    { isResponse, responseCorrelationId: id }: PublicationParameters,
    isIpc: boolean,
    sessionId: number,
  ): void {
    if (!isResponse || id < 0) return;
    if (!isIpc) {
      this.context.network.send({ kind: 'setResponseSession', registrationId: id, sessionId });
      return;
    }
    const request = this.streams.publications.get(id);
    const subscriptionId =
      request?.endpoint === null ? request.parameters.responseCorrelationId : NO_RESPONSE;
    const subscription = this.subscriptions.get(subscriptionId);
    if (subscription?.endpoint === null) this.subscriptions.setResponseSession(subscription, sessionId);
  }

  /** The driver of a responder names the session of the response stream. It goes on until the stream is connected. */
  onSetup({ registrationId, responseSessionId }: ResponseSetup): void {
    const publication = this.streams.publications.get(registrationId);
    const subscription = this.subscriptions.get(publication?.parameters.responseCorrelationId ?? NO_RESPONSE);
    if (subscription === undefined || subscription.endpoint === null) return;
    const { endpoint, streamId } = subscription;
    const sessionId =
      subscription.parameters.sessionId ?? subscription.responseSessionId ?? responseSessionId;
    this.subscriptions.setResponseSession(subscription, sessionId);
    this.context.network.send({ kind: 'requestSetup', endpointId: endpoint.id, streamId, sessionId });
  }

  /** The requester receives a response publication: it need not be told of it any more. */
  onConnected({ parameters }: Publication): void {
    const id = parameters.responseCorrelationId;
    if (parameters.isResponse && this.streams.images.has(id)) {
      this.context.network.send({ kind: 'setResponseSession', registrationId: id, sessionId: null });
    }
  }
}

function refuse(message: string): CommandError {
  return new CommandError(ErrorCode.GENERIC_ERROR, message);
}
