import type { LogBuffers } from '../../logbuffer/log-buffers.ts';
import type { LogParameters } from '../../logbuffer/log-metadata.ts';
import type { FlowControlParameters } from '../flow/flow-control-uri.ts';
import type { NetworkCommand } from '../messages.ts';
import { subscriberPositions } from './linker.ts';
import { NO_RESPONSE, type PublicationParameters } from './parameters.ts';
import type { Publication } from './stream.ts';

const NO_COUNTER = -1;

/** What a log's metadata says of its publication's settings. */
export function logParameters(
  parameters: PublicationParameters,
): Omit<LogParameters, 'logType' | 'registrationId' | 'sessionId' | 'streamId' | 'initialTermId'> {
  const { buffers } = parameters;
  return {
    termLength: parameters.termLength,
    mtu: parameters.mtu,
    isSparse: parameters.isSparse,
    publicationWindowLength: parameters.windowLength,
    socketSndbufLength: buffers.sendBufferLength,
    socketRcvbufLength: buffers.receiveBufferLength,
    maxResend: parameters.maxResend,
    lingerTimeoutNs: parameters.lingerTimeoutNs,
    isResponse: parameters.isResponse,
    responseCorrelationId: parameters.responseCorrelationId,
    signalEos: parameters.signalEos,
    ...(parameters.entityTag === null ? {} : { entityTag: parameters.entityTag }),
    spiesSimulateConnection: parameters.spiesSimulateConnection,
    untetheredWindowLimitTimeoutNs: parameters.untethered.windowLimitNs,
    untetheredLingerTimeoutNs: parameters.untethered.lingerNs,
    untetheredRestingTimeoutNs: parameters.untethered.restingNs,
  };
}

/** What the network agent is told of a new publication. `flowControl` null: IPC. */
export function addCommand(
  publication: Publication,
  log: LogBuffers,
  startPosition: number,
  flowControl: FlowControlParameters | null,
  resendHandle: number,
): NetworkCommand {
  const { registrationId, sessionId, streamId, initialTermId, isExclusive, endpoint, parameters } =
    publication;
  const [publisherPosition, publisherLimit, senderPosition, senderLimit, senderBpe, senderNaks, receivers] =
    publication.counterIds;
  const common = {
    registrationId,
    log: { buffer: log.region.buffer, handle: log.region.handle },
    sessionId,
    streamId,
    initialTermId,
    termLength: parameters.termLength,
    startPosition,
    isExclusive,
    termWindowLength: parameters.windowLength,
    publisherPositionCounterId: publisherPosition!,
    publisherLimitCounterId: publisherLimit!,
    subscribers: subscriberPositions(publication.links),
    untethered: parameters.untethered,
  };
  if (endpoint === null || flowControl === null) return { kind: 'addIpcPublication', publication: common };
  const timestampOffset = endpoint.channel.timestamps?.channelSend ?? -1;
  return {
    kind: 'addNetworkPublication',
    publication: {
      ...common,
      endpointId: endpoint.id,
      mtu: parameters.mtu,
      signalEos: parameters.signalEos,
      lingerTimeoutNs: parameters.lingerTimeoutNs,
      isGroup: endpoint.hasGroupSemantics,
      maxResend: parameters.maxResend,
      flowControl: { ...flowControl, receiversCounterId: receivers ?? NO_COUNTER },
      ...(timestampOffset === -1 ? {} : { timestampOffset }),
      ...(resendHandle === log.region.handle ? {} : { resendHandle }),
      ttl: endpoint.addresses.multicast?.ttl ?? 0,
      isResponse: parameters.isResponse,
      wantsResponse: !parameters.isResponse && parameters.responseCorrelationId !== NO_RESPONSE,
      spiesSimulateConnection: parameters.spiesSimulateConnection,
      remoteAddress: endpoint.addresses.remoteAddress,
      remotePort: endpoint.addresses.remotePort,
      senderPositionCounterId: senderPosition!,
      senderLimitCounterId: senderLimit!,
      senderBpeCounterId: senderBpe!,
      senderNaksReceivedCounterId: senderNaks!,
    },
  };
}
