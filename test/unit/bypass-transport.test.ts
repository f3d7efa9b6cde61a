import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { FaultInjectingDevice } from '../../src/device/fault-injecting-device.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import type { BypassEndpoint } from '../../src/transport/bypass/bypass-endpoint.ts';
import {
  ADDRESS_A,
  ADDRESS_B,
  type BypassPair,
  bypassPair,
  bypassTransport,
} from '../support/bypass-pair.ts';
import { burstOf, endpointOptions, NO_LISTENER, Recorder } from '../support/datagrams.ts';
import { arpFrame, receivedFrames } from '../support/frames.ts';

const PORT = 40123;

let pair: BypassPair;
let atB: Recorder;
let atA: Recorder;
let receiver: BypassEndpoint;
let sender: BypassEndpoint;

beforeEach(() => {
  pair = bypassPair();
  atA = new Recorder();
  atB = new Recorder();
  receiver = pair.b.open(endpointOptions({ localPort: PORT }), atB);
  sender = pair.a.open(endpointOptions({ remoteAddress: ADDRESS_B, remotePort: PORT }), atA);
});

/** Sends one burst until all of it is accepted; the neighbour may have to be found first. */
function sendAll(payloads: string[]): void {
  for (let next = 0, cycles = 0; next < payloads.length; cycles++) {
    assert.ok(cycles < 1000, 'not accepted');
    next += pair.a.send(sender, burstOf(...payloads.slice(next, next + 64)), 0, 0);
    pair.run(1);
  }
  pair.run();
}

describe('datagrams between two hosts', () => {
  test('arrive once the neighbour is known, with their source', () => {
    const burst = burstOf('one', 'two', '');
    assert.equal(pair.a.send(sender, burst, 0, 0), 0, 'nothing is accepted while the neighbour is unknown');
    pair.run();
    assert.equal(pair.a.send(sender, burst, 0, 0), 3);
    pair.run();
    assert.deepEqual(atB.payloads, ['one', 'two', '']);
    assert.deepEqual(atB.datagrams[0], {
      payload: 'one',
      sourceAddress: ADDRESS_A,
      sourcePort: sender.localPort,
    });
    assert.equal(pair.b.send(receiver, burstOf('back'), ADDRESS_A, sender.localPort), 0);
    pair.run();
    assert.equal(pair.b.send(receiver, burstOf('back'), ADDRESS_A, sender.localPort), 1);
    pair.run();
    assert.deepEqual(atA.payloads, ['back']);
  });

  test('end every burst before packet memory is reused, and only then', () => {
    sendAll(['warm']);
    pair.a.send(sender, burstOf('one', 'two'), 0, 0);
    pair.a.flush();
    let bursts = 0;
    const listener = {
      onBurstEnd(): void {
        bursts++;
        assert.deepEqual(atB.payloads, ['warm', 'one', 'two']);
      },
    };
    assert.equal(pair.b.poll(listener), 2);
    assert.equal(pair.b.poll(listener), 0);
    assert.equal(bursts, 1);
  });

  test('of every length up to the MTU keep their bytes, longer ones are lost and counted', () => {
    assert.equal(pair.a.maxDatagramLength, 1472);
    const payloads = Array.from({ length: 1473 }, (_, length) =>
      String.fromCharCode(length & 0xff).repeat(length),
    );
    sendAll(payloads);
    assert.deepEqual(atB.payloads, payloads);
    sendAll(['x'.repeat(1473), 'after']);
    assert.deepEqual(atB.payloads.slice(1473), ['after']);
    assert.equal(pair.a.statistics.get('transport.sendsTooLong'), 1);
    assert.equal(pair.a.statistics.lastError, 'EMSGSIZE');
  });

  test('are held back while the device is full, and none is lost', () => {
    sendAll(['warm']);
    const burst = burstOf(...new Array<string>(64).fill('x'));
    let accepted = 0;
    for (let i = 0; i < 20; i++) accepted += pair.a.send(sender, burst, 0, 0);
    assert.equal(accepted, 256, 'what the ring holds');
    pair.a.flush();
    assert.equal(pair.a.send(sender, burst, 0, 0), 0);
    pair.run(20);
    assert.equal(atB.datagrams.length, 257);
    assert.ok(pair.a.send(sender, burst, 0, 0) > 0);
  });

  test('reach only the port they are for, and a connected endpoint only from its remote', () => {
    sendAll(['warm']);
    const other = pair.a.open(endpointOptions(), new Recorder());
    const connected = new Recorder();
    pair.b.open(
      endpointOptions({ localPort: 7, remoteAddress: ADDRESS_A, remotePort: sender.localPort }),
      connected,
    );
    sender.reconnect(ADDRESS_B, 7);
    pair.a.send(sender, burstOf('mine'), 0, 0);
    pair.a.send(other, burstOf('foreign'), ADDRESS_B, 7);
    pair.a.send(other, burstOf('nowhere'), ADDRESS_B, 8);
    pair.run();
    assert.deepEqual(connected.payloads, ['mine']);
    assert.deepEqual(atB.payloads, ['warm']);
    assert.equal(pair.b.statistics.get('transport.notConnected'), 1);
    assert.equal(pair.b.statistics.get('transport.noEndpoint'), 1);
  });

  test('arrive unchanged or not at all over a cable that damages, drops, doubles and swaps frames', () => {
    for (let seed = 1; seed <= 5; seed++) {
      pair = bypassPair(
        undefined,
        (device) =>
          new FaultInjectingDevice(device, { seed, drop: 0.1, duplicate: 0.1, swap: 0.2, corrupt: 0.2 }),
      );
      atB = new Recorder();
      pair.b.open(endpointOptions({ localPort: PORT }), atB);
      sender = pair.a.open(endpointOptions({ remoteAddress: ADDRESS_B, remotePort: PORT }), atA);
      const payloads = Array.from({ length: 2000 }, (_, i) => `message ${i} ${'.'.repeat(i % 97)}`);
      for (const payload of payloads) {
        for (let tries = 0; tries < 10 && pair.a.send(sender, burstOf(payload), 0, 0) === 0; tries++) {
          pair.clock.advanceNs(1e9); // A request or its answer was lost.
          pair.run();
        }
        pair.run(1);
      }
      const sent = new Set(payloads);
      for (const payload of atB.payloads) assert.ok(sent.has(payload), `seed ${seed}: ${payload}`);
      assert.ok(atB.payloads.length > 1000, `seed ${seed}: ${atB.payloads.length} arrived`);
      assert.ok(pair.b.statistics.get('net.udpChecksumWrong') > 100, `seed ${seed}`);
    }
  });
});

describe('destinations', () => {
  test('of our own address stay in this host, in order and bounded', () => {
    const local = new Recorder();
    pair.a.open(endpointOptions({ localPort: PORT }), local);
    const burst = burstOf(...Array.from({ length: 64 }, (_, i) => `local ${i}`));
    const endpoint = openSender();
    let accepted = 0;
    for (let i = 0; i < 10; i++) accepted += pair.a.send(endpoint, burst, ADDRESS_A, PORT);
    assert.equal(accepted, 256);
    pair.a.poll(NO_LISTENER);
    assert.equal(local.datagrams.length, 256);
    assert.deepEqual(local.payloads.slice(64, 66), ['local 0', 'local 1']);
    assert.equal(local.datagrams[0]!.sourceAddress, ADDRESS_A);
    pair.a.flush();
    assert.equal(receivedFrames(pair.devices[1]).length, 1, 'the announcement alone');
  });

  test('behind a gateway go to the gateway; without one they are lost and counted', () => {
    const [device, peer] = SimulatedDevice.pair();
    const far = 0xc0a80101 | 0;
    const routed = bypassTransport(device, ADDRESS_A, pair.clock, ADDRESS_B);
    const endpoint = routed.open(endpointOptions(), new Recorder());
    assert.equal(routed.send(endpoint, burstOf('x'), far, 1), 0);
    device.inject(arpFrame(2));
    routed.poll(NO_LISTENER);
    assert.equal(routed.send(endpoint, burstOf('x'), far, 1), 1);
    routed.flush();
    const frame = receivedFrames(peer).find((received) => received.readUInt16BE(12) === 0x0800)!;
    assert.equal(frame.toString('hex', 0, 6), '020000000002');
    assert.equal(frame.toString('hex', 30, 34), 'c0a80101');

    assert.equal(pair.a.send(openSender(), burstOf('x', 'y'), far, 1), 2);
    assert.equal(pair.a.statistics.sendErrors, 2);
    assert.equal(pair.a.statistics.lastError, 'EHOSTUNREACH');
  });

  test('that never answer are lost after a second, so others are not held back', () => {
    const endpoint = openSender();
    const absent = ADDRESS_B + 50;
    assert.equal(pair.a.send(endpoint, burstOf('x'), absent, 1), 0);
    pair.clock.advanceNs(1e9);
    assert.equal(pair.a.send(endpoint, burstOf('x'), absent, 1), 1);
    assert.equal(pair.a.statistics.get('net.txUnreachable'), 1);
  });

  function openSender(): BypassEndpoint {
    return pair.a.open(endpointOptions(), new Recorder());
  }
});

describe('endpoints', () => {
  test('have one port each', () => {
    assert.throws(() => pair.b.open(endpointOptions({ localPort: PORT }), atB), { code: 'EADDRINUSE' });
    receiver.close();
    receiver.close();
    const again = pair.b.open(endpointOptions({ localPort: PORT }), atB);
    receiver.close();
    sendAll(['to the new one']);
    assert.deepEqual(atB.payloads, ['to the new one']);
    again.close();
    pair.a.send(sender, burstOf('to none'), 0, 0);
    pair.run();
    assert.equal(pair.b.statistics.get('transport.noEndpoint'), 1);
  });

  test('take free ports from 49152 on until there is none', () => {
    const endpoints = Array.from({ length: 16384 }, () => pair.b.open(endpointOptions(), atB));
    assert.equal(new Set(endpoints.map(({ localPort }) => localPort)).size, 16384);
    assert.ok(endpoints.every(({ localPort }) => localPort >= 49152));
    assert.throws(() => pair.b.open(endpointOptions(), atB), { code: 'EADDRINUSE' });
    endpoints[77]!.close();
    assert.equal(pair.b.open(endpointOptions(), atB).localPort, endpoints[77]!.localPort);
  });

  test('have the address of the port and no other', () => {
    assert.equal(receiver.localAddress, ADDRESS_B);
    assert.throws(() => pair.b.open(endpointOptions({ localAddress: ADDRESS_A }), atB), {
      code: 'EADDRNOTAVAIL',
      message: /10\.0\.0\.1 is no address of the DPDK port, which has 10\.0\.0\.2/,
    });
  });

  test('say what the receive ring holds', () => {
    assert.equal(receiver.receiveBufferLength, 256 * 2048);
  });
});
