import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '../../src/concurrent/clock.ts';
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { Extensions } from '../../src/driver/extensions/extensions.ts';
import { openTransport } from '../../src/driver/open-transport.ts';
import { Region } from '../../src/memory/region.ts';
import { DatagramBurst } from '../../src/transport/transport.ts';

const LOOPBACK = 0x7f000001;
const DATAGRAMS = 50;

/** Sends datagrams from one endpoint of a transport to another; returns how many arrived and how many were received. */
async function exchange(receiveLossRate: number): Promise<{ arrived: number; received: number }> {
  const transport = await openTransport(
    {
      transport: { kind: 'kernel', connectSendSockets: true, coalesceDatagrams: false },
      receiveLossRate,
      extensions: { modules: [], incomingInterceptors: [], outgoingInterceptors: [] },
    },
    new SimulatedClock(),
    new Extensions(),
  );
  assert(transport !== null);
  const statistics = transport.statistics!;
  const bytes = Region.allocate(64);
  let arrived = 0;
  const options = { localAddress: LOOPBACK, receiveBufferLength: 0, sendBufferLength: 0 };
  const counter = { onDatagram: () => arrived++ };
  const to = transport.open({ ...options, localPort: 0, remoteAddress: 0, remotePort: 0 }, counter);
  const from = transport.open(
    { ...options, localPort: 0, remoteAddress: LOOPBACK, remotePort: to.localPort },
    counter,
  );
  const burst = new DatagramBurst();
  for (let i = 0; i < DATAGRAMS; i++) burst.add(bytes.handle, 0, 32);
  transport.send(from, burst, LOOPBACK, to.localPort);
  transport.flush();
  const deadlineMs = performance.now() + 5_000;
  while (statistics.datagramsReceived < DATAGRAMS && performance.now() < deadlineMs) {
    transport.poll({ onBurstEnd: () => {} });
  }
  const received = statistics.datagramsReceived;
  transport.close();
  bytes.close();
  return { arrived, received };
}

test('a driver drops the share of datagrams that it is told to, and counts all of them', async () => {
  assert.deepEqual(await exchange(0), { arrived: DATAGRAMS, received: DATAGRAMS });
  assert.deepEqual(await exchange(1), { arrived: 0, received: DATAGRAMS });
  const { arrived, received } = await exchange(0.5);
  assert.equal(received, DATAGRAMS);
  assert(arrived > 0 && arrived < DATAGRAMS, `${arrived} arrived`);
});

test('a loss rate is a share', () => {
  const load = (rate: string) =>
    loadConfiguration({ env: {}, args: [`-Daeron.debug.receive.loss.rate=${rate}`] });
  assert.equal(load('0.05').receiveLossRate, 0.05);
  for (const rate of ['1.1', '5 %', '-0.1', '.', '1e-3']) {
    assert.throws(() => load(rate), /aeron\.debug\.receive\.loss\.rate.*expected a number from 0 to 1/);
  }
});
