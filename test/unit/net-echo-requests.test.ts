/** Two hosts on a wire, one of which asks the other for echoes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { IpStack } from '../../src/net/ip-stack.ts';
import { READY, UNREACHABLE, UNRESOLVED } from '../../src/net/send-state.ts';
import { parseIpAddress } from '../../src/util/ip-text.ts';
import { OUR_ADDRESS, PEER_ADDRESS } from '../support/frames.ts';
import { OUR_IPV6, PEER_IPV6 } from '../support/ipv6-frames.ts';

const NOBODY = { onUdp(): void {} };
const PEER6 = parseIpAddress(PEER_IPV6)!;
const TURN_NS = 50e6;

function hosts() {
  const clock = new SimulatedClock();
  const devices = SimulatedDevice.pair();
  const [ours, theirs] = devices.map((device, i) => {
    const address = [OUR_ADDRESS, PEER_ADDRESS][i]!;
    const address6 = parseIpAddress([OUR_IPV6, PEER_IPV6][i]!)!;
    const ipv6 = { addresses: [{ address: address6, prefixLength: 64 }], gatewayAddress: 0 };
    return new IpStack(device, { address, prefixLength: 24, gatewayAddress: 0, ipv6 }, clock);
  }) as [IpStack, IpStack];
  const turn = (turns = 4): void => {
    for (let i = 0; i < turns; i++) {
      clock.advanceNs(TURN_NS);
      for (const stack of [ours, theirs]) {
        stack.receive(NOBODY);
        stack.flush();
      }
    }
  };
  // Addresses of IPv6 are asked for before they are used.
  turn(100);
  return { ours, turn, mtu: devices[0]!.mtu };
}

for (const [family, peer, headersLength] of [
  ['IPv4', PEER_ADDRESS, 28],
  ['IPv6', PEER6, 48],
] as const) {
  test(`an echo of ${family} comes back, of every length that fits`, () => {
    const { ours, turn, mtu } = hosts();
    const echoes = ours.echoRequests();
    assert.equal(echoes.resolve(peer), UNRESOLVED);
    assert.equal(echoes.send(peer, 1, 84), false);
    assert.deepEqual({ ...echoes.nextHop(peer) }, { address: peer, macHigh: 0, macLow: 0 });
    turn();
    assert.equal(echoes.resolve(peer), READY);
    assert.equal(echoes.nextHop(peer).macHigh, 0x0200);
    let number = 0;
    for (const length of [headersLength, headersLength + 1, 84, 577, 1436, mtu]) {
      assert.equal(echoes.send(peer, ++number | 0x80000000, length), true);
      assert.equal(echoes.isAnswered, false);
      turn();
      assert.equal(echoes.isAnswered, true, `${length} bytes`);
    }
    echoes.close();
  });

  test(`an answer of ${family} to another question is none`, () => {
    const { ours, turn } = hosts();
    const echoes = ours.echoRequests();
    echoes.resolve(peer);
    turn();
    echoes.send(peer, 7, 100);
    echoes.onEchoReply(peer, 8, 80);
    echoes.onEchoReply(peer, 7, 79);
    echoes.onEchoReply(peer + 1, 7, 100 - headersLength + 8);
    assert.equal(echoes.isAnswered, false);
    echoes.onEchoReply(peer, 7, 100 - headersLength + 8);
    assert.equal(echoes.isAnswered, true);
    echoes.close();
  });
}

test('who is not there stays unresolved, and where no route leads cannot be reached', () => {
  const { ours, turn } = hosts();
  const echoes = ours.echoRequests();
  assert.equal(echoes.resolve(PEER_ADDRESS + 1), UNRESOLVED);
  turn(40);
  assert.equal(echoes.resolve(PEER_ADDRESS + 1), UNREACHABLE);
  assert.equal(echoes.resolve(0x0b000001), UNREACHABLE);
  assert.equal(echoes.nextHop(0x0b000001).address, 0);
  assert.equal(echoes.resolve(parseIpAddress('2001:db9::1')!), UNREACHABLE);
  echoes.close();
});
