import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { RX_FLAGS, RX_IP_BAD, RX_IP_GOOD, RX_UDP_GOOD, RX_WORDS } from '../../src/device/device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { ipv4HeaderLength } from '../../src/net/ipv4.ts';
import { RX_FRAMES } from '../../src/net/net-statistics.ts';
import { plainPayloadLength } from '../../src/net/plain-datagram.ts';
import { READY } from '../../src/net/send-state.ts';
import type { UdpListener } from '../../src/net/udp.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  internetChecksum,
  OUR_ADDRESS,
  PEER_ADDRESS,
  PEER_MAC,
  receivedFrames,
  udpFrame,
} from '../support/frames.ts';

type Words = [offset: number, length: number, flags: number, sum: number];

/** The way of the frames that are not plain. */
interface CloserLook {
  onFrame(offset: number, length: number, flags: number, sum: number, listener: UdpListener): void;
}

/** A host at the end of a cable, and all that can be seen of it. */
class Host implements UdpListener {
  readonly deliveries: string[] = [];
  readonly stack: IpStack;
  private readonly device: SimulatedDevice;
  private readonly peer: SimulatedDevice;
  private readonly clock: SimulatedClock = new SimulatedClock();

  /** `flagsOf` says what the device claims to know of a frame's checksums; `isSlow`: every frame gets the closer look. */
  constructor(flagsOf: (frame: Buffer, flags: number) => number, isSlow = false) {
    [this.device, this.peer] = SimulatedDevice.pair();
    const device = this.device;
    const receive = device.receive.bind(device);
    device.receive = () => {
      const frames = receive();
      for (let i = 0; i < frames; i++) {
        const [offset, length, flags, sum] = device.rxWords.subarray(i * RX_WORDS) as unknown as Words;
        const frame = Buffer.from(device.memory.bytes.subarray(offset, offset + length));
        const claimed = flagsOf(frame, flags);
        device.rxWords[i * RX_WORDS + RX_FLAGS] = claimed;
        if (isSlow) (this.stack as unknown as CloserLook).onFrame(offset, length, claimed, sum, this);
      }
      return isSlow ? 0 : frames;
    };
    this.stack = new IpStack(
      device,
      { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0 },
      this.clock,
    );
    this.stack.startDatagrams(PEER_ADDRESS, 1, 2);
    this.stack.learnNeighbour(PEER_ADDRESS, 0x0200, 2);
  }

  /** One burst in; every other datagram is answered from within its delivery. Returns what went out. */
  take(frames: readonly Buffer[]): string[] {
    for (const frame of frames) this.device.inject(frame);
    this.stack.receive(this);
    this.stack.flush();
    this.clock.advanceNs(1e6);
    return receivedFrames(this.peer).map((frame) => frame.toString('hex'));
  }

  onUdp(offset: number, length: number, source: number, sourcePort: number, destinationPort: number): void {
    const { stack, device, deliveries } = this;
    const payload = device.memory.bytes.toString('hex', offset, offset + length);
    deliveries.push(`${source}:${sourcePort} ${destinationPort} ${payload}`);
    if (deliveries.length % 2 === 1) return;
    if (stack.startDatagrams(source, destinationPort, sourcePort) === READY) {
      stack.addDatagram(device.memory.handle, offset, length);
    }
  }
}

const isIpv4HeaderRight = (frame: Buffer): boolean =>
  frame.length >= 34 &&
  ipv4HeaderLength(new DataView(frame.buffer, frame.byteOffset), 14) === 20 &&
  internetChecksum(frame.subarray(14, 34)) === 0;

/** Whether the checksum that lies where a plain datagram has it is right. */
function isUdpRight(frame: Buffer): boolean {
  if (frame.length < 42 || frame[14] !== 0x45) return false;
  const length = frame.readUInt16BE(38);
  if (length < 8 || frame.length < 34 + length) return false;
  const pseudo = Buffer.concat([frame.subarray(26, 34), Buffer.from([0, 17]), frame.subarray(38, 40)]);
  return internetChecksum(Buffer.concat([pseudo, frame.subarray(34, 34 + length)])) === 0;
}

/** As a port that verifies what it can. */
function known(frame: Buffer, flags: number): number {
  return flags | (isIpv4HeaderRight(frame) ? RX_IP_GOOD : 0) | (isUdpRight(frame) ? RX_UDP_GOOD : 0);
}

const payload = fc.uint8Array({ maxLength: 64 });
const address = fc.oneof(
  { weight: 6, arbitrary: fc.constant(PEER_ADDRESS) },
  fc.constantFrom(OUR_ADDRESS, 0, 0x7f000001, 0xe0000001 | 0, -1, 0x0b000001, 0xdfffffff | 0),
);
const udp = fc
  .tuple(
    payload,
    fc.record(
      {
        source: address,
        destination: fc.constantFrom(OUR_ADDRESS, PEER_ADDRESS),
        fragment: fc.constantFrom(0, 0x4000, 0x2000, 0x8000, 1, 0x1fff),
        options: fc.constantFrom('', '01010101'),
        destinationMac: fc.constantFrom(PEER_MAC, BROADCAST_MAC, '020100000001', '020000000001'),
        sourcePort: fc.nat(65535),
        destinationPort: fc.nat(65535),
        checksum: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([bytes, fields]) => udpFrame(bytes, fields));
const frame = fc.oneof(
  { weight: 3, arbitrary: payload.map((bytes) => udpFrame(bytes)) },
  { weight: 5, arbitrary: udp },
  { weight: 1, arbitrary: payload.map((bytes) => echoRequest(bytes)) },
  { weight: 1, arbitrary: fc.constantFrom(arpFrame(1), arpFrame(2)) },
);

/** Puts one thing of the frame wrong, mostly in its headers, with its IPv4 checksum right again or not. */
const mutated = fc
  .tuple(
    frame,
    fc.array(fc.tuple(fc.nat(47), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 7, 8, 28, 255))), {
      maxLength: 2,
    }),
    fc.boolean(),
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -50, max: 20 })),
  )
  .map(([original, bytes, isRepaired, more]) => {
    const copy = Buffer.alloc(Math.max(0, original.length + more));
    original.copy(copy);
    for (const [at, value] of bytes) if (at < copy.length) copy[at] = value;
    if (isRepaired && copy.length >= 34) {
      copy.writeUInt16BE(0, 24);
      copy.writeUInt16BE(internetChecksum(copy.subarray(14, 34)), 24);
    }
    return copy;
  });
const bursts = fc.array(fc.array(fc.oneof(frame, mutated), { maxLength: 8 }), { maxLength: 4 });

test('what a device knows of checksums changes neither deliveries nor replies nor counts', () => {
  let plain = 0;
  fc.assert(
    fc.property(bursts, (all) => {
      const slow = new Host((_frame, flags) => flags);
      const fast = new Host((bytes, flags) => {
        const result = known(bytes, flags);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        if (plainPayloadLength(view, 0, bytes.length, result, 0x0200, 1, OUR_ADDRESS) >= 0) plain++;
        return result;
      });
      for (const burst of all) assert.deepEqual(fast.take(burst), slow.take(burst));
      assert.deepEqual(fast.deliveries, slow.deliveries);
      assert.deepEqual(fast.stack.statistics, slow.stack.statistics);
    }),
    { numRuns: 1000 },
  );
  assert.ok(plain > 1000, `${plain} frames took the short way`);
});

test('no frame is plain whose header is bad or not known to be good, and none reads outside itself', () => {
  fc.assert(
    fc.property(mutated, fc.nat(31), (bytes, flags) => {
      // The view ends where the frame ends: reading beyond would throw.
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const length = plainPayloadLength(view, 0, bytes.length, flags, 0x0200, 1, OUR_ADDRESS);
      if (length < 0) return;
      assert.ok(42 + length <= bytes.length);
      assert.equal(flags & (RX_IP_GOOD | RX_IP_BAD), RX_IP_GOOD);
      assert.ok((flags & RX_UDP_GOOD) !== 0 || bytes.readUInt16BE(40) === 0);
    }),
    { numRuns: 5000 },
  );
});

test('whatever a device claims, each frame has the fate that the closer look alone gives it', () => {
  fc.assert(
    fc.property(bursts, fc.array(fc.nat(15), { minLength: 1, maxLength: 32 }), (all, claims) => {
      const [fast, slow] = [false, true].map((isSlow) => {
        let frames = 0;
        return new Host((_frame, flags) => flags | claims[frames++ % claims.length]!, isSlow);
      }) as [Host, Host];
      for (const burst of all) assert.deepEqual(fast.take(burst), slow.take(burst));
      assert.deepEqual(fast.deliveries, slow.deliveries);
      slow.stack.statistics[RX_FRAMES] = all.flat().length;
      assert.deepEqual(fast.stack.statistics, slow.stack.statistics);
    }),
    { numRuns: 1000 },
  );
});
