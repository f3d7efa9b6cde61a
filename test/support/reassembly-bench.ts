import assert from 'node:assert/strict';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { Region } from '../../src/memory/region.ts';
import { IpStack, type IpStackOptions } from '../../src/net/ip-stack.ts';
import { NET_STATISTICS } from '../../src/net/net-statistics.ts';
import { formatIpAddress } from '../../src/util/ip-text.ts';
import type { Prng } from '../../src/util/prng.ts';
import { OUR_ADDRESS } from './frames.ts';

/** A stack on a simulated card that hears datagrams in pieces, and fails the test when one comes in one piece. */
export class ReassemblyBench {
  readonly device: SimulatedDevice;
  readonly peer: SimulatedDevice;
  readonly stack: IpStack;
  readonly clock: SimulatedClock = new SimulatedClock();
  /** What was put together, as {@link wholeDatagram} says it. */
  whole: string[] = [];
  readonly listener = {
    onUdp: (): void => assert.fail('only pieces come'),
    onGroupUdp: (): void => assert.fail('only pieces come'),
    onReassembledUdp: (
      region: Region,
      offset: number,
      length: number,
      source: number,
      sourcePort: number,
      destination: number,
      port: number,
    ): void => {
      const hosts = `${formatIpAddress(source)} ${sourcePort} ${formatIpAddress(destination)} ${port}`;
      this.whole.push(`${hosts} ${region.bytes.toString('latin1', offset, offset + length)}`);
    },
  };

  constructor(options: Partial<IpStackOptions> = {}) {
    [this.device, this.peer] = SimulatedDevice.pair({ mtu: 1500, ringLength: 1024 });
    this.stack = new IpStack(
      this.device,
      { address: OUR_ADDRESS, prefixLength: 24, gatewayAddress: 0, ...options },
      this.clock,
    );
    this.stack.reassemble(this.listener);
  }

  take(...frames: readonly Buffer[]): void {
    for (const frame of frames) assert.equal(this.device.inject(frame), true);
    while (this.stack.receive(this.listener) > 0);
  }

  /** Takes the pieces of several datagrams in any order, and some of them twice. */
  takeInAnyOrder(datagrams: readonly (readonly Buffer[])[], prng: Prng): void {
    const pieces = datagrams.flatMap((all, datagram) => all.map((piece) => ({ piece, datagram })));
    const left = datagrams.map(({ length }) => length);
    while (pieces.length > 0) {
      const { piece, datagram } = pieces.splice(prng.nextBelow(pieces.length), 1)[0]!;
      this.take(piece);
      // Once the datagram is whole a piece of it would begin another.
      if (--left[datagram]! > 0 && prng.nextBelow(3) === 0) this.take(piece);
    }
  }

  count(name: string): number {
    return this.stack.statistics[NET_STATISTICS.indexOf(name)]!;
  }
}

/** Bytes that change along a datagram, and from seed to seed. */
export function payloadOf(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 31 + seed + (i >> 8)) & 0xff));
}

/** A datagram from port 4000 to port 5000, as {@link ReassemblyBench.whole} has it. */
export function wholeDatagram(payload: Buffer, source: number, destination: number): string {
  const hosts = `${formatIpAddress(source)} 4000 ${formatIpAddress(destination)} 5000`;
  return `${hosts} ${payload.toString('latin1')}`;
}
