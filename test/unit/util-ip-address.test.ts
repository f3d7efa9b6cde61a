/** IPv6 addresses as numbers: the table that holds them, and how they are read and written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ANY_IPV6,
  internIpv6,
  ipv6Word,
  ipv6Zone,
  isIpv6,
  isMulticast,
  isWildcard,
  releaseAddress,
  retainAddress,
} from '../../src/util/ip-address.ts';
import {
  formatIpAddress,
  formatSocketAddress,
  ipAddressBytes,
  parseIpAddress,
} from '../../src/util/ip-text.ts';
import { zoneIndex } from '../../src/util/zones.ts';

test('should write IPv6 addresses as RFC 5952 wants them, and read what it has written', () => {
  for (const [text, canonical] of [
    ['::', '::'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['fe80::', 'fe80::'],
    ['ff02::1', 'ff02::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ] as const) {
    const address = parseIpAddress(text);
    assert.ok(address !== null && isIpv6(address), text);
    assert.equal(formatIpAddress(address), canonical);
    assert.equal(parseIpAddress(canonical), address);
  }
  assert.equal(formatSocketAddress(parseIpAddress('::1')!, 40123), '[::1]:40123');
  assert.equal(formatSocketAddress(0x7f000001, 40123), '127.0.0.1:40123');
});

test('should refuse what is no address', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '::1%',
    '1::2::3',
    '[::1]',
    '0.0.0.9',
  ]) {
    assert.equal(parseIpAddress(text), null, text);
  }
  assert.equal(parseIpAddress('fe80::1%no-such-interface'), null);
});

test('should keep the interface of a link-local address', () => {
  const index = zoneIndex('lo')!;
  const address = parseIpAddress('fe80::1%lo')!;
  assert.equal(ipv6Zone(address), index);
  assert.equal(formatIpAddress(address), 'fe80::1%lo');
  assert.equal(parseIpAddress(`fe80::1%${index}`), address);
  assert.notEqual(parseIpAddress('fe80::1'), address);
});

test('should tell families, groups and wildcards apart by the number', () => {
  for (const [text, group, wildcard] of [
    ['::', false, true],
    ['::1', false, false],
    ['ff02::1', true, false],
    ['feff::1', false, false],
    ['0.0.0.0', false, true],
    ['239.1.2.3', true, false],
  ] as const) {
    const address = parseIpAddress(text)!;
    assert.equal(isMulticast(address), group, text);
    assert.equal(isWildcard(address), wildcard, text);
    assert.equal(isIpv6(address), text.includes(':'), text);
  }
  assert.equal(parseIpAddress('::'), ANY_IPV6);
  assert.equal(isIpv6(-1), false);
});

test('should give the same number to the same address, and its words back', () => {
  const address = internIpv6(0x20010db8, -2, 3, 4, 0);
  assert.equal(internIpv6(0x20010db8, -2, 3, 4, 0), address);
  assert.notEqual(internIpv6(0x20010db8, -2, 3, 4, 7), address);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => ipv6Word(address, i)),
    [0x20010db8, -2, 3, 4],
  );
  assert.deepEqual(
    [...ipAddressBytes(address)],
    [0x20, 1, 0xd, 0xb8, 255, 255, 255, 254, 0, 0, 0, 3, 0, 0, 0, 4],
  );
});

test('should keep an address that is held, however many strangers come', () => {
  const held = retainAddress(parseIpAddress('2001:db8::aaaa')!);
  const group = retainAddress(parseIpAddress('ff15::aaaa')!);
  for (let i = 0; i < 200_000; i++) {
    const stranger = internIpv6(0x20010db9, i, Math.imul(i, 0x9e3779b1), i ^ 0x55, 0);
    assert.ok(stranger > 0);
    assert.equal(ipv6Word(stranger, 1), i);
  }
  assert.equal(formatIpAddress(held), '2001:db8::aaaa');
  assert.equal(parseIpAddress('2001:db8::aaaa'), held);
  assert.equal(formatIpAddress(group), 'ff15::aaaa');
  releaseAddress(held);
  releaseAddress(group);
  for (let i = 0; i < 200_000; i++) internIpv6(0x20010dba, i, Math.imul(i, 0x9e3779b1), i, 0);
  assert.notEqual(formatIpAddress(held), '2001:db8::aaaa');
});
