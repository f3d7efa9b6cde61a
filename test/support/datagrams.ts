/** Datagrams into a transport and out of it. */
import assert from 'node:assert/strict';
import { Region } from '../../src/memory/region.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type EndpointOptions,
  type Transport,
} from '../../src/transport/transport.ts';

export interface ReceivedDatagram {
  readonly payload: string;
  readonly sourceAddress: number;
  readonly sourcePort: number;
}

/** Keeps copies of what arrives. */
export class Recorder implements DatagramHandler {
  readonly datagrams: ReceivedDatagram[] = [];

  get payloads(): string[] {
    return this.datagrams.map(({ payload }) => payload);
  }

  get last(): ReceivedDatagram {
    return this.datagrams.at(-1)!;
  }

  onDatagram(
    region: Region,
    offset: number,
    length: number,
    sourceAddress: number,
    sourcePort: number,
  ): void {
    const payload = region.bytes.toString('latin1', offset, offset + length);
    this.datagrams.push({ payload, sourceAddress, sourcePort });
  }
}

export const NO_LISTENER: BurstListener = { onBurstEnd() {} };

export function endpointOptions(options: Partial<EndpointOptions> = {}): EndpointOptions {
  return {
    localAddress: 0,
    localPort: 0,
    remoteAddress: 0,
    remotePort: 0,
    receiveBufferLength: 0,
    sendBufferLength: 0,
    ...options,
  };
}

/** A burst of datagrams with these payloads. */
export function burstOf(...payloads: string[]): DatagramBurst {
  const burst = new DatagramBurst();
  const bytes = Buffer.from(payloads.join(''), 'latin1');
  const region = Region.allocate(Math.max(8, bytes.length));
  region.bytes.set(bytes);
  let offset = 0;
  for (const payload of payloads) {
    burst.add(region.handle, offset, payload.length);
    offset += payload.length;
  }
  return burst;
}

/** Polls a transport until something is so, for 5 s at most. The kernel hands loopback datagrams over at once, as a rule. */
export function pollUntil(
  transport: Transport,
  isSo: () => boolean,
  listener: BurstListener = NO_LISTENER,
): void {
  const deadline = performance.now() + 5000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, 'nothing more arrived in 5 s');
    transport.poll(listener);
  }
}
