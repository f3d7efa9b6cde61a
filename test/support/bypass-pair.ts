import { type Clock, SimulatedClock } from '../../src/concurrent/clock.ts';
import type { Device } from '../../src/device/device.ts';
import { SimulatedDevice, type SimulatedDeviceOptions } from '../../src/device/simulated-device.ts';
import { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import type { HandOverConfig } from '../../src/transport/bypass/hand-over.ts';
import { NO_LISTENER } from './datagrams.ts';

export const ADDRESS_A = 0x0a000001;
export const ADDRESS_B = 0x0a000002;

export interface BypassPair {
  readonly a: BypassTransport;
  readonly b: BypassTransport;
  readonly devices: readonly [SimulatedDevice, SimulatedDevice];
  readonly clock: SimulatedClock;
  /** Some duty cycles of both sides. */
  run(cycles?: number): void;
}

export function bypassTransport(
  device: Device,
  address: number,
  clock: Clock,
  gatewayAddress = 0,
  handOver: HandOverConfig | null = null,
): BypassTransport {
  return new BypassTransport(device, { address, prefixLength: 24, gatewayAddress }, clock, handOver);
}

/** Two hosts on one cable. */
export function bypassPair(
  options?: SimulatedDeviceOptions,
  wrap: (device: SimulatedDevice) => Device = (device) => device,
): BypassPair {
  const clock = new SimulatedClock();
  const devices = SimulatedDevice.pair(options);
  const a = bypassTransport(wrap(devices[0]), ADDRESS_A, clock);
  const b = bypassTransport(wrap(devices[1]), ADDRESS_B, clock);
  return {
    a,
    b,
    devices,
    clock,
    run(cycles = 4): void {
      for (let i = 0; i < cycles; i++) {
        clock.advanceNs(1_000);
        for (const transport of [a, b]) {
          transport.poll(NO_LISTENER);
          transport.flush();
        }
      }
    },
  };
}
