/**
 * The file format of Wireshark and its kin: draft-ietf-opsawg-pcapng. Little-endian; every block is as long at its end as at
 * its start says, and a multiple of four.
 */
import { DIRECTION_IN, DIRECTION_OUT } from '../../capture/capture-record.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_ETHERNET = 1;

const OPTION_END = 0;
const SHB_HARDWARE = 2;
const SHB_OS = 3;
const SHB_USER_APPLICATION = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TIMESTAMP_RESOLUTION = 9;
const EPB_FLAGS = 2;
const ISB_RECEIVED = 4;
const ISB_DROPPED = 5;

/** Timestamps are nanoseconds: 10^-9. */
const NANOSECONDS = 9;

type PcapngOption = readonly [code: number, value: Buffer];

/** The block that a file starts with. */
export function sectionHeader(application: string): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  head.writeUInt16LE(1, 4);
  head.writeUInt16LE(0, 6);
  head.writeBigInt64LE(-1n, 8); // The section's length is not known yet.
  return block(SECTION_HEADER, head, [
    [SHB_HARDWARE, Buffer.from(process.arch)],
    [SHB_OS, Buffer.from(process.platform)],
    [SHB_USER_APPLICATION, Buffer.from(application)],
  ]);
}

/** Describes the next interface: the first such block is interface 0. `snapLength` bytes are kept of a frame at most. */
export function interfaceDescription(name: string, description: string, snapLength: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(LINKTYPE_ETHERNET, 0);
  head.writeUInt32LE(snapLength, 4);
  return block(INTERFACE_DESCRIPTION, head, [
    [IF_NAME, Buffer.from(name)],
    [IF_DESCRIPTION, Buffer.from(description)],
    [IF_TIMESTAMP_RESOLUTION, Buffer.of(NANOSECONDS)],
  ]);
}

/** A frame that was `wireLength` bytes long, seen at `epochNs` nanoseconds since 1970. */
export function enhancedPacket(
  interfaceId: number,
  epochNs: bigint,
  wireLength: number,
  bytes: Buffer,
  isOut: boolean,
): Buffer {
  const padded = (bytes.length + 3) & ~3;
  const head = Buffer.alloc(20 + padded);
  head.writeUInt32LE(interfaceId, 0);
  writeTimestamp(head, 4, epochNs);
  head.writeUInt32LE(bytes.length, 12);
  head.writeUInt32LE(wireLength, 16);
  bytes.copy(head, 20);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(isOut ? DIRECTION_OUT : DIRECTION_IN);
  return block(ENHANCED_PACKET, head, [[EPB_FLAGS, flags]]);
}

/** What an interface has seen and dropped up to `epochNs`. */
export function interfaceStatistics(
  interfaceId: number,
  epochNs: bigint,
  received: number,
  dropped: number,
): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(interfaceId, 0);
  writeTimestamp(head, 4, epochNs);
  return block(INTERFACE_STATISTICS, head, [
    [ISB_RECEIVED, uint64(received)],
    [ISB_DROPPED, uint64(dropped)],
  ]);
}

function writeTimestamp(into: Buffer, offset: number, epochNs: bigint): void {
  into.writeUInt32LE(Number(epochNs >> 32n), offset);
  into.writeUInt32LE(Number(epochNs & 0xffffffffn), offset + 4);
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function block(type: number, body: Buffer, options: readonly PcapngOption[]): Buffer {
  const encoded = [...options, [OPTION_END, Buffer.alloc(0)] as const].map(([code, value]) => {
    const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
    bytes.writeUInt16LE(code, 0);
    bytes.writeUInt16LE(value.length, 2);
    value.copy(bytes, 4);
    return bytes;
  });
  const length = 12 + body.length + encoded.reduce((sum, { length: bytes }) => sum + bytes, 0);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(length, 0);
  return Buffer.concat([head, body, ...encoded, end]);
}
