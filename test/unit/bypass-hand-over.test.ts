import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { Region } from '../../src/memory/region.ts';
import type { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import { HandOverRings } from '../../src/transport/bypass/hand-over.ts';
import { HandOverRing } from '../../src/transport/bypass/hand-over-ring.ts';
import { ADDRESS_A, ADDRESS_B, bypassTransport } from '../support/bypass-pair.ts';
import { burstOf, endpointOptions, NO_LISTENER, Recorder } from '../support/datagrams.ts';
import { arpFrame, udpFrame } from '../support/frames.ts';

const EVEN_PORT = 40100;
const ODD_PORT = 40101;

/** The reader's end of a ring: what came out of it, as text. */
class RingRecorder {
  readonly records: string[] = [];

  onHandedOver(
    region: Region,
    offset: number,
    length: number,
    source: number,
    port: number,
    to: number,
    toPort: number,
  ): void {
    const payload = region.bytes.toString('latin1', offset, offset + length);
    this.records.push(`${source}:${port} → ${to}:${toPort}: ${payload}`);
  }

  onQuery(group: number, version: number, responseTime: number): void {
    this.records.push(`who is in ${group}? ${version} ${responseTime}`);
  }

  onUnreachable(address: number, ports: number, code: number, mtu: number): void {
    this.records.push(`${address} not reached from ${ports >>> 16} to ${ports & 0xffff}: ${code} ${mtu}`);
  }

  onNeighbour(address: number, macHigh: number, macLow: number): void {
    this.records.push(`${address} is ${macHigh} ${macLow}`);
  }
}

describe('a ring from one agent to another', () => {
  const text = Region.allocate(64);
  text.bytes.write('0123456789abcdefghijklmnopqrstuvwxyz', 'latin1');
  let writer: HandOverRing;
  let reader: HandOverRing;
  let seen: RingRecorder;

  beforeEach(() => {
    const region = HandOverRing.allocate(256);
    writer = new HandOverRing(region);
    reader = new HandOverRing(region);
    seen = new RingRecorder();
  });

  test('carries datagrams, neighbours and queries in order, when they are published', () => {
    assert.ok(writer.addDatagram(text.handle, 1, 3, ADDRESS_A, 65535, ADDRESS_B, 65534));
    assert.ok(writer.addNeighbour(ADDRESS_B, 0x0200, -5));
    assert.ok(writer.addQuery(-2, 3, 100));
    assert.ok(writer.addUnreachable(-3, (65535 << 16) | 40123, 4, 65535));
    assert.ok(writer.addDatagram(text.handle, 0, 0, -1, 1, -2, 2));
    assert.equal(reader.read(seen, 64), 0);
    writer.publish();
    assert.equal(reader.read(seen, 2), 2);
    assert.equal(reader.read(seen, 64), 3);
    assert.deepEqual(seen.records, [
      `${ADDRESS_A}:65535 → ${ADDRESS_B}:65534: 123`,
      `${ADDRESS_B} is 512 -5`,
      'who is in -2? 3 100',
      '-3 not reached from 65535 to 40123: 4 65535',
      '-1:1 → -2:2: ',
    ]);
  });

  test('takes no more than there is room for, and has room again when the reader has released', () => {
    let added = 0;
    while (writer.addDatagram(text.handle, 0, 36, 1, 1, 1, 1)) added++;
    assert.equal(added, 4, '64 bytes each');
    writer.publish();
    assert.equal(reader.read(seen, 64), 4);
    assert.equal(writer.addNeighbour(1, 1, 1), false, 'the reader still uses the memory');
    reader.release();
    assert.equal(writer.addNeighbour(1, 1, 1), true);
  });

  test('keeps every record in one piece, over many rounds', () => {
    const expected: string[] = [];
    for (let i = 0; i < 500; i++) {
      const length = i % 37;
      assert.ok(writer.addDatagram(text.handle, 0, length, i, 7, 8, 9), `record ${i}`);
      expected.push(`${i}:7 → 8:9: ${text.bytes.toString('latin1', 0, length)}`);
      writer.publish();
      if (i % 3 === 2) {
        reader.read(seen, 64);
        reader.release();
      }
    }
    reader.read(seen, 64);
    assert.deepEqual(seen.records, expected);
  });

  test('goes on when its positions wrap', () => {
    const datagram = Region.allocate(60_000);
    const region = HandOverRing.allocate(1 << 17);
    const [from, to] = [new HandOverRing(region), new HandOverRing(region)];
    let wrongs = 0;
    let records = 0;
    const listener = {
      onHandedOver(_: Region, __: number, length: number, source: number): void {
        if (source !== records++ || length !== 60_000) wrongs++;
      },
      onNeighbour(): void {},
      onQuery(): void {},
      onUnreachable(): void {},
    };
    const count = Math.ceil((2 ** 32 + 2 ** 20) / 60_000);
    for (let i = 0; i < count; i++) {
      assert.ok(from.addDatagram(datagram.handle, 0, 60_000, i, 1, 1, 1), `record ${i}`);
      from.publish();
      to.read(listener, 64);
      to.release();
    }
    assert.deepEqual([records, wrongs], [count, 0]);
  });
});

describe('two agents with a queue pair each of one port', () => {
  let clock: SimulatedClock;
  /** Of the host under test, and of its peer: queue i of one is queue i of the other. */
  let queues: SimulatedDevice[];
  let agents: BypassTransport[];
  let peers: BypassTransport[];

  beforeEach(() => {
    clock = new SimulatedClock();
    const cables = [SimulatedDevice.pair(), SimulatedDevice.pair()];
    queues = cables.map(([a]) => a);
    agents = makeAgents(queues, ADDRESS_A);
    peers = makeAgents(
      cables.map(([, b]) => b),
      ADDRESS_B,
    );
  });

  function makeAgents(devices: SimulatedDevice[], address: number): BypassTransport[] {
    const rings = new HandOverRings(devices.length);
    return devices.map((device, index) => bypassTransport(device, address, clock, 0, rings.configOf(index)));
  }

  function run(cycles = 4): void {
    for (let i = 0; i < cycles; i++) {
      clock.advanceNs(1_000);
      for (const transport of [...agents, ...peers]) {
        transport.poll(NO_LISTENER);
        transport.flush();
      }
    }
  }

  const count = (agent: number, name: string): number => agents[agent]!.statistics.get(name);

  test('should deliver a datagram that arrives at the queue of another agent', () => {
    const recorder = new Recorder();
    agents[1]!.open(endpointOptions({ localPort: ODD_PORT }), recorder);
    queues[0]!.inject(udpFrame(Buffer.from('astray'), { sourcePort: 4000, destinationPort: ODD_PORT }));
    run(2);
    assert.deepEqual(recorder.datagrams, [{ payload: 'astray', sourceAddress: ADDRESS_B, sourcePort: 4000 }]);
    assert.equal(count(0, 'transport.handedOver'), 1);
    assert.equal(count(1, 'transport.takenOver'), 1);
    assert.equal(agents[0]!.statistics.datagramsHandedOver, 1);
  });

  test('should hand nothing over that is at its own queue, and pass no stranger on twice', () => {
    const recorder = new Recorder();
    agents[1]!.open(endpointOptions({ localPort: ODD_PORT }), recorder);
    queues[1]!.inject(udpFrame(Buffer.from('home'), { destinationPort: ODD_PORT }));
    queues[0]!.inject(udpFrame(Buffer.from('nobody'), { destinationPort: ODD_PORT + 2 }));
    queues[0]!.inject(udpFrame(Buffer.from('nobody'), { destinationPort: EVEN_PORT }));
    run();
    assert.deepEqual(recorder.payloads, ['home']);
    assert.equal(count(1, 'transport.handedOver'), 0);
    assert.equal(count(1, 'transport.noEndpoint'), 1, 'the owner of the port says that nobody has it');
    assert.equal(count(0, 'transport.noEndpoint'), 1);
  });

  test('should tell the other agent of a neighbour whose answer arrives at the wrong queue', () => {
    const sender = agents[1]!.open(
      endpointOptions({ remoteAddress: ADDRESS_B, remotePort: ODD_PORT }),
      new Recorder(),
    );
    assert.equal(agents[1]!.send(sender, burstOf('x'), 0, 0), 0);
    // The answer comes to queue 0, whose agent asked for nothing.
    queues[0]!.inject(arpFrame(2, { sender: ADDRESS_B }));
    agents[0]!.poll(NO_LISTENER);
    agents[1]!.poll(NO_LISTENER);
    assert.equal(agents[1]!.send(sender, burstOf('x'), 0, 0), 1);
  });

  test('should give senders ports of their own that belong to their agent, so that answers find the way', () => {
    for (const [agent, transport] of agents.entries()) {
      for (let i = 0; i < 3; i++) {
        const { localPort } = transport.open(
          endpointOptions({ remoteAddress: ADDRESS_B, remotePort: 1 }),
          new Recorder(),
        );
        assert.equal(localPort % 2, agent);
      }
    }
    assert.throws(
      () => agents[0]!.open(endpointOptions({ localPort: ODD_PORT }), new Recorder()),
      /is not of network agent 0, which has every 2th/,
    );
  });

  test('should keep both ends of a stream on one queue', () => {
    const received = [new Recorder(), new Recorder()];
    for (const [i, port] of [EVEN_PORT, ODD_PORT].entries()) {
      peers[i]!.open(endpointOptions({ localPort: port }), received[i]!);
      const sender = agents[i]!.open(
        endpointOptions({ remoteAddress: ADDRESS_B, remotePort: port }),
        new Recorder(),
      );
      agents[i]!.send(sender, burstOf('x'), 0, 0);
      run();
      assert.equal(agents[i]!.send(sender, burstOf(`queue ${i}`), 0, 0), 1);
    }
    run();
    assert.deepEqual(
      received.map(({ payloads }) => payloads),
      [['queue 0'], ['queue 1']],
    );
    for (const peer of peers) assert.equal(peer.statistics.get('transport.handedOver'), 0);
  });

  test('should deliver datagrams to our own address to the agent that has the port', () => {
    const recorder = new Recorder();
    const back = new Recorder();
    const receiver = agents[1]!.open(endpointOptions({ localPort: ODD_PORT }), recorder);
    const sender = agents[0]!.open(endpointOptions({ localPort: EVEN_PORT }), back);
    assert.equal(agents[0]!.send(sender, burstOf('there'), ADDRESS_A, ODD_PORT), 1);
    assert.equal(agents[1]!.send(receiver, burstOf('back'), ADDRESS_A, EVEN_PORT), 1);
    run();
    assert.deepEqual(recorder.datagrams, [
      { payload: 'there', sourceAddress: ADDRESS_A, sourcePort: EVEN_PORT },
    ]);
    assert.deepEqual(back.payloads, ['back']);
  });

  test('should drop and count what an agent that stands still has no room for, and go on', () => {
    const recorder = new Recorder();
    agents[1]!.open(endpointOptions({ localPort: ODD_PORT }), recorder);
    const frame = udpFrame(Buffer.alloc(1000, 'x'), { destinationPort: ODD_PORT });
    const total = 1000;
    for (let sent = 0; sent < total; sent++) {
      assert.ok(queues[0]!.inject(frame));
      agents[0]!.poll(NO_LISTENER);
    }
    const handedOver = count(0, 'transport.handedOver');
    assert.ok(handedOver > 100 && handedOver < total, `${handedOver}`);
    assert.equal(count(0, 'transport.handOversDropped'), total - handedOver);
    run(20);
    assert.equal(recorder.datagrams.length, handedOver);
  });
});
