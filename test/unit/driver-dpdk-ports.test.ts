import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfiguration, validate } from '../../src/driver/configuration.ts';
import { dpdkPorts } from '../../src/driver/dpdk-ports.ts';
import type { DriverOptions } from '../../src/driver/driver-options.ts';
import { transportKind } from '../../src/driver/network-agent-config.ts';

const FIRST = { AERON_DPDK_LOCAL_IPV4_ADDRESS: '10.0.0.1/24', AERON_DPDK_PORT_ID: '2' };
const optionsOf = (env: Record<string, string>): DriverOptions =>
  loadConfiguration({ env: { ...FIRST, ...env } });

test('further ports come after the first, each with its network', () => {
  const options = optionsOf({ AERON_DPDK_FURTHER_PORTS: '1=10.1.0.1/16, 0=10.2.0.1/24@10.2.0.254' });
  assert.deepEqual(dpdkPorts(options), [
    { portId: 2, address: 0x0a000001, prefixLength: 24, gatewayAddress: 0, furtherAddresses: [] },
    { portId: 1, address: 0x0a010001, prefixLength: 16, gatewayAddress: 0, furtherAddresses: [] },
    { portId: 0, address: 0x0a020001, prefixLength: 24, gatewayAddress: 0x0a0200fe, furtherAddresses: [] },
  ]);
  assert.deepEqual(dpdkPorts(loadConfiguration({ env: {} })), []);
});

test('the first port may have several addresses', () => {
  const options = optionsOf({ AERON_DPDK_FURTHER_IPV4_ADDRESSES: '10.1.0.1/16, 192.168.0.1/24' });
  validate(options);
  assert.deepEqual(dpdkPorts(options)[0]!.furtherAddresses, [
    { address: 0x0a010001, prefixLength: 16 },
    { address: 0xc0a80001 | 0, prefixLength: 24 },
  ]);
  for (const text of [
    '10.1.0.1',
    '10.1.0.1/33',
    '10.1.0.256/24',
    '224.0.0.1/24',
    '0.0.0.1/8',
    '127.0.0.1/8',
  ]) {
    assert.throws(() => validate(optionsOf({ AERON_DPDK_FURTHER_IPV4_ADDRESSES: text })), {
      message: /is no address with a prefix/,
    });
  }
  const many = Array.from({ length: 8 }, (_, i) => `10.${i + 1}.0.1/24`).join(',');
  for (const text of ['10.0.0.1/24', '10.1.0.1/24,10.1.0.1/16', many]) {
    assert.throws(() => validate(optionsOf({ AERON_DPDK_FURTHER_IPV4_ADDRESSES: text })), {
      message: /expected up to 7 addresses, each named once/,
    });
  }
  const ports = { AERON_DPDK_FURTHER_PORTS: '1=10.1.0.1/24' };
  assert.throws(() => validate(optionsOf({ ...ports, AERON_DPDK_FURTHER_IPV4_ADDRESSES: '10.1.0.1/24' })), {
    message: /has the id or the address of another/,
  });
});

test('a port may have addresses of IPv6 only', () => {
  const load = (env: Record<string, string>): DriverOptions => loadConfiguration({ env });
  const options = load({ AERON_DPDK_LOCAL_IPV6_ADDRESS: '2001:db8::1/64' });
  validate(options);
  assert.equal(transportKind(options), 'dpdk');
  assert.deepEqual(dpdkPorts(options), [
    { portId: 0, address: 0, prefixLength: 0, gatewayAddress: 0, furtherAddresses: [] },
  ]);
  for (const env of [
    { AERON_DPDK_FURTHER_PORTS: '1=10.1.0.1/24' },
    { AERON_DPDK_FURTHER_IPV4_ADDRESSES: '10.1.0.1/24' },
  ]) {
    assert.throws(() => validate(load({ AERON_DPDK_LOCAL_IPV6_ADDRESS: '2001:db8::1/64', ...env })), {
      message: /need aeron\.dpdk\.local\.ipv4\.address, which is not set/,
    });
  }
  assert.throws(() => validate(load({ AERON_TRANSPORT: 'dpdk' })), { message: /has no address/ });
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
