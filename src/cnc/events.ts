import { decodeFields, encodeFields, type Layout, type Layouts } from './message-codec.ts';

/** Values of a publication error's address type. */
export const ADDRESS_TYPE_UNKNOWN = 0;
export const ADDRESS_TYPE_IPV4 = 1;
export const ADDRESS_TYPE_IPV6 = 2;

interface PublicationReady {
  readonly correlationId: number;
  /** Of the command that first added the publication: what its log is called. */
  readonly registrationId: number;
  readonly sessionId: number;
  readonly streamId: number;
  readonly positionLimitCounterId: number;
  /** -1 for IPC. */
  readonly channelStatusCounterId: number;
  readonly logFileName: string;
}

interface CounterEvent {
  readonly correlationId: number;
  readonly counterId: number;
}

/** From the driver to all clients; each takes what carries an id of its own. */
export type DriverEvent =
  | {
      readonly type: 'error';
      readonly offendingCorrelationId: number;
      readonly errorCode: number;
      readonly message: string;
    }
  | {
      readonly type: 'availableImage';
      readonly correlationId: number;
      readonly sessionId: number;
      readonly streamId: number;
      readonly subscriptionRegistrationId: number;
      readonly subscriberPositionCounterId: number;
      readonly logFileName: string;
      /** `a.b.c.d:port`, or `aeron:ipc`. */
      readonly sourceIdentity: string;
    }
  | ({ readonly type: 'publicationReady' } & PublicationReady)
  | ({ readonly type: 'exclusivePublicationReady' } & PublicationReady)
  | { readonly type: 'operationSuccess'; readonly correlationId: number }
  | {
      readonly type: 'unavailableImage';
      /** Of the image. */
      readonly correlationId: number;
      readonly subscriptionRegistrationId: number;
      readonly streamId: number;
      readonly channel: string;
    }
  /** The counter id is -1 for IPC and spies. */
  | {
      readonly type: 'subscriptionReady';
      readonly correlationId: number;
      readonly channelStatusCounterId: number;
    }
  | ({ readonly type: 'counterReady' } & CounterEvent)
  | { readonly type: 'unavailableCounter'; readonly registrationId: number; readonly counterId: number }
  | { readonly type: 'clientTimeout'; readonly clientId: number }
  | ({ readonly type: 'staticCounter' } & CounterEvent)
  | {
      readonly type: 'publicationError';
      readonly registrationId: number;
      /** -1 when there is none. */
      readonly destinationRegistrationId: number;
      readonly sessionId: number;
      readonly streamId: number;
      readonly receiverId: bigint;
      /** -1 when there is none. */
      readonly groupTag: bigint;
      readonly addressType: number;
      readonly sourcePort: number;
      /** 16 bytes; of an IPv4 address the first 4. */
      readonly sourceAddress: Buffer;
      readonly errorCode: number;
      readonly message: string;
    }
  | { readonly type: 'nextAvailableSessionId'; readonly correlationId: number; readonly sessionId: number };

/** Bytes that are no event this client knows. */
export interface MalformedEvent {
  readonly type: 'malformed';
  readonly reason: string;
}

const publicationReady = {
  correlationId: 'int64',
  registrationId: 'int64',
  sessionId: 'int32',
  streamId: 'int32',
  positionLimitCounterId: 'int32',
  channelStatusCounterId: 'int32',
  logFileName: 'text',
} as const;

const counter = { correlationId: 'int64', counterId: 'int32' } as const;

const LAYOUTS: Layouts<DriverEvent> = {
  error: { id: 0x0f01, fields: { offendingCorrelationId: 'int64', errorCode: 'int32', message: 'text' } },
  availableImage: {
    id: 0x0f02,
    fields: {
      correlationId: 'int64',
      sessionId: 'int32',
      streamId: 'int32',
      subscriptionRegistrationId: 'int64',
      subscriberPositionCounterId: 'int32',
      logFileName: 'text',
      sourceIdentity: 'text',
    },
  },
  publicationReady: { id: 0x0f03, fields: publicationReady },
  operationSuccess: { id: 0x0f04, fields: { correlationId: 'int64' } },
  unavailableImage: {
    id: 0x0f05,
    fields: {
      correlationId: 'int64',
      subscriptionRegistrationId: 'int64',
      streamId: 'int32',
      channel: 'text',
    },
  },
  exclusivePublicationReady: { id: 0x0f06, fields: publicationReady },
  subscriptionReady: { id: 0x0f07, fields: { correlationId: 'int64', channelStatusCounterId: 'int32' } },
  counterReady: { id: 0x0f08, fields: counter },
  unavailableCounter: { id: 0x0f09, fields: { registrationId: 'int64', counterId: 'int32' } },
  clientTimeout: { id: 0x0f0a, fields: { clientId: 'int64' } },
  staticCounter: { id: 0x0f0b, fields: counter },
  publicationError: {
    id: 0x0f0c,
    fields: {
      registrationId: 'int64',
      destinationRegistrationId: 'int64',
      sessionId: 'int32',
      streamId: 'int32',
      receiverId: 'bits64',
      groupTag: 'bits64',
      addressType: 'int16',
      sourcePort: 'uint16',
      sourceAddress: 'address',
      errorCode: 'int32',
      message: 'text',
    },
    // The official C client refuses shorter ones.
    lengthMin: 72,
  },
  nextAvailableSessionId: { id: 0x0f0d, fields: { correlationId: 'int64', sessionId: 'int32' } },
};

const typesById = new Map<number, DriverEvent['type']>(
  Object.entries(LAYOUTS).map(([type, layout]) => [layout.id, type as DriverEvent['type']]),
);

/** What an event is called in the broadcast buffer. */
export function eventTypeId(event: DriverEvent): number {
  return LAYOUTS[event.type].id;
}

/** Writes an event. Throws RangeError when the buffer is too short. Returns the length. */
export function encodeEvent(event: DriverEvent, bytes: Buffer, offset = 0): number {
  return encodeFields(LAYOUTS[event.type], event, bytes, offset);
}

/** Reads an event. Never throws and reads nothing outside `length` bytes at `offset`, whatever they are. */
export function decodeEvent(
  typeId: number,
  bytes: Buffer,
  offset: number,
  length: number,
): DriverEvent | MalformedEvent {
  const type = typesById.get(typeId);
  if (type === undefined) return { type: 'malformed', reason: `unknown event type ${typeId}` };
  const layout: Layout = LAYOUTS[type];
  const fields = decodeFields(layout, bytes, offset, length);
  if (typeof fields === 'string') return { type: 'malformed', reason: `${type}: ${fields}` };
  return { type, ...fields } as DriverEvent;
}
