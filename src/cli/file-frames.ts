/**
 * How `publish --file` and `subscribe --out` put a file into messages: one start, any number of chunks, one end, each
 * in one fragment. Little-endian.
 *
 * ```
 *  0  "ABF1"
 *  4  int32  kind: 1 start, 2 chunk, 3 end
 *  8  int64  start and end: bytes of the file; chunk: where in the file its bytes belong
 * 16  start: name of the file, UTF-8, for people; chunk: bytes; end: SHA-256 of the file
 * ```
 */
const MAGIC = 0x31464241;
const KIND = 4;
const NUMBER = 8;

export const FILE_HEADER_LENGTH = 16;
export const FILE_START = 1;
export const FILE_CHUNK = 2;
export const FILE_END = 3;

/** Writes the header of a message. What follows it is up to the caller. */
export function writeFileHeader(buffer: Buffer, offset: number, kind: number, number: number): void {
  buffer.writeInt32LE(MAGIC, offset);
  buffer.writeInt32LE(kind, offset + KIND);
  buffer.writeBigInt64LE(BigInt(number), offset + NUMBER);
}

/** The kind of a message, or 0 when it is none of ours. */
export function fileFrameKind(buffer: Buffer, offset: number, length: number): number {
  if (length < FILE_HEADER_LENGTH || buffer.readInt32LE(offset) !== MAGIC) return 0;
  return buffer.readInt32LE(offset + KIND);
}

export function fileFrameNumber(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigInt64LE(offset + NUMBER));
}
