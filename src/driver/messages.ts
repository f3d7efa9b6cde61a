/**
 * What the conductor and the network agent (sender and receiver) say to each other. Every message is plain data, so it
 * crosses a MessagePort as well as a queue in one isolate. Streams are named by the registration id of their log.
 *
 * The conductor owns names, files, counters and clients. The network agent owns every stream's state from the moment
 * a message hands it over until it says `streamReleased`.
 */

import type { ResolutionEntry } from '../protocol/resolution-frame.ts';
import type { BypassConfig } from '../transport/bypass/open-bypass-transport.ts';
import type { PortReport } from '../transport/bypass/port-report.ts';
import type { EndpointOptions, IpAddress } from '../transport/transport.ts';
import type { EventLogConfig } from './event-log/event-log.ts';

/** A region of the conductor's, to be adopted by the network agent's isolate. */
export interface SharedRegion {
  readonly buffer: SharedArrayBuffer;
  readonly handle: number;
}

/** A subscriber's position counter on one stream. */
export interface SubscriberPosition {
  readonly counterId: number;
  /** Whose it is: for the event log. */
  readonly subscriptionId?: number;
  /** False: it is left behind when it holds the stream back for too long. */
  readonly tether: boolean;
  /** Whether it is taken back after it was left behind and has rested; true when absent. */
  readonly rejoin?: boolean;
}

/** What becomes of subscribers with `tether=false` that hold a stream back. */
export interface UntetheredTimeouts {
  /** So long at the end of the window, and its image is unavailable. */
  readonly windowLimitNs: number;
  /** So long after that, and it does not count any more. */
  readonly lingerNs: number;
  /** So long after that, and it may come back. */
  readonly restingNs: number;
}

/** A 64-bit tag of a group of receivers, as its two halves. */
export interface GroupTag {
  readonly low: number;
  readonly high: number;
}

/** How far a publication may send, by what its receivers say. */
export interface FlowControlSpec {
  /** `max`, `min`, `tagged`, or what a module has registered. */
  readonly strategy: string;
  /** For `tagged`: the receivers that are waited for. */
  readonly groupTag: GroupTag;
  /** For `min` and `tagged`: receivers the publication needs to be connected. */
  readonly groupMinSize: number;
  /** For `min` and `tagged`: a receiver silent for so long is no longer waited for. */
  readonly receiverTimeoutNs: number;
  /** Windows of a receiver that one NAK gets at most. */
  readonly retransmitWindowMultiple: number;
  /** -1 for `max`. */
  readonly receiversCounterId: number;
}

/** Several receivers of an endpoint: told by the conductor one by one, or found by their status messages. */
export interface DestinationsSpec {
  readonly isManual: boolean;
  /** Counts them. */
  readonly counterId: number;
}

/**
 * Where timestamps are written, in bytes of a message's payload; -8: into the reserved value, other negative ones: not.
 */
export interface TimestampOffsets {
  /** When the machine had the datagram. */
  readonly mediaReceive: number;
  /** When the receiver had it. */
  readonly channelReceive: number;
  /** When the sender sent it. */
  readonly channelSend: number;
}

/** What a receive endpoint tells senders, and what it does to datagrams. */
export interface ReceiverSpec {
  /** Where status messages and NAKs go; `null`: to the source of the stream. */
  readonly control: { readonly address: IpAddress; readonly port: number } | null;
  readonly groupTag: GroupTag | null;
  /** Left out: no timestamps. */
  readonly timestamps?: TimestampOffsets;
}

export interface NetworkPublicationSpec {
  readonly registrationId: number;
  readonly endpointId: number;
  readonly log: SharedRegion;
  readonly sessionId: number;
  readonly streamId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  /** Where the stream starts: 0 unless the URI says otherwise. */
  readonly startPosition: number;
  readonly isExclusive: boolean;
  readonly signalEos: boolean;
  /** Bytes the publisher may be ahead of the sender. */
  readonly termWindowLength: number;
  readonly lingerTimeoutNs: number;
  /** Whether the channel may reach several receivers. */
  readonly isGroup: boolean;
  /** Retransmissions of a group at a time. */
  readonly maxResend: number;
  readonly flowControl: FlowControlSpec;
  /** What multicast receivers are told of the time to live; 0: the system's default, or unicast. */
  readonly ttl: number;
  /** It goes to the one receiver that asks for its setup frame. */
  readonly isResponse: boolean;
  /** Its receiver is asked to publish a response stream. */
  readonly wantsResponse: boolean;
  /** Where the time of sending is written; left out: nowhere. */
  readonly timestampOffset?: number;
  /** Names the log's memory in what is sent again; left out: the log's own handle. */
  readonly resendHandle?: number;
  /** Spies alone make it connected, and the stream goes on at their pace. */
  readonly spiesSimulateConnection: boolean;
  /** The remote address of the endpoint; 0 when it has several destinations. */
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  readonly publisherPositionCounterId: number;
  readonly publisherLimitCounterId: number;
  readonly senderPositionCounterId: number;
  readonly senderLimitCounterId: number;
  readonly senderBpeCounterId: number;
  readonly senderNaksReceivedCounterId: number;
  /** Spies. */
  readonly subscribers: readonly SubscriberPosition[];
  readonly untethered: UntetheredTimeouts;
}

export interface IpcPublicationSpec {
  readonly registrationId: number;
  readonly log: SharedRegion;
  readonly sessionId: number;
  readonly streamId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly startPosition: number;
  readonly isExclusive: boolean;
  readonly termWindowLength: number;
  readonly publisherPositionCounterId: number;
  readonly publisherLimitCounterId: number;
  readonly subscribers: readonly SubscriberPosition[];
  readonly untethered: UntetheredTimeouts;
}

/** Congestion control by CUBIC: `cc=cubic`. */
export interface CubicSpec {
  readonly measuresRtt: boolean;
  readonly initialRttNs: number;
  /** Whether the window grows at least as TCP's would. */
  readonly isTcpFriendly: boolean;
  readonly rttCounterId: number;
  readonly windowCounterId: number;
}

export interface ImageSpec {
  readonly registrationId: number;
  readonly endpointId: number;
  readonly log: SharedRegion;
  readonly sessionId: number;
  readonly streamId: number;
  readonly initialTermId: number;
  readonly termLength: number;
  readonly mtu: number;
  readonly joinPosition: number;
  /** Receiver window in bytes, already capped at half a term. */
  readonly windowLength: number;
  /** The name of what changes the window; left out: nothing does. */
  readonly congestionControl?: string;
  /** For `cubic`. */
  readonly congestion?: CubicSpec;
  readonly isReliable: boolean;
  readonly rejoin: boolean;
  readonly nakDelayNs: number;
  /** Whether others receive the stream too: NAKs are then held back, because one will do for all. */
  readonly isGroup: boolean;
  /** Source of the setup frame: where status messages and NAKs go, unless the endpoint has a control address. */
  readonly sourceAddress: IpAddress;
  readonly sourcePort: number;
  /** The destination it came through; 0: the endpoint has none. */
  readonly destinationId: number;
  /** For the loss report. */
  readonly channel: string;
  readonly sourceIdentity: string;
  readonly rcvHwmCounterId: number;
  readonly rcvPosCounterId: number;
  readonly rcvNaksSentCounterId: number;
  readonly subscribers: readonly SubscriberPosition[];
  readonly untethered: UntetheredTimeouts;
}

/** Conductor → network agent. */
export type NetworkCommand =
  | {
      readonly kind: 'addSendEndpoint';
      readonly endpointId: number;
      readonly options: EndpointOptions;
      /** Of an endpoint that sends to several; otherwise the remote address of the options is the one. */
      readonly destinations?: DestinationsSpec;
    }
  | {
      readonly kind: 'addReceiveEndpoint';
      readonly endpointId: number;
      readonly options: EndpointOptions;
      readonly receiver?: ReceiverSpec;
    }
  /** An endpoint that receives at destinations, which come and go, instead of a port of its own. */
  | {
      readonly kind: 'addMultiDestinationEndpoint';
      readonly endpointId: number;
      readonly receiver?: ReceiverSpec;
    }
  /** Answered by `destinationOpened` or `destinationFailed`. Ids of destinations are those of no endpoint. */
  | {
      readonly kind: 'addReceiveDestination';
      readonly endpointId: number;
      readonly destinationId: number;
      readonly options: EndpointOptions;
      readonly control: ReceiverSpec['control'];
    }
  | { readonly kind: 'removeReceiveDestination'; readonly endpointId: number; readonly destinationId: number }
  /** Where drivers tell each other names; one at most. */
  | {
      readonly kind: 'addResolverEndpoint';
      readonly endpointId: number;
      readonly options: EndpointOptions;
    }
  | {
      readonly kind: 'sendResolution';
      readonly endpointId: number;
      readonly frame: Uint8Array;
      readonly remoteAddress: IpAddress;
      readonly remotePort: number;
    }
  /** Answered by `endpointClosed`. */
  | { readonly kind: 'removeEndpoint'; readonly endpointId: number }
  /** For an endpoint whose destinations the conductor tells. Address 0: not known yet. */
  | {
      readonly kind: 'addDestination';
      readonly endpointId: number;
      readonly destinationId: number;
      readonly address: IpAddress;
      readonly port: number;
    }
  | { readonly kind: 'removeDestination'; readonly endpointId: number; readonly destinationId: number }
  /** The destination's name resolved to another address. */
  | {
      readonly kind: 'moveDestination';
      readonly endpointId: number;
      readonly destinationId: number;
      readonly address: IpAddress;
    }
  /** The remote name, or that of the control address, resolved to another address. */
  | {
      readonly kind: 'reconnectEndpoint';
      readonly endpointId: number;
      readonly remoteAddress: IpAddress;
      readonly remotePort: number;
    }
  | { readonly kind: 'addNetworkPublication'; readonly publication: NetworkPublicationSpec }
  | { readonly kind: 'addIpcPublication'; readonly publication: IpcPublicationSpec }
  /** The last client reference is gone: send what is left, then linger, then `streamReleased`. */
  | { readonly kind: 'drainPublication'; readonly registrationId: number; readonly revoke: boolean }
  /** Somebody listens to stream `streamId` on a receive endpoint; `sessionId` null means every session. */
  | {
      readonly kind: 'addInterest';
      readonly endpointId: number;
      readonly streamId: number;
      readonly sessionId: number | null;
    }
  | {
      readonly kind: 'removeInterest';
      readonly endpointId: number;
      readonly streamId: number;
      readonly sessionId: number | null;
    }
  | { readonly kind: 'addImage'; readonly image: ImageSpec }
  /** No image came of a `setupReceived`; a later setup may try again. */
  | {
      readonly kind: 'imageNotCreated';
      readonly endpointId: number;
      readonly streamId: number;
      readonly sessionId: number;
    }
  /** A subscriber joins a live stream; answered by `subscriberAdded` or `subscriberRefused`. */
  | {
      readonly kind: 'addSubscriber';
      readonly registrationId: number;
      readonly subscriber: SubscriberPosition;
    }
  /** Answered by `subscriberRemoved`, also when the stream has gone. */
  | { readonly kind: 'removeSubscriber'; readonly registrationId: number; readonly counterId: number }
  /** The sender of an image is to hear of the session of its response stream; null: no more. */
  | {
      readonly kind: 'setResponseSession';
      readonly registrationId: number;
      readonly sessionId: number | null;
    }
  /** Asks the control address of a receive endpoint for the setup frame of a session. */
  | {
      readonly kind: 'requestSetup';
      readonly endpointId: number;
      readonly streamId: number;
      readonly sessionId: number;
    }
  | { readonly kind: 'rejectImage'; readonly registrationId: number; readonly reason: string }
  /** Frames go into the agent's ring of a capture file from now on. For every agent. */
  | { readonly kind: 'startCapture'; readonly file: SharedRegion }
  /** For every agent. */
  | { readonly kind: 'stopCapture' }
  | { readonly kind: 'close' };

/** Network agent → conductor. */
export type NetworkEvent =
  /** The agent runs; the transport's largest datagram bounds the MTU. */
  | { readonly kind: 'started'; readonly maxDatagramLength: number }
  /** The agent's transport has a queue pair of a DPDK port. */
  | { readonly kind: 'portOpened'; readonly port: PortReport }
  | { readonly kind: 'startFailed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'endpointOpened';
      readonly endpointId: number;
      readonly localAddress: IpAddress;
      readonly localPort: number;
      readonly receiveBufferLength: number;
    }
  | {
      readonly kind: 'endpointFailed';
      readonly endpointId: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: 'endpointClosed'; readonly endpointId: number }
  /** Nobody has answered at a destination that the conductor told for some seconds: it may have moved. */
  | { readonly kind: 'destinationSilent'; readonly endpointId: number; readonly destinationId: number }
  | {
      readonly kind: 'destinationOpened';
      readonly destinationId: number;
      readonly localAddress: IpAddress;
      readonly localPort: number;
    }
  | {
      readonly kind: 'destinationFailed';
      readonly destinationId: number;
      readonly code: string;
      readonly message: string;
    }
  /** A valid setup frame for a stream somebody listens to. Answered by `addImage` or `imageNotCreated`. */
  | {
      readonly kind: 'setupReceived';
      readonly endpointId: number;
      readonly flags: number;
      readonly ttl: number;
      /** The destination it came through; 0: the endpoint has none. */
      readonly destinationId: number;
      readonly sessionId: number;
      readonly streamId: number;
      readonly initialTermId: number;
      readonly activeTermId: number;
      readonly termOffset: number;
      readonly termLength: number;
      readonly mtu: number;
      readonly sourceAddress: IpAddress;
      readonly sourcePort: number;
    }
  /** The counter was set to `joinPosition` and holds back the stream from now on. */
  | {
      readonly kind: 'subscriberAdded';
      readonly registrationId: number;
      readonly counterId: number;
      readonly joinPosition: number;
    }
  /** An untethered subscriber must be told that the image is gone. `subscriberAdded` takes that back. */
  | {
      readonly kind: 'subscriberLeftBehind';
      readonly registrationId: number;
      readonly counterId: number;
    }
  /** The stream does not accept the subscriber, or no longer has it. */
  | { readonly kind: 'subscriberRefused'; readonly registrationId: number; readonly counterId: number }
  /** The agent will not touch the counter again. */
  | { readonly kind: 'subscriberRemoved'; readonly counterId: number }
  /** Subscribers must be told that the image is gone; the log stays until `streamReleased`. */
  | { readonly kind: 'streamUnavailable'; readonly registrationId: number }
  /** The agent will not touch the log or the stream's counters again. */
  | { readonly kind: 'streamReleased'; readonly registrationId: number }
  /** The receiver of a publication names the session of its response stream. */
  | {
      readonly kind: 'responseSetup';
      readonly registrationId: number;
      readonly responseSessionId: number;
    }
  /** A response publication has a receiver. */
  | { readonly kind: 'responseConnected'; readonly registrationId: number }
  /** A receiver sent an error frame for a publication. */
  | {
      readonly kind: 'publicationError';
      readonly registrationId: number;
      readonly sessionId: number;
      readonly streamId: number;
      readonly receiverIdHigh: number;
      readonly receiverIdLow: number;
      /** `null`: the receiver has none. */
      readonly groupTag: GroupTag | null;
      /** Id of the destination that the receiver answers for, or -1. */
      readonly destinationId: number;
      readonly errorCode: number;
      readonly message: string;
      readonly sourceAddress: IpAddress;
      readonly sourcePort: number;
    }
  /** Another driver told names. */
  | {
      readonly kind: 'resolutionReceived';
      readonly endpointId: number;
      readonly entries: readonly ResolutionEntry[];
      readonly sourceAddress: IpAddress;
      readonly sourcePort: number;
    }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'closed' };

/** Settings of the network agent, fixed at start. Plain data. Durations in nanoseconds, lengths in bytes. */
export interface NetworkAgentConfig {
  readonly cnc: SharedRegion;
  /** Byte offset and length of the counters values section of the CnC file. */
  readonly countersValuesOffset: number;
  readonly countersValuesLength: number;
  readonly lossReport: SharedRegion;
  readonly transport: TransportConfig;
  readonly extensions: ExtensionsConfig;
  /** Share of received datagrams to drop, 0 to 1. */
  readonly receiveLossRate: number;
  /** Among several agents of the driver; null: there is one. */
  readonly place: AgentPlace | null;
  /** 0: as suits the transport. */
  readonly maxMessagesPerSend: number;
  readonly sendToStatusPollRatio: number;
  readonly statusMessageTimeoutNs: number;
  readonly imageLivenessTimeoutNs: number;
  readonly publicationConnectionTimeoutNs: number;
  readonly publicationUnblockTimeoutNs: number;
  readonly timerIntervalNs: number;
  readonly retransmitDelayNs: number;
  readonly retransmitLingerNs: number;
  readonly nakRetryDelayRatio: number;
  /** Of streams with several receivers: how many there are thought to be, and how long a NAK is held back at most. */
  readonly nakMulticastGroupSize: number;
  readonly nakMulticastMaxBackoffNs: number;
  readonly initialWindowLength: number;
  readonly cycleThresholdNs: number;
  /** Random start of receiver ids. */
  readonly receiverIdHigh: number;
  readonly receiverIdLow: number;
}

/** What a network agent has to know when it is one of several. */
export interface AgentPlace {
  readonly index: number;
  readonly count: number;
  /** Its own values of the system counters, laid out like those of the CnC file; the conductor's isolate adds them up. */
  readonly systemCounters: SharedRegion;
  /** A word for all agents: how many bytes of the loss report are taken. */
  readonly lossReportTail: SharedArrayBuffer;
  /** Counters of its traffic, in the order of `TRAFFIC`. */
  readonly trafficCounterIds: readonly number[];
}

/** What is made by name in the network agent's isolate. */
export interface ExtensionsConfig {
  /** Paths of the ES modules that register more than the driver has. */
  readonly modules: readonly string[];
  readonly incomingInterceptors: readonly NamedExtension[];
  readonly outgoingInterceptors: readonly NamedExtension[];
  /** Left out: nothing is logged. */
  readonly eventLog?: EventLogConfig;
}

export interface NamedExtension {
  readonly name: string;
  readonly initArgs: string;
}

/** Which wire the network agent uses. */
export type TransportConfig =
  /** One that a module registered. */
  | { readonly kind: 'extension'; readonly name: string }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'kernel';
      readonly connectSendSockets: boolean;
      /** Datagrams of a poll at most; 0: as many as there is room for. */
      readonly receiveBurstLength?: number;
      readonly coalesceDatagrams: boolean;
    }
  | {
      readonly kind: 'bypass';
      /** One or more. */
      readonly ports: readonly BypassConfig[];
      /** How long an idle agent sleeps at most unless a frame comes; 0: it idles as its strategy says. */
      readonly rxInterruptSleepNs: number;
    };
