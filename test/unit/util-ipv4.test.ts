import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMulticast } from '../../src/util/ip-address.ts';
import { formatSocketAddress } from '../../src/util/ip-text.ts';
import { formatIpv4, parseIpv4 } from '../../src/util/ipv4.ts';

test('addresses are read and written as dotted octets, in signed integers', () => {
  for (const [text, address] of [
    ['127.0.0.1', 0x7f000001],
    ['0.0.0.0', 0],
    ['255.255.255.255', -1],
    ['192.168.1.20', 0xc0a80114 | 0],
  ] as const) {
    assert.equal(parseIpv4(text), address);
    assert.equal(formatIpv4(address), text);
  }
  assert.equal(formatSocketAddress(0x7f000001, 40123), '127.0.0.1:40123');
});

test('what is not four octets is not an address', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.-4',
    '01.2.3.4',
    '1.2.3.4 ',
    'localhost',
    '::1',
  ]) {
    assert.equal(parseIpv4(text), null, text);
  }
});

test('multicast is 224.0.0.0 to 239.255.255.255', () => {
  assert.equal(isMulticast(parseIpv4('223.255.255.255')!), false);
  assert.equal(isMulticast(parseIpv4('224.0.0.0')!), true);
  assert.equal(isMulticast(parseIpv4('239.255.255.255')!), true);
  assert.equal(isMulticast(parseIpv4('240.0.0.0')!), false);
});
