import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfiguration, validate } from '../../src/driver/configuration.ts';
import { dpdkPorts } from '../../src/driver/dpdk-ports.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';

const FIRST = { AERON_DPDK_LOCAL_IPV4_ADDRESS: '10.0.0.1/24', AERON_DPDK_PORT_ID: '2' };
const optionsOf = (env: Record<string, string>): DriverOptions =>
  loadConfiguration({ env: { ...FIRST, ...env } });

test('further ports come after the first, each with its network', () => {
  const options = optionsOf({ AERON_DPDK_FURTHER_PORTS: '1=10.1.0.1/16, 0=10.2.0.1/24@10.2.0.254' });
  assert.deepEqual(dpdkPorts(options), [
    { portId: 2, address: 0x0a000001, prefixLength: 24, gatewayAddress: 0 },
    { portId: 1, address: 0x0a010001, prefixLength: 16, gatewayAddress: 0 },
    { portId: 0, address: 0x0a020001, prefixLength: 24, gatewayAddress: 0x0a0200fe },
  ]);
  assert.deepEqual(dpdkPorts(loadConfiguration({ env: {} })), []);
});

test('what is no port is refused, and so is one that is named twice', () => {
  for (const text of [
    '1',
    '1=10.1.0.1',
    '1=10.1.0.1/33',
    'x=10.1.0.1/24',
    '1=10.1.0.300/24',
    '1=10.1.0.1/24@',
    '99999=10.1.0.1/24',
  ]) {
    assert.throws(() => validate(optionsOf({ AERON_DPDK_FURTHER_PORTS: text })), {
      message: new RegExp(`"${text}" is no port`),
    });
  }
  for (const text of ['2=10.1.0.1/24', '1=10.0.0.1/24', '1=10.1.0.1/24,1=10.2.0.1/24']) {
    assert.throws(() => validate(optionsOf({ AERON_DPDK_FURTHER_PORTS: text })), {
      message: /has the id or the address of another/,
    });
  }
});

test('several ports have one network agent, which does not sleep', () => {
  const ports = { AERON_DPDK_FURTHER_PORTS: '1=10.1.0.1/24' };
  validate(optionsOf(ports));
  for (const env of [{ AERON_NETWORK_AGENTS: '2' }, { AERON_DPDK_RX_INTERRUPT_SLEEP: '1ms' }]) {
    assert.throws(() => validate(optionsOf({ ...ports, ...env })), {
      message: /further\.ports=1=10\.1\.0\.1\/24 needs one network agent that does not sleep/,
    });
  }
});
