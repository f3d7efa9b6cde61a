import { ErrorCode } from './error-codes.ts';
import { decodeFields, encodeFields, type Layout, type Layouts, readInt64 } from './message-codec.ts';

/** What every command starts with. A client takes its id and each correlation id from the driver's counter. */
interface Correlated {
  readonly clientId: number;
  readonly correlationId: number;
}

interface AddStream extends Correlated {
  readonly streamId: number;
  readonly channel: string;
}

interface Remove extends Correlated {
  readonly registrationId: number;
}

/** The registration id is the publication's, or the subscription's for a receive destination. */
interface Destination extends Correlated {
  readonly registrationId: number;
  readonly channel: string;
}

/** From a client to the driver. A resource's registration id is the correlation id of the command that added it. */
export type Command =
  | ({ readonly type: 'addPublication' } & AddStream)
  | ({ readonly type: 'addExclusivePublication' } & AddStream)
  | ({ readonly type: 'removePublication'; readonly revoke: boolean } & Remove)
  /** `registrationCorrelationId` is not used; -1. */
  | ({ readonly type: 'addSubscription'; readonly registrationCorrelationId: number } & AddStream)
  | ({ readonly type: 'removeSubscription' } & Remove)
  | ({ readonly type: 'clientKeepalive' } & Correlated)
  | ({ readonly type: 'addDestination' } & Destination)
  | ({ readonly type: 'removeDestination' } & Destination)
  | ({
      readonly type: 'removeDestinationById';
      readonly registrationId: number;
      /** The correlation id of the command that added the destination. */
      readonly destinationRegistrationId: number;
    } & Correlated)
  | ({ readonly type: 'addReceiveDestination' } & Destination)
  | ({ readonly type: 'removeReceiveDestination' } & Destination)
  | ({
      readonly type: 'addCounter';
      readonly typeId: number;
      readonly key: Buffer;
      readonly label: string;
    } & Correlated)
  | ({
      readonly type: 'addStaticCounter';
      readonly registrationId: number;
      readonly typeId: number;
      readonly key: Buffer;
      readonly label: string;
    } & Correlated)
  | ({ readonly type: 'removeCounter' } & Remove)
  | ({ readonly type: 'clientClose' } & Correlated)
  | ({ readonly type: 'terminateDriver'; readonly token: Buffer } & Correlated)
  | ({
      readonly type: 'rejectImage';
      readonly imageCorrelationId: number;
      readonly position: number;
      readonly reason: string;
    } & Correlated)
  | ({ readonly type: 'getNextAvailableSessionId'; readonly streamId: number } & Correlated);

/** Bytes that are no command, and what to tell the client, if it can be told. */
export interface MalformedCommand {
  readonly type: 'malformed';
  /** One of {@link ErrorCode}: MALFORMED_COMMAND or UNKNOWN_COMMAND_TYPE_ID. */
  readonly errorCode: number;
  readonly reason: string;
  readonly correlationId: number | null;
}

const correlated = { clientId: 'int64', correlationId: 'int64' } as const;

const LAYOUTS: Layouts<Command> = {
  addPublication: { id: 0x01, fields: { ...correlated, streamId: 'int32', channel: 'text' } },
  removePublication: { id: 0x02, fields: { ...correlated, registrationId: 'int64', revoke: 'flag64' } },
  addExclusivePublication: { id: 0x03, fields: { ...correlated, streamId: 'int32', channel: 'text' } },
  addSubscription: {
    id: 0x04,
    fields: { ...correlated, registrationCorrelationId: 'int64', streamId: 'int32', channel: 'text' },
  },
  removeSubscription: { id: 0x05, fields: { ...correlated, registrationId: 'int64' } },
  clientKeepalive: { id: 0x06, fields: correlated },
  addDestination: { id: 0x07, fields: { ...correlated, registrationId: 'int64', channel: 'text' } },
  removeDestination: { id: 0x08, fields: { ...correlated, registrationId: 'int64', channel: 'text' } },
  addCounter: { id: 0x09, fields: { ...correlated, typeId: 'int32', key: 'bytes', label: 'text' } },
  removeCounter: { id: 0x0a, fields: { ...correlated, registrationId: 'int64' } },
  clientClose: { id: 0x0b, fields: correlated },
  addReceiveDestination: { id: 0x0c, fields: { ...correlated, registrationId: 'int64', channel: 'text' } },
  removeReceiveDestination: { id: 0x0d, fields: { ...correlated, registrationId: 'int64', channel: 'text' } },
  terminateDriver: { id: 0x0e, fields: { ...correlated, token: 'bytes' } },
  addStaticCounter: {
    id: 0x0f,
    fields: { ...correlated, registrationId: 'int64', typeId: 'int32', key: 'bytes', label: 'text' },
  },
  rejectImage: {
    id: 0x10,
    fields: { ...correlated, imageCorrelationId: 'int64', position: 'int64', reason: 'text' },
    // The official C driver refuses shorter ones.
    lengthMin: 40,
  },
  removeDestinationById: {
    id: 0x11,
    fields: { ...correlated, registrationId: 'int64', destinationRegistrationId: 'int64' },
  },
  getNextAvailableSessionId: { id: 0x12, fields: { ...correlated, streamId: 'int32' } },
};

const typesById = new Map<number, Command['type']>(
  Object.entries(LAYOUTS).map(([type, layout]) => [layout.id, type as Command['type']]),
);

/** What a command is called in the ring buffer. */
export function commandTypeId(command: Command): number {
  return LAYOUTS[command.type].id;
}

/** Writes a command. Throws RangeError when the buffer is too short. Returns the length. */
export function encodeCommand(command: Command, bytes: Buffer, offset = 0): number {
  return encodeFields(LAYOUTS[command.type], command, bytes, offset);
}

/** Reads a command. Never throws and reads nothing outside `length` bytes at `offset`, whatever they are. */
export function decodeCommand(
  typeId: number,
  bytes: Buffer,
  offset: number,
  length: number,
): Command | MalformedCommand {
  const type = typesById.get(typeId);
  if (type === undefined) {
    const reason = `unknown command type ${typeId}`;
    return malformed(ErrorCode.UNKNOWN_COMMAND_TYPE_ID, reason, bytes, offset, length);
  }
  const layout: Layout = LAYOUTS[type];
  const fields = decodeFields(layout, bytes, offset, length);
  if (typeof fields === 'string') {
    return malformed(ErrorCode.MALFORMED_COMMAND, `${type}: ${fields}`, bytes, offset, length);
  }
  return { type, ...fields } as Command;
}

function malformed(
  errorCode: number,
  reason: string,
  bytes: Buffer,
  offset: number,
  length: number,
): MalformedCommand {
  const correlationId = length >= 16 ? readInt64(bytes, offset + 8) : null;
  return {
    type: 'malformed',
    errorCode,
    reason,
    correlationId: Number.isSafeInteger(correlationId) ? correlationId : null,
  };
}
