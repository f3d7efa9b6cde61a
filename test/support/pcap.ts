/** Capture files as tcpdump writes them: 24 bytes of file header, then 16 bytes before each frame. */

const MAGIC = 0xa1b2c3d4;
const FILE_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const LENGTH_MAX = 65535;
const ETHERNET = 1;

export function writePcap(frames: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(FILE_HEADER_LENGTH);
  header.writeUInt32LE(MAGIC);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(LENGTH_MAX, 16);
  header.writeUInt32LE(ETHERNET, 20);
  const records = frames.flatMap((frame) => {
    const record = Buffer.alloc(RECORD_HEADER_LENGTH);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  return Buffer.concat([header, ...records]);
}

export function readPcap(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let offset = FILE_HEADER_LENGTH;
  while (offset + RECORD_HEADER_LENGTH <= file.length) {
    const length = file.readUInt32LE(offset + 8);
    offset += RECORD_HEADER_LENGTH;
    frames.push(file.subarray(offset, offset + length));
    offset += length;
  }
  return frames;
}
