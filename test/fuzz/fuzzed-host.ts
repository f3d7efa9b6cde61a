import assert from 'node:assert/strict';
import type { Clock } from '../../src/concurrent/clock.ts';
import { RX_LENGTH, RX_OFFSET, RX_WORDS } from '../../src/device/device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { Region } from '../../src/memory/region.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { OUR_ADDRESS } from '../support/frames.ts';

const SLOT_LENGTH = 1536;
export const FUZZED_GROUP: number = 0xe0000103 | 0;

/** A host at the end of a cable, and a number that follows from all it delivered and sent. */
export class FuzzedHost {
  readonly stack: IpStack;
  digest = 0;
  private readonly device: SimulatedDevice;
  private readonly peer: SimulatedDevice;
  private readonly slot: Buffer = Buffer.alloc(SLOT_LENGTH);
  /** What lies behind each frame in memory. */
  private readonly behind: number;

  constructor(clock: Clock, behind: number) {
    [this.device, this.peer] = SimulatedDevice.pair();
    this.behind = behind;
    const options = { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0x0a0000fe };
    this.stack = new IpStack(this.device, options, clock);
    this.stack.reassemble(this);
    this.stack.groupListener = this;
    this.stack.unreachableListener = this;
    this.stack.joinGroup(FUZZED_GROUP);
    this.stack.flush();
  }

  inject(frame: Uint8Array): boolean {
    this.slot.set(frame);
    this.slot.fill(this.behind, frame.length);
    return this.device.inject(this.slot, frame.length);
  }

  /** All that has arrived. Returns the number of frames. */
  receive(): number {
    let frames = 0;
    for (let count = this.stack.receive(this); count > 0; count = this.stack.receive(this)) frames += count;
    return frames;
  }

  send(address: number): void {
    const { stack, peer } = this;
    if (stack.startDatagrams(address, 1, 2) === 0) stack.addDatagram(this.device.memory.handle, 0, 0);
    stack.flush();
    for (let count = peer.receive(); count > 0; count = peer.receive()) {
      for (let i = 0; i < count; i++) {
        const word = i * RX_WORDS;
        this.digestBytes(peer.memory, peer.rxWords[word + RX_OFFSET]!, peer.rxWords[word + RX_LENGTH]!);
      }
    }
  }

  onUdp(offset: number, length: number): void {
    assert.ok(length >= 0 && length <= 1472, `a datagram of ${length} bytes`);
    this.digestBytes(this.device.memory, offset, length);
  }

  onGroupUdp(offset: number, length: number): void {
    this.onUdp(offset, length);
  }

  onReassembledUdp(region: Region, offset: number, length: number): void {
    assert.ok(length >= 0 && length <= 65_507, `a datagram of ${length} bytes`);
    this.digestBytes(region, offset, length);
  }

  onDatagramUnreachable(code: number, address: number, mtu: number): void {
    this.mix(code);
    this.mix(address);
    this.mix(mtu);
  }

  close(): void {
    this.stack.close();
    this.device.close();
    this.peer.close();
  }

  private digestBytes({ bytes, byteLength }: Region, offset: number, length: number): void {
    assert.ok(offset >= 0 && offset + length <= byteLength);
    this.mix(length);
    for (let i = offset; i < offset + length; i += 3) this.mix(bytes[i]!);
    if (length > 0) this.mix(bytes[offset + length - 1]!);
  }

  private mix(value: number): void {
    this.digest = (Math.imul(this.digest, 31) + value) | 0;
  }
}
