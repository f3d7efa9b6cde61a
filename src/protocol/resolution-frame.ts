import { isValidFrame, TYPE_RES, writeFrameHeader } from './frame.ts';

/**
 * What a driver knows of names, told to its neighbours: the common header, then entries, each a multiple of 8 bytes long.
 *
 * ```
 *   0      1       2          4           8         12 or 24
 *   | type | flags | udp port | age in ms | address | name length, 16 bits | name …
 * ```
 */
export const RESOLUTION_TYPE_IPV4 = 1;
export const RESOLUTION_TYPE_IPV6 = 2;
/** The entry is about its sender. */
export const RESOLUTION_FLAG_SELF = 0x80;
export const RESOLUTION_NAME_LENGTH_MAX = 512;

const RESOLUTION_HEADER_LENGTH = 8;
const ENTRY_FLAGS = 1;
const ENTRY_PORT = 2;
const ENTRY_AGE = 4;
const ENTRY_ADDRESS = 8;
const ENTRY_ALIGNMENT = 8;

/** One entry of a resolution frame. */
export interface ResolutionEntry {
  /** {@link RESOLUTION_TYPE_IPV4} or {@link RESOLUTION_TYPE_IPV6}. */
  readonly type: number;
  readonly isSelf: boolean;
  readonly port: number;
  /** Milliseconds since its subject was heard of; an int32, which strangers may make negative. */
  readonly ageMs: number;
  /** 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  /** A character for each byte. */
  readonly name: string;
}

function addressLength(type: number): number {
  return type === RESOLUTION_TYPE_IPV4 ? 4 : 16;
}

/** Bytes of an entry with a name of `nameLength` bytes, padding included. */
export function resolutionEntryLength(type: number, nameLength: number): number {
  const length = ENTRY_ADDRESS + addressLength(type) + 2 + nameLength;
  return Math.ceil(length / ENTRY_ALIGNMENT) * ENTRY_ALIGNMENT;
}

/** The bytes of a frame with these entries. */
export function encodeResolution(entries: readonly ResolutionEntry[]): Uint8Array {
  const lengths = entries.map(({ type, name }) => resolutionEntryLength(type, name.length));
  const frame = new Uint8Array(lengths.reduce((sum, length) => sum + length, RESOLUTION_HEADER_LENGTH));
  const view = new DataView(frame.buffer);
  writeFrameHeader(view, 0, frame.length, 0, TYPE_RES);
  let offset = RESOLUTION_HEADER_LENGTH;
  for (const [i, { type, isSelf, port, ageMs, address, name }] of entries.entries()) {
    view.setUint8(offset, type);
    view.setUint8(offset + ENTRY_FLAGS, isSelf ? RESOLUTION_FLAG_SELF : 0);
    view.setUint16(offset + ENTRY_PORT, port, true);
    view.setInt32(offset + ENTRY_AGE, ageMs, true);
    frame.set(address, offset + ENTRY_ADDRESS);
    const nameAt = offset + ENTRY_ADDRESS + address.length + 2;
    view.setInt16(nameAt - 2, name.length, true);
    for (let k = 0; k < name.length; k++) frame[nameAt + k] = name.charCodeAt(k);
    offset += lengths[i]!;
  }
  return frame;
}

/**
 * The entry at `offset` of a frame of `frame.length` bytes, and where the next one starts; `null` when there is none that
 * can be read.
 */
export function decodeResolutionEntry(
  frame: Uint8Array,
  offset: number,
): { entry: ResolutionEntry; nextOffset: number } | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const capacity = frame.length - offset;
  if (capacity < 1) return null;
  const type = view.getUint8(offset);
  if (type !== RESOLUTION_TYPE_IPV4 && type !== RESOLUTION_TYPE_IPV6) return null;
  const nameAt = ENTRY_ADDRESS + addressLength(type) + 2;
  if (capacity < nameAt) return null;
  const nameLength = view.getInt16(offset + nameAt - 2, true);
  const isNamed = nameLength > 0 && nameLength <= RESOLUTION_NAME_LENGTH_MAX;
  if (!isNamed || capacity < nameAt + nameLength) return null;
  return {
    entry: {
      type,
      isSelf: view.getUint8(offset + ENTRY_FLAGS) === RESOLUTION_FLAG_SELF,
      port: view.getUint16(offset + ENTRY_PORT, true),
      ageMs: view.getInt32(offset + ENTRY_AGE, true),
      address: frame.slice(offset + ENTRY_ADDRESS, offset + nameAt - 2),
      name: String.fromCharCode(...frame.subarray(offset + nameAt, offset + nameAt + nameLength)),
    },
    nextOffset: offset + resolutionEntryLength(type, nameLength),
  };
}

/** The entries of a datagram, up to the first that cannot be read; `isValid` says whether there was none such. */
export function decodeResolution(frame: Uint8Array): { entries: ResolutionEntry[]; isValid: boolean } {
  const entries: ResolutionEntry[] = [];
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (!isValidFrame(view, 0, frame.length)) return { entries, isValid: false };
  let offset = RESOLUTION_HEADER_LENGTH;
  while (offset < frame.length) {
    const decoded = decodeResolutionEntry(frame, offset);
    if (decoded === null) return { entries, isValid: false };
    entries.push(decoded.entry);
    offset = decoded.nextOffset;
  }
  return { entries, isValid: true };
}
