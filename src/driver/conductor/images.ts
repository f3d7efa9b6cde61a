import { imageLogPath } from '../../cnc/cnc-file.ts';
import type { Command } from '../../cnc/commands.ts';
import {
  CUBIC_RTT,
  CUBIC_WINDOW,
  RECEIVER_HWM,
  RECEIVER_NAKS_SENT,
  RECEIVER_POSITION,
  SystemCounter,
} from '../../cnc/counter-types.ts';
import { ErrorCode } from '../../cnc/error-codes.ts';
import { ADDRESS_TYPE_IPV4, ADDRESS_TYPE_IPV6 } from '../../cnc/events.ts';
import type { AtomicCounter } from '../../concurrent/atomic-counter.ts';
import { computePosition, positionBits } from '../../logbuffer/descriptor.ts';
import { SETUP_FLAG_GROUP, SETUP_FLAG_SEND_RESPONSE_SETUP } from '../../protocol/setup-frame.ts';
import type { IpAddress } from '../../transport/transport.ts';
import { isIpv6, releaseAddress, retainAddress } from '../../util/ip-address.ts';
import { formatSocketAddress, ipAddressBytes } from '../../util/ip-text.ts';
import type { CubicSpec, NetworkCommand, NetworkEvent } from '../messages.ts';
import type { ChannelEndpoint } from './channel-endpoint.ts';
import { CommandError } from './command-error.ts';
import type { ConductorContext } from './conductor-context.ts';
import type { Endpoints } from './endpoints.ts';
import { allocateStreamCounters, type Linker, subscriberPositions } from './linker.ts';
import type { Publications } from './publications.ts';
import type { Image, SubscriberLink } from './stream.ts';
import type { Streams } from './streams.ts';
import type { Subscription } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';

type Setup = Extract<NetworkEvent, { kind: 'setupReceived' }>;
type RejectImageCommand = Extract<Command, { type: 'rejectImage' }>;

const NO_OWNER = -1;
const REASON_LENGTH_MAX = 1023;
/** Nobody in particular: the receiver id and the group of a rejection within this machine. */
const NULL_VALUE = -1n;
const LOOPBACK = 0x7f000001;

/** Streams that arrive: an image for each session that a subscription wants. */
export class Images {
  private readonly context: ConductorContext;
  private readonly endpoints: Endpoints;
  private readonly streams: Streams;
  private readonly subscriptions: Subscriptions;
  private readonly publications: Publications;
  private readonly linker: Linker;
  private readonly rejected: AtomicCounter;
  private readonly ttlAsymmetries: AtomicCounter;

  constructor(
    context: ConductorContext,
    endpoints: Endpoints,
    streams: Streams,
    subscriptions: Subscriptions,
    publications: Publications,
    linker: Linker,
  ) {
    this.context = context;
    this.endpoints = endpoints;
    this.streams = streams;
    this.subscriptions = subscriptions;
    this.publications = publications;
    this.linker = linker;
    this.rejected = context.systemCounter(SystemCounter.IMAGES_REJECTED);
    this.ttlAsymmetries = context.systemCounter(SystemCounter.POSSIBLE_TTL_ASYMMETRY);
  }

  /** Somebody publishes what a subscription wants. */
  onSetup(setup: Setup): void {
    const { endpointId, streamId, sessionId } = setup;
    const endpoint = this.endpoints.get(endpointId);
    let isCreated = false;
    try {
      if (endpoint?.state !== 'active') return;
      const subscriptions = this.subscriptions.wanting(endpoint, streamId, sessionId);
      if (subscriptions.length === 0) return;
      this.create(setup, endpoint, subscriptions);
      isCreated = true;
    } finally {
      if (!isCreated) this.context.network.send({ kind: 'imageNotCreated', endpointId, streamId, sessionId });
    }
  }

  private create(setup: Setup, endpoint: ChannelEndpoint, subscriptions: readonly Subscription[]): void {
    const { context, linker } = this;
    const { sessionId, streamId, initialTermId, termLength } = setup;
    const { channel, clientId: ownerId, parameters } = subscriptions[0]!;
    const isGroup = parameters.isGroup ?? (endpoint.isMulticast || (setup.flags & SETUP_FLAG_GROUP) !== 0);
    this.check(setup, endpoint, parameters.windowLength);
    const { multicast } = endpoint.addresses;
    if (multicast !== null && multicast.ttl < setup.ttl) this.ttlAsymmetries.increment();

    const registrationId = context.cnc.toDriver.nextCorrelationId();
    const identity = { registrationId, sessionId, streamId };
    const bits = positionBits(termLength);
    const joinPosition = computePosition(setup.activeTermId, setup.termOffset, bits, initialTermId);
    const windowLength = Math.min(parameters.windowLength, termLength / 2);
    const logPath = imageLogPath(context.options.dir, registrationId);
    const log = context.logs.create(logPath, {
      ...identity,
      logType: 'image',
      initialTermId,
      termLength,
      mtu: setup.mtu,
      isSparse: parameters.isSparse,
      receiverWindowLength: windowLength,
      socketSndbufLength: endpoint.buffers.sendBufferLength,
      socketRcvbufLength: endpoint.buffers.receiveBufferLength,
      rejoin: parameters.rejoin,
      isReliable: parameters.isReliable,
      isGroup,
      tether: parameters.tether,
      untetheredWindowLimitTimeoutNs: parameters.untethered.windowLimitNs,
      untetheredLingerTimeoutNs: parameters.untethered.lingerNs,
      untetheredRestingTimeoutNs: parameters.untethered.restingNs,
    });
    const isCubic = parameters.congestionControl === 'cubic';
    let cubicCounterIds: number[] = [];
    let counterIds: number[] = [];
    let links: SubscriberLink[] = [];
    try {
      const cubic = isCubic ? [CUBIC_RTT, CUBIC_WINDOW] : [];
      cubicCounterIds = allocateStreamCounters(context, cubic, { ...identity, channel, ownerId: NO_OWNER });
      const own = { ...identity, channel, ownerId, value: joinPosition };
      counterIds = allocateStreamCounters(context, [RECEIVER_HWM, RECEIVER_POSITION], own);
      counterIds.push(...allocateStreamCounters(context, [RECEIVER_NAKS_SENT], { ...own, value: 0 }));
      links = linker.linkNew(identity, subscriptions, joinPosition);
    } catch (error) {
      for (const id of [...cubicCounterIds, ...counterIds]) context.counters.free(id);
      context.logs.remove(logPath, log);
      throw error;
    }
    const image: Image = {
      ...identity,
      log,
      logPath,
      endpoint,
      sourceAddress: retainAddress(setup.sourceAddress),
      sourceIdentity: formatSocketAddress(setup.sourceAddress, setup.sourcePort),
      counterIds: [...counterIds, ...cubicCounterIds],
      links: [...links],
      isAvailable: true,
      isResponseWanted: (setup.flags & SETUP_FLAG_SEND_RESPONSE_SETUP) !== 0,
    };
    this.streams.images.set(registrationId, image);
    endpoint.users++;
    const command = addCommand(setup, image, subscriptions[0]!, joinPosition, windowLength, isGroup);
    const { congestionControl } = parameters;
    const congestion = isCubic ? { congestion: this.cubicSpec(cubicCounterIds) } : {};
    const changes = congestionControl === 'static' ? {} : { congestionControl, ...congestion };
    context.network.send({ ...command, image: { ...command.image, ...changes } });
    for (const link of links) linker.announce(image, link);
  }

  private cubicSpec([rttCounterId = -1, windowCounterId = -1]: readonly number[]): CubicSpec {
    const { cubicMeasureRtt, cubicInitialRttNs, cubicTcpMode } = this.context.options;
    return {
      measuresRtt: cubicMeasureRtt,
      initialRttNs: cubicInitialRttNs,
      isTcpFriendly: cubicTcpMode,
      rttCounterId,
      windowCounterId,
    };
  }

  /** @throws CommandError when the stream cannot be received here. */
  private check({ streamId, sessionId, mtu }: Setup, endpoint: ChannelEndpoint, windowLength: number): void {
    const about = `stream-id=${streamId} session-id=${sessionId} channel=${endpoint.channel.channel.text}`;
    if (mtu > windowLength) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `mtu=${mtu} of the sender is more than the receiver window of ${windowLength}, ${about}`,
      );
    }
    const { streamSessionLimit } = this.context.options;
    const sessions = [...this.streams.images.onEndpoint(endpoint, streamId)].length;
    if (sessions >= streamSessionLimit) {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `exceeded session limit, stream-id=${streamId} session-limit=${streamSessionLimit}, ${about}`,
      );
    }
  }

  /** Whether a stream arrives on an endpoint. */
  isConnected(endpoint: ChannelEndpoint): boolean {
    for (const image of this.streams.images.values()) {
      if (image.endpoint === endpoint && image.isAvailable) return true;
    }
    return false;
  }

  /** The network agent has let go of it. */
  onReleased(image: Image): void {
    const { registrationId: id, sessionId, streamId, endpoint } = image;
    this.streams.images.delete(id);
    const channel = endpoint?.channel.text;
    this.context.eventLog?.record('REMOVE_IMAGE_CLEANUP', { sessionId, streamId, id, channel });
    releaseAddress(image.sourceAddress);
    for (const { counterId } of image.links) this.context.counters.free(counterId);
    for (const id of image.counterIds) this.context.counters.free(id);
    this.context.logs.remove(image.logPath, image.log);
    if (image.endpoint !== null) this.endpoints.release(image.endpoint);
  }

  /** A subscriber does not want a stream, whatever it is. @throws CommandError when there is no such image. */
  reject({ correlationId, imageCorrelationId, reason }: RejectImageCommand): void {
    if (reason.length > REASON_LENGTH_MAX) {
      throw new CommandError(ErrorCode.GENERIC_ERROR, 'Invalidation reason_text must be 1023 bytes or less');
    }
    const publication = this.streams.publications.get(imageCorrelationId);
    if (this.streams.images.has(imageCorrelationId)) {
      this.context.network.send({ kind: 'rejectImage', registrationId: imageCorrelationId, reason });
    } else if (publication !== undefined && publication.endpoint === null) {
      this.reportPublicationError({
        registrationId: imageCorrelationId,
        sessionId: publication.sessionId,
        streamId: publication.streamId,
        receiverId: NULL_VALUE,
        errorCode: ErrorCode.IMAGE_REJECTED,
        message: reason,
        sourceAddress: LOOPBACK,
        sourcePort: 0,
        destinationRegistrationId: -1,
        groupTag: NULL_VALUE,
      });
      this.publications.rejectIpc(publication);
    } else {
      throw new CommandError(
        ErrorCode.GENERIC_ERROR,
        `no image has the correlation id ${imageCorrelationId}`,
      );
    }
    this.rejected.increment();
    this.context.events.operationSucceeded(correlationId);
  }

  /** Tells publishers what a subscriber has against their stream. */
  reportPublicationError(error: {
    readonly registrationId: number;
    readonly sessionId: number;
    readonly streamId: number;
    readonly receiverId: bigint;
    readonly groupTag: bigint;
    /** Of the destination that the receiver answers for, or -1. */
    readonly destinationRegistrationId: number;
    readonly errorCode: number;
    readonly message: string;
    readonly sourceAddress: IpAddress;
    readonly sourcePort: number;
  }): void {
    const { registrationId, sessionId, streamId, receiverId, errorCode, message } = error;
    this.context.errors.record(
      errorCode,
      `a receiver refused publication registrationId=${registrationId} sessionId=${sessionId} streamId=${streamId}: ` +
        `receiverId=${receiverId} ${message}`,
    );
    this.context.events.transmit({
      type: 'publicationError',
      ...error,
      addressType: isIpv6(error.sourceAddress) ? ADDRESS_TYPE_IPV6 : ADDRESS_TYPE_IPV4,
      sourceAddress: Buffer.concat([ipAddressBytes(error.sourceAddress), Buffer.alloc(12)], 16),
    });
  }
}

function addCommand(
  setup: Setup,
  image: Image,
  { channel, parameters }: Subscription,
  joinPosition: number,
  windowLength: number,
  isGroup: boolean,
): Extract<NetworkCommand, { kind: 'addImage' }> {
  const { registrationId, log, sourceIdentity, counterIds } = image;
  const [rcvHwmCounterId, rcvPosCounterId, rcvNaksSentCounterId] = counterIds as [number, number, number];
  return {
    kind: 'addImage',
    image: {
      registrationId,
      endpointId: setup.endpointId,
      log: { buffer: log.region.buffer, handle: log.region.handle },
      sessionId: setup.sessionId,
      streamId: setup.streamId,
      initialTermId: setup.initialTermId,
      termLength: setup.termLength,
      mtu: setup.mtu,
      joinPosition,
      windowLength,
      isReliable: parameters.isReliable,
      rejoin: parameters.rejoin,
      nakDelayNs: parameters.nakDelayNs,
      isGroup,
      sourceAddress: setup.sourceAddress,
      sourcePort: setup.sourcePort,
      destinationId: setup.destinationId,
      channel,
      sourceIdentity,
      rcvHwmCounterId,
      rcvPosCounterId,
      rcvNaksSentCounterId,
      subscribers: subscriberPositions(image.links),
      untethered: parameters.untethered,
    },
  };
}
