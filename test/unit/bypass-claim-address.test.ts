import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '../../src/concurrent/clock.ts';
import { SimulatedDevice } from '../../src/device/simulated-device.ts';
import { BypassTransport } from '../../src/transport/bypass/bypass-transport.ts';
import { claimAddress } from '../../src/transport/bypass/claim-address.ts';
import { ADDRESS_A } from '../support/bypass-pair.ts';
import { NO_LISTENER } from '../support/datagrams.ts';

const OPTIONS = { address: ADDRESS_A, prefixLength: 24, gatewayAddress: 0, addressProbes: 3 };

test('should have its address after it asked for it in vain', async () => {
  const [device] = SimulatedDevice.pair();
  const clock = new SystemClock();
  const transport = new BypassTransport(device, OPTIONS, clock);
  await claimAddress(transport, clock);
  assert.equal(transport.conflict, '');
  assert.equal(transport.statistics.get('net.arpRequests'), 4);
  transport.close();
});

test('should not start with an address that another card answers for, and close', async (t) => {
  const [device, peer] = SimulatedDevice.pair();
  const clock = new SystemClock();
  const other = new BypassTransport(peer, { ...OPTIONS, addressProbes: 0 }, clock);
  const timer = setInterval(() => {
    clock.update();
    other.poll(NO_LISTENER);
    other.flush();
  }, 1);
  t.after(() => clearInterval(timer));
  const transport = new BypassTransport(device, OPTIONS, clock);
  await assert.rejects(claimAddress(transport, clock), {
    code: 'DPDK_ADDRESS_IN_USE',
    message:
      'DPDK_ADDRESS_IN_USE: 10.0.0.1 is the address of the DPDK port and of the card 02:00:00:00:00:02 too. Give one of the two ' +
      'hosts another address, or set aeron.dpdk.address.probes=0 to start anyway.',
  });
  assert.equal(device.connected, false);
  assert.equal(other.statistics.takeReport(), '', 'who was there first has nothing to fear');
  other.close();
});

test('should not wait for a link that is down', async () => {
  const [device, peer] = SimulatedDevice.pair();
  peer.connected = false;
  const clock = new SystemClock();
  const transport = new BypassTransport(device, OPTIONS, clock);
  await claimAddress(transport, clock);
  assert.equal(transport.isProbing, false);
  transport.close();
});
