import { COUNTER_KEY_LENGTH_MAX } from '../concurrent/counters.ts';

/** What counters count. */
export const CounterType = {
  SYSTEM: 0,
  PUBLISHER_LIMIT: 1,
  SENDER_POSITION: 2,
  RECEIVER_HWM: 3,
  SUBSCRIBER_POSITION: 4,
  RECEIVER_POSITION: 5,
  SEND_CHANNEL_STATUS: 6,
  RECEIVE_CHANNEL_STATUS: 7,
  SENDER_LIMIT: 9,
  PER_IMAGE: 10,
  CLIENT_HEARTBEAT: 11,
  PUBLISHER_POSITION: 12,
  SENDER_BPE: 13,
  LOCAL_SOCKADDR: 14,
  NAME_RESOLVER_NEIGHBORS: 15,
  NAME_RESOLVER_CACHE_ENTRIES: 16,
  FLOW_CONTROL_RECEIVERS: 17,
  MDC_DESTINATIONS: 18,
  SENDER_NAKS_RECEIVED: 19,
  RECEIVER_NAKS_SENT: 20,
  NAME_RESOLVER_BOOTSTRAP_NEIGHBOR: 21,
  DPDK_PORT_INFO: 75,
  DPDK_TRANSPORT: 76,
  DPDK_NOBUFS: 77,
  DPDK_TX_EAGAIN: 78,
  DPDK_ERROR: 79,
  DPDK_PKTS: 82,
  DPDK_BYTES: 83,
  DPDK_MISSED_PACKETS: 84,
  DPDK_ARP_MISS: 85,
  DPDK_RX_SENDER_DISCARD: 86,
  DPDK_POLLER: 87,
  DPDK_QUEUE_DROP_COUNT: 88,
  DPDK_CHECKSUM_FAILURE: 89,
  DPDK_FRAGMENTED_PACKETS: 90,
  DPDK_MEMPOOL_AVAILABLE: 91,
  DPDK_EXTENDED_STATS: 92,
  DPDK_RX_UNSUPPORTED_ETHERNET_TYPE: 93,
  DPDK_RX_UNSUPPORTED_PROTOCOL: 94,
  DPDK_RX_RECEIVER_DISCARD: 95,
  /** Ours: between the official drivers' types and those from 1000 on, which are applications'. */
  NETWORK_AGENT: 900,
  DPDK_PORT_STATE: 901,
  DPDK_TAP: 902,
  DPDK_TX_ZERO_COPY: 903,
  NAME_RESOLVER_CSV_ENTRY: 2001,
} as const;

/** The type and the name of a counter that a stream has, for {@link streamCounterLabel}. */
export interface StreamCounterKind {
  readonly typeId: number;
  readonly name: string;
}

const kind = (typeId: number, name: string): StreamCounterKind => ({ typeId, name });

export const PUBLISHER_LIMIT: StreamCounterKind = kind(CounterType.PUBLISHER_LIMIT, 'pub-lmt');
export const SENDER_POSITION: StreamCounterKind = kind(CounterType.SENDER_POSITION, 'snd-pos');
export const SENDER_LIMIT: StreamCounterKind = kind(CounterType.SENDER_LIMIT, 'snd-lmt');
export const SENDER_BPE: StreamCounterKind = kind(CounterType.SENDER_BPE, 'snd-bpe');
export const FLOW_CONTROL_RECEIVERS: StreamCounterKind = kind(
  CounterType.FLOW_CONTROL_RECEIVERS,
  'fc-receivers',
);
export const SENDER_NAKS_RECEIVED: StreamCounterKind = kind(
  CounterType.SENDER_NAKS_RECEIVED,
  'snd-naks-received',
);
export const CONCURRENT_PUBLISHER_POSITION: StreamCounterKind = kind(
  CounterType.PUBLISHER_POSITION,
  'pub-pos (concurrent)',
);
export const EXCLUSIVE_PUBLISHER_POSITION: StreamCounterKind = kind(
  CounterType.PUBLISHER_POSITION,
  'pub-pos (exclusive)',
);
export const RECEIVER_HWM: StreamCounterKind = kind(CounterType.RECEIVER_HWM, 'rcv-hwm');
export const RECEIVER_POSITION: StreamCounterKind = kind(CounterType.RECEIVER_POSITION, 'rcv-pos');
export const RECEIVER_NAKS_SENT: StreamCounterKind = kind(CounterType.RECEIVER_NAKS_SENT, 'rcv-naks-sent');
export const CUBIC_RTT: StreamCounterKind = kind(CounterType.PER_IMAGE, 'rcv-cc-cubic-rtt');
export const CUBIC_WINDOW: StreamCounterKind = kind(CounterType.PER_IMAGE, 'rcv-cc-cubic-wnd');
export const SUBSCRIBER_POSITION: StreamCounterKind = kind(CounterType.SUBSCRIBER_POSITION, 'sub-pos');

/** Values of a channel status counter. */
export const ChannelStatus = { ERRORED: -1, INITIALIZING: 0, ACTIVE: 1, CLOSING: 2 } as const;

/** The counters every driver has, by their id: the place in {@link SYSTEM_COUNTERS} and in the counters file. */
export const SystemCounter = {
  BYTES_SENT: 0,
  BYTES_RECEIVED: 1,
  RECEIVER_PROXY_FAILS: 2,
  SENDER_PROXY_FAILS: 3,
  CONDUCTOR_PROXY_FAILS: 4,
  NAK_MESSAGES_SENT: 5,
  NAK_MESSAGES_RECEIVED: 6,
  STATUS_MESSAGES_SENT: 7,
  STATUS_MESSAGES_RECEIVED: 8,
  HEARTBEATS_SENT: 9,
  HEARTBEATS_RECEIVED: 10,
  RETRANSMITS_SENT: 11,
  FLOW_CONTROL_UNDER_RUNS: 12,
  FLOW_CONTROL_OVER_RUNS: 13,
  INVALID_PACKETS: 14,
  ERRORS: 15,
  SHORT_SENDS: 16,
  FREE_FAILS: 17,
  SENDER_FLOW_CONTROL_LIMITS: 18,
  UNBLOCKED_PUBLICATIONS: 19,
  UNBLOCKED_COMMANDS: 20,
  POSSIBLE_TTL_ASYMMETRY: 21,
  CONTROLLABLE_IDLE_STRATEGY: 22,
  LOSS_GAP_FILLS: 23,
  CLIENT_TIMEOUTS: 24,
  RESOLUTION_CHANGES: 25,
  CONDUCTOR_MAX_CYCLE_TIME: 26,
  CONDUCTOR_CYCLE_TIME_THRESHOLD_EXCEEDED: 27,
  SENDER_MAX_CYCLE_TIME: 28,
  SENDER_CYCLE_TIME_THRESHOLD_EXCEEDED: 29,
  RECEIVER_MAX_CYCLE_TIME: 30,
  RECEIVER_CYCLE_TIME_THRESHOLD_EXCEEDED: 31,
  NAME_RESOLVER_MAX_TIME: 32,
  NAME_RESOLVER_TIME_THRESHOLD_EXCEEDED: 33,
  AERON_VERSION: 34,
  BYTES_CURRENTLY_MAPPED: 35,
  RETRANSMITTED_BYTES: 36,
  RETRANSMIT_OVERFLOW: 37,
  ERROR_FRAMES_RECEIVED: 38,
  ERROR_FRAMES_SENT: 39,
  PUBLICATIONS_REVOKED: 40,
  PUBLICATION_IMAGES_REVOKED: 41,
  IMAGES_REJECTED: 42,
  CONTROL_PROTOCOL_VERSION: 43,
  STATUS_MESSAGES_REJECTED: 44,
  NATIVE_RESOURCE_AGENT_PROXY_FAILS: 45,
} as const;

/** Value of the counter CONTROL_PROTOCOL_VERSION: 1.0.0. Clients see by it which commands the driver knows. */
export const CONTROL_PROTOCOL_VERSION = 65536;

/** What the system counters are called. Tools look for these beginnings; a driver may add details after them. */
export const SYSTEM_COUNTERS: readonly { readonly id: number; readonly label: string }[] = [
  'Bytes sent',
  'Bytes received',
  'Failed offers to ReceiverProxy',
  'Failed offers to SenderProxy',
  'Failed offers to DriverConductorProxy',
  'NAKs sent',
  'NAKs received',
  'Status Messages sent',
  'Status Messages received',
  'Heartbeats sent',
  'Heartbeats received',
  'Retransmits sent',
  'Flow control under runs',
  'Flow control over runs',
  'Invalid packets',
  'Errors',
  'Short sends',
  'Failed attempts to free log buffers',
  'Sender flow control limits, i.e. back-pressure events',
  'Unblocked Publications',
  'Unblocked Control Commands',
  'Possible TTL Asymmetry',
  'ControllableIdleStrategy status',
  'Loss gap fills',
  'Client liveness timeouts',
  'Resolution changes',
  'Conductor max cycle time doing its work in ns',
  'Conductor work cycle exceeded threshold count',
  'Sender max cycle time doing its work in ns',
  'Sender work cycle exceeded threshold count',
  'Receiver max cycle time doing its work in ns',
  'Receiver work cycle exceeded threshold count',
  'NameResolver max time in ns',
  'NameResolver exceeded threshold count',
  'Aeron software',
  'Bytes currently mapped',
  'Retransmitted bytes',
  'Retransmit Pool Overflow count',
  'Error Frames received',
  'Error Frames sent',
  'Publications Revoked',
  'Publication Images Revoked',
  'Images rejected',
  'Control protocol version',
  'Status Messages rejected',
  'Failed offers to NativeResourceAgentProxy',
].map((label, id) => ({ id, label }));

/** Key of a system counter. */
export function systemCounterKey(id: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt32LE(id);
  return key;
}

/** Label of a stream's counter; subscriber positions say where they joined. */
export function streamCounterLabel(
  name: string,
  registrationId: number,
  sessionId: number,
  streamId: number,
  channel: string,
  joinPosition?: number,
): string {
  const joined = joinPosition === undefined ? '' : ` @${joinPosition}`;
  return `${name}: ${registrationId} ${sessionId} ${streamId} ${channel}${joined}`;
}

/** Key of a stream's counter; the channel is cut to what fits. */
export function streamCounterKey(
  registrationId: number,
  sessionId: number,
  streamId: number,
  channel: string,
): Buffer {
  const key = Buffer.alloc(COUNTER_KEY_LENGTH_MAX);
  key.writeBigInt64LE(BigInt(registrationId), 0);
  key.writeInt32LE(sessionId, 8);
  key.writeInt32LE(streamId, 12);
  writeText(key, channel, 16);
  return key;
}

/** Label of a channel status counter: `snd-channel`, `rcv-channel`; `address` is what is bound, once it is known. */
export function channelStatusLabel(name: string, channel: string, address = ''): string {
  return address === '' ? `${name}: ${channel}` : `${name}: ${channel} ${address}`;
}

/** Key of a channel status counter; the channel is cut to what fits. */
export function channelStatusKey(channel: string): Buffer {
  const key = Buffer.alloc(COUNTER_KEY_LENGTH_MAX);
  writeText(key, channel, 0);
  return key;
}

/** Label of a bound address: `snd-local-sockaddr`, `rcv-local-sockaddr`. */
export function localSockaddrLabel(name: string, channelStatusCounterId: number, address: string): string {
  return `${name}: ${channelStatusCounterId} ${address}`;
}

/** Key of a bound address; clients resolve the port of an endpoint by it. */
export function localSockaddrKey(channelStatusCounterId: number, address: string): Buffer {
  const key = Buffer.alloc(COUNTER_KEY_LENGTH_MAX);
  key.writeInt32LE(channelStatusCounterId, 0);
  writeText(key, address, 4);
  return key;
}

/** Label of a client's heartbeat; the client adds its name and version. */
export function clientHeartbeatLabel(clientId: number): string {
  return `client-heartbeat: id=${clientId}`;
}

/** Key of a client's heartbeat. */
export function clientHeartbeatKey(clientId: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigInt64LE(BigInt(clientId));
  return key;
}

/** An int32 length and the text, at the key's end. */
function writeText(key: Buffer, text: string, offset: number): void {
  key.writeInt32LE(key.write(text, offset + 4, 'latin1'), offset);
}
