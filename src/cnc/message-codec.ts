/**
 * The commands and events in the CnC file are plain lists of little-endian fields. A layout names the fields of a message in
 * their order; this file turns messages into bytes and back by it.
 */

/** How a field is encoded, by the type it has in a message. */
export type FieldKind =
  | 'int16'
  | 'uint16'
  | 'int32'
  /** A 64-bit integer below 2^53 in magnitude. */
  | 'int64'
  /** All 64 bits, as a bigint. */
  | 'bits64'
  /** Bit 0 of 64. The whole field may be missing: older clients leave it out. */
  | 'flag64'
  /** 16 bytes. */
  | 'address'
  /** From the next multiple of 4: an int32 length and that many bytes, ASCII for text. */
  | 'text'
  | 'bytes';

type KindOf<Value> = Value extends number
  ? 'int16' | 'uint16' | 'int32' | 'int64'
  : Value extends bigint
    ? 'bits64'
    : Value extends boolean
      ? 'flag64'
      : Value extends string
        ? 'text'
        : 'bytes' | 'address';

/** The layout of one kind of message. */
export interface Layout {
  readonly id: number;
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** Encoded messages are filled up with zeros to this length, which some official peers insist on. */
  readonly lengthMin?: number;
}

/** A layout for each message of a union, with exactly its fields. */
export type Layouts<Message extends { readonly type: string }> = {
  readonly [M in Message as M['type']]: Layout & {
    readonly fields: { readonly [K in Exclude<keyof M, 'type'>]: KindOf<M[K]> };
  };
};

type Fields = Record<string, unknown>;

const FIXED_LENGTHS: Partial<Record<FieldKind, number>> = {
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  bits64: 8,
  address: 16,
};

const TWO_32 = 4294967296;

/** Writes a message. Throws RangeError when `bytes` is too short or a field out of range. Returns the length. */
export function encodeFields(layout: Layout, message: object, bytes: Buffer, offset: number): number {
  let at = offset;
  for (const [name, kind] of Object.entries(layout.fields)) {
    const value = (message as Fields)[name];
    switch (kind) {
      case 'int16':
        at = bytes.writeInt16LE(value as number, at);
        break;
      case 'uint16':
        at = bytes.writeUInt16LE(value as number, at);
        break;
      case 'int32':
        at = bytes.writeInt32LE(value as number, at);
        break;
      case 'int64':
        at = bytes.writeBigInt64LE(BigInt(value as number), at);
        break;
      case 'bits64':
        at = bytes.writeBigInt64LE(value as bigint, at);
        break;
      case 'flag64':
        at = bytes.writeBigInt64LE(value ? 1n : 0n, at);
        break;
      case 'address':
        at = putBytes(bytes, (value as Buffer).subarray(0, 16), at);
        break;
      case 'text':
        at = putVariable(bytes, Buffer.from(value as string, 'latin1'), offset, at);
        break;
      case 'bytes':
        at = putVariable(bytes, value as Buffer, offset, at);
        break;
    }
  }
  const end = Math.max(at, offset + (layout.lengthMin ?? 0));
  if (end > bytes.length) throw new RangeError(`a message ends at ${end}, the buffer at ${bytes.length}`);
  bytes.fill(0, at, end);
  return end - offset;
}

function putVariable(bytes: Buffer, value: Uint8Array, offset: number, at: number): number {
  const start = offset + align4(at - offset);
  if (start > at) putBytes(bytes, Buffer.alloc(start - at), at);
  return putBytes(bytes, value, bytes.writeInt32LE(value.length, start));
}

function putBytes(bytes: Buffer, value: Uint8Array, at: number): number {
  bytes.set(value, at);
  return at + value.length;
}

/**
 * Reads a message of `length` bytes, which must exist. Returns an object with the layout's fields, or the reason why the bytes
 * are not such a message. Reads nothing outside and never throws, whatever the bytes are. What follows the last field is ignored.
 */
export function decodeFields(layout: Layout, bytes: Buffer, offset: number, length: number): Fields | string {
  const message: Fields = {};
  const end = offset + length;
  let at = offset;
  for (const [name, kind] of Object.entries(layout.fields)) {
    if (kind === 'flag64') {
      message[name] = end - at >= 8 && (bytes[at]! & 1) === 1;
      at += 8;
      continue;
    }
    const fixedLength = FIXED_LENGTHS[kind];
    if (fixedLength === undefined) {
      const start = offset + align4(at - offset) + 4;
      if (start > end) return `${length} bytes end before the length of ${name}`;
      const valueLength = bytes.readInt32LE(start - 4);
      if (valueLength < 0 || valueLength > end - start) {
        return `${name} of ${valueLength} bytes, but only ${end - start} are left of ${length}`;
      }
      at = start + valueLength;
      message[name] =
        kind === 'text' ? bytes.toString('latin1', start, at) : Buffer.from(bytes.subarray(start, at));
      continue;
    }
    if (end - at < fixedLength) return `${length} bytes end before ${name}`;
    const value = readFixed(kind, bytes, at);
    if (kind === 'int64' && !Number.isSafeInteger(value)) return `${name} is beyond 2^53`;
    message[name] = value;
    at += fixedLength;
  }
  return message;
}

function readFixed(kind: FieldKind, bytes: Buffer, at: number): number | bigint | Buffer {
  switch (kind) {
    case 'int16':
      return bytes.readInt16LE(at);
    case 'uint16':
      return bytes.readUInt16LE(at);
    case 'int32':
      return bytes.readInt32LE(at);
    case 'int64':
      return readInt64(bytes, at);
    case 'bits64':
      return bytes.readBigInt64LE(at);
    default:
      return Buffer.from(bytes.subarray(at, at + 16));
  }
}

/** A 64-bit integer as a number; exact when it is a safe integer. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}

function align4(length: number): number {
  return (length + 3) & ~3;
}
