import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Region } from '../../src/memory/region.ts';
import { openKernelTransport } from '../../src/transport/kernel/kernel-transport.ts';
import {
  type BurstListener,
  DatagramBurst,
  type DatagramHandler,
  type Endpoint,
  type EndpointOptions,
} from '../../src/transport/transport.ts';
import { NOISE_BYTES, runGcGate } from '../support/gc-gate.ts';

const LOOPBACK = 0x7f000001;
const MEASURE_MS = 5000;

const transport = openKernelTransport();
after(() => transport.close());

function options(some: Partial<EndpointOptions>): EndpointOptions {
  return {
    localAddress: LOOPBACK,
    localPort: 0,
    remoteAddress: 0,
    remotePort: 0,
    receiveBufferLength: 1024 * 1024,
    sendBufferLength: 1024 * 1024,
    ...some,
  };
}

/** Sends back what it hears, from the packet memory, to whom it heard it from. */
class Echo implements DatagramHandler, BurstListener {
  count = 0;
  endpoint: Endpoint | null = null;
  private readonly burst = new DatagramBurst();
  private address = 0;
  private port = 0;

  onDatagram(region: Region, offset: number, length: number, address: number, port: number): void {
    this.burst.add(region.handle, offset, length);
    this.address = address;
    this.port = port;
  }

  onBurstEnd(): void {
    if (this.burst.count === 0) return;
    this.count += transport.send(this.endpoint!, this.burst, this.address, this.port);
    this.burst.clear();
  }
}

class Counter implements DatagramHandler {
  count = 0;

  onDatagram(_region: Region, _offset: number, length: number): void {
    if (length === 1408) this.count++;
  }
}

test('a loopback echo of 1408-byte datagrams runs without garbage', () => {
  const echo = new Echo();
  echo.endpoint = transport.open(options({}), echo);
  const counter = new Counter();
  const pinger = transport.open(
    options({ remoteAddress: LOOPBACK, remotePort: echo.endpoint.localPort }),
    counter,
  );
  const data = Region.allocate(16 * 1408);
  const burst = new DatagramBurst();
  for (let i = 0; i < 16; i++) burst.add(data.handle, i * 1408, 1408);
  const step = () => {
    transport.send(pinger, burst, 0, 0);
    transport.poll(echo);
    transport.poll(echo);
    transport.flush();
  };
  const { collections, bytesAllocated, steps } = runGcGate({ warmUpMs: 1000, measureMs: MEASURE_MS, step });
  assert.ok(counter.count > 1000, `${counter.count} datagrams came back in ${steps} steps`);
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < NOISE_BYTES, `${bytesAllocated} bytes in ${steps} steps`);
  data.close();
});

test('polling many endpoints in vain makes no garbage', () => {
  const counter = new Counter();
  for (let i = 0; i < 10; i++) transport.open(options({}), counter);
  const listener: BurstListener = { onBurstEnd() {} };
  const step = () => {
    transport.poll(listener);
  };
  const { collections, bytesAllocated } = runGcGate({ warmUpMs: 500, measureMs: 1000, step });
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < NOISE_BYTES, `${bytesAllocated} bytes`);
});
