import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { TX_FLAGS, TX_FRAME, TX_LENGTH } from '../../src/device/device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { Region } from '../../src/memory/region.ts';
import type { BypassEndpoint } from '../../src/transport/bypass/bypass-endpoint.ts';
import type { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import { HandOverRings } from '../../src/transport/bypass/hand-over.ts';
import { openBypassTransport } from '../../src/transport/bypass/open-bypass-transport.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';
import { ADDRESS_A, ADDRESS_B, bypassTransport } from '../support/bypass-pair.ts';
import { endpointOptions, NO_LISTENER } from '../support/datagrams.ts';
import { SKIP_WITHOUT_DPDK, virtualEal } from '../support/dpdk.ts';
import { arpFrame } from '../support/frames.ts';
import { runGcGate } from '../support/gc-gate.ts';

const PORT = 40123;
const GATE = { warmUpMs: 1_000, measureMs: 5_000 };
/** What V8 itself may put on the heap meanwhile. */
const BYTES_MAX = 64 * 1024;

/** Sends back what comes, in the same burst; never more than a burst at a time. */
class Echo {
  count = 0;
  readonly endpoint: BypassEndpoint;
  private readonly transport: BypassTransport;
  private readonly burst: DatagramBurst = new DatagramBurst();
  private address = 0;
  private port = 0;

  constructor(transport: BypassTransport, localPort = PORT) {
    this.transport = transport;
    this.endpoint = transport.open(endpointOptions({ localPort }), this);
  }

  onDatagram(region: Region, offset: number, length: number, address: number, port: number): void {
    this.count++;
    this.address = address;
    this.port = port;
    if (!this.burst.isFull) this.burst.add(region.handle, offset, length);
  }

  onBurstEnd(): void {
    if (this.burst.count > 0) this.transport.send(this.endpoint, this.burst, this.address, this.port);
    this.burst.clear();
  }
}

test('an echo between two stacks makes no garbage', () => {
  const clock = new SystemClock();
  const [deviceA, deviceB] = SimulatedDevice.pair();
  const a = bypassTransport(deviceA, ADDRESS_A, clock);
  const b = bypassTransport(deviceB, ADDRESS_B, clock);
  const echoA = new Echo(a);
  const echoB = new Echo(b);
  const slots = Region.allocate(16 * 2048);
  const burst = new DatagramBurst();
  for (let i = 0; i < 16; i++) burst.add(slots.handle, i * 2048, 4 + i * 90);

  const { collections, bytesAllocated, steps } = runGcGate({
    ...GATE,
    step: () => {
      clock.update();
      // To the other side, from where echoes go to and fro for as long as nothing is lost; and to ourselves.
      if (echoA.count === 0) a.send(echoA.endpoint, burst, ADDRESS_B, PORT);
      a.poll(echoA);
      a.flush();
      b.poll(echoB);
      b.flush();
    },
  });
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < BYTES_MAX, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(echoB.count > steps, `${echoB.count} datagrams in ${steps} steps`);
});

test('hand-over between agents makes no garbage', () => {
  const clock = new SystemClock();
  const cables = [SimulatedDevice.pair(), SimulatedDevice.pair()] as const;
  const agentsOf = (side: 0 | 1, address: number): BypassTransport[] => {
    const rings = new HandOverRings(2);
    return [0, 1].map((i) => bypassTransport(cables[i]![side], address, clock, 0, rings.configOf(i)));
  };
  const transports = [...agentsOf(0, ADDRESS_A), ...agentsOf(1, ADDRESS_B)];
  // From agent 0 over queue 0 to a port of agent 1, and from there over queue 1 to a port of agent 0.
  const echoA = new Echo(transports[0]!, PORT + 1);
  const echoB = new Echo(transports[3]!, PORT);
  const listeners = [echoA, NO_LISTENER, NO_LISTENER, echoB];
  const slots = Region.allocate(16 * 2048);
  const burst = new DatagramBurst();
  for (let i = 0; i < 16; i++) burst.add(slots.handle, i * 2048, 4 + i * 90);

  const { collections, bytesAllocated, steps } = runGcGate({
    ...GATE,
    step: () => {
      clock.update();
      if (echoA.count === 0) transports[0]!.send(echoA.endpoint, burst, ADDRESS_B, PORT);
      for (let i = 0; i < 4; i++) {
        transports[i]!.poll(listeners[i]!);
        transports[i]!.flush();
      }
    },
  });
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < BYTES_MAX, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(echoB.count > steps, `${echoB.count} datagrams in ${steps} steps`);
  const handedOver = transports.map(({ statistics }) => statistics.datagramsHandedOver);
  assert.ok(handedOver[1]! > steps && handedOver[2]! > steps, `${handedOver}`);
});

test('datagrams over a DPDK port and to this host make no garbage', { skip: SKIP_WITHOUT_DPDK }, () => {
  const clock = new SystemClock();
  // Receives what it transmits: our own datagrams to the neighbour, which are not for us.
  const transport = openBypassTransport(
    {
      ealArguments: virtualEal('net_ring0'),
      portId: 0,
      localAddress: ADDRESS_A,
      prefixLength: 24,
      gatewayAddress: 0,
      mtu: 1500,
      rxQueueSize: 1024,
      txQueueSize: 1024,
    },
    clock,
  );
  const echo = new Echo(transport);
  const slots = Region.allocate(16 * 2048);
  const burst = new DatagramBurst();
  for (let i = 0; i < 16; i++) burst.add(slots.handle, i * 2048, 1408);
  const local = new DatagramBurst();
  local.add(slots.handle, 0, 100);
  resolveNeighbour(transport, echo);

  const { collections, bytesAllocated, steps } = runGcGate({
    ...GATE,
    step: () => {
      clock.update();
      transport.send(echo.endpoint, burst, ADDRESS_B, PORT);
      if (echo.count === 0) transport.send(echo.endpoint, local, ADDRESS_A, PORT);
      transport.poll(echo);
      transport.flush();
    },
  });
  transport.close();
  assert.equal(collections, 0);
  assert.ok(bytesAllocated < BYTES_MAX, `${bytesAllocated} bytes in ${steps} steps`);
  assert.ok(transport.statistics.datagramsSent > steps, 'datagrams went out');
});

/** Lets the neighbour's answer arrive: the port receives what it transmits. */
function resolveNeighbour(transport: BypassTransport, echo: Echo): void {
  const { device } = transport;
  const probe = new DatagramBurst();
  probe.add(0, 0, 0);
  assert.equal(transport.send(echo.endpoint, probe, ADDRESS_B, PORT), 0);
  transport.flush();
  const ourMac = (device.macHigh * 2 ** 32 + (device.macLow >>> 0)).toString(16).padStart(12, '0');
  device.memory.bytes.set(arpFrame(2, { destination: ourMac }), device.txWords[TX_FRAME]!);
  device.txWords[TX_LENGTH] = 0;
  device.txWords[TX_FLAGS] = 0;
  device.transmit(1);
  transport.poll(echo);
  assert.equal(transport.send(echo.endpoint, probe, ADDRESS_B, PORT), 1);
}
