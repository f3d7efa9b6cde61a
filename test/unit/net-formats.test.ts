import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ARP_REPLY, isValidArp, writeArp } from '../../src/net/arp.ts';
import { DATAGRAM_HEADER_LENGTH, DatagramHeader } from '../../src/net/datagram-header.ts';
import { writeEchoReply } from '../../src/net/icmp.ts';
import { findIpv4Defect, isFragment, writeIpv4 } from '../../src/net/ipv4.ts';
import { IPV4_CHECKSUM, IPV4_MALFORMED, IPV4_SOURCE_ROUTED } from '../../src/net/net-statistics.ts';
import { Route } from '../../src/net/route.ts';
import { isUdpChecksumRight } from '../../src/net/udp.ts';
import { addBytes, fold } from '../../src/util/internet-checksum.ts';
import { formatIpv4, parseIpv4 } from '../../src/util/ipv4.ts';
import { hex, internetChecksum } from '../support/frames.ts';

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

describe('internet checksum', () => {
  test('gives the sum of the example in RFC 1071', () => {
    const bytes = hex('0001 f203 f4f5 f6f7');
    assert.equal(fold(addBytes(0, viewOf(bytes), 0, 8)), 0xddf2);
  });

  test('pads an odd last byte on the right', () => {
    const bytes = hex('0102 03');
    assert.equal(fold(addBytes(0, viewOf(bytes), 0, 3)), 0x0402);
  });

  test('folds every carry of the largest sum', () => {
    const bytes = Buffer.alloc(65535, 0xff);
    assert.equal(~fold(addBytes(0, viewOf(bytes), 0, 65535)) & 0xffff, internetChecksum(bytes));
  });
});

describe('ARP', () => {
  const reply = hex('0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002');

  test('writes the bytes of RFC 826', () => {
    const bytes = Buffer.alloc(28);
    writeArp(viewOf(bytes), 0, ARP_REPLY, 0x0200, 1, 0x0a000001, 0x0200, 2, 0x0a000002);
    assert.deepEqual(bytes, reply);
  });

  test('refuses every truncation and every other format', () => {
    assert.equal(isValidArp(viewOf(reply), 0, 28), true);
    for (let length = 0; length < 28; length++) assert.equal(isValidArp(viewOf(reply), 0, length), false);
    for (let i = 0; i < 8; i++) {
      const other = Buffer.from(reply);
      other[i]! ^= 0x80;
      assert.equal(isValidArp(viewOf(other), 0, 28), false, `byte ${i}`);
    }
  });
});

describe('IPv4', () => {
  // The header that Wikipedia's article on the IPv4 checksum works through.
  const known = hex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');

  test('accepts a right header and tells what is wrong with others', () => {
    assert.equal(findIpv4Defect(viewOf(known), 0, 115, true), -1);
    assert.equal(findIpv4Defect(viewOf(known), 0, 114, true), IPV4_MALFORMED);
    for (let available = 0; available < 20; available++) {
      assert.equal(findIpv4Defect(viewOf(known.subarray(0, available)), 0, available, true), IPV4_MALFORMED);
    }
    const wrong = Buffer.from(known);
    wrong[19]! ^= 1;
    assert.equal(findIpv4Defect(viewOf(wrong), 0, 115, true), IPV4_CHECKSUM);
    assert.equal(findIpv4Defect(viewOf(wrong), 0, 115, false), -1);
    for (const fragment of [0x2000, 0x0001, 0x3fff]) {
      wrong.writeUInt16BE(fragment, 6);
      assert.equal(isFragment(viewOf(wrong), 0), true);
    }
    assert.equal(isFragment(viewOf(known), 0), false);
  });

  test('skips options, and refuses source routes and options that do not add up', () => {
    const defect = (options: string): number => {
      const bytes = Buffer.concat([known, hex(options), Buffer.alloc(99)]);
      bytes[0] = 0x40 | (5 + options.length / 8);
      return findIpv4Defect(viewOf(bytes), 0, 115, false);
    };
    for (const options of ['94040000', '01010101', '00ffffff', '0107040000000000', '44080500000000ff']) {
      assert.equal(defect(options), -1, options);
    }
    for (const options of ['83030400', '01890700000000ff']) assert.equal(defect(options), IPV4_SOURCE_ROUTED);
    for (const options of ['94000000', '94010000', '94050000', '01010194']) {
      assert.equal(defect(options), IPV4_MALFORMED, options);
    }
  });

  test('refuses other versions, short headers and lengths that do not hold the header', () => {
    for (const start of ['6500 0073', '4400 0073', '4f00 0020', '4500 0013']) {
      const wrong = Buffer.concat([hex(start), known.subarray(4), Buffer.alloc(100)]);
      assert.equal(findIpv4Defect(viewOf(wrong), 0, 115, false), IPV4_MALFORMED, start);
    }
  });

  test('writes a header whose checksum is right', () => {
    const bytes = Buffer.alloc(20);
    writeIpv4(viewOf(bytes), 0, 115, 17, 0xc0a80001 | 0, 0xc0a800c7 | 0);
    assert.deepEqual(bytes, known);
  });
});

describe('UDP', () => {
  const payload = Buffer.from('hello');

  test('writes the headers of a datagram byte for byte', () => {
    const header = new DatagramHeader();
    const bytes = Buffer.alloc(DATAGRAM_HEADER_LENGTH);
    header.point(0x0200, 2, 0x0200, 1, 0x0a000001, 0x0a000002, 40123, 40124, 64);
    header.write(viewOf(bytes), 0, payload.length);
    const pseudo = hex('0a000001 0a000002 0011 000d');
    assert.deepEqual(
      bytes,
      Buffer.concat([
        hex('020000000002 020000000001 0800'),
        hex('4500 0021 0000 4000 4011 26ca 0a000001 0a000002'),
        hex('9cbb 9cbc 000d'),
        // The sum of the pseudo-header, which the device completes.
        hex((~internetChecksum(pseudo) & 0xffff).toString(16).padStart(4, '0')),
      ]),
    );
    assert.equal(internetChecksum(bytes.subarray(14, 34)), 0);
  });

  test('agrees with the checksum written the slow way for high octets and odd lengths', () => {
    const header = new DatagramHeader();
    header.point(0xfffe, -1, 0xfefd, -2, 0xdffffffe | 0, 0xdfffff01 | 0, 65535, 65534, 255);
    for (const length of [0, 1, 2, 1471, 1472, 8972]) {
      const frame = Buffer.alloc(42 + length, 0xff);
      header.write(viewOf(frame), 0, length);
      assert.equal(internetChecksum(frame.subarray(14, 34)), 0);
      const checksum = ~fold(addBytes(0, viewOf(frame), 34, 8 + length)) & 0xffff;
      frame.writeUInt16BE(checksum, 40);
      assert.equal(isUdpChecksumRight(viewOf(frame), 34, 8 + length, 0xdffffffe | 0, 0xdfffff01 | 0), true);
      frame[frame.length - 1]! ^= 4;
      assert.equal(isUdpChecksumRight(viewOf(frame), 34, 8 + length, 0xdffffffe | 0, 0xdfffff01 | 0), false);
    }
  });
});

describe('ICMP echo', () => {
  test('answers with the checksum of the whole reply', () => {
    for (const start of ['0800 0000 beef 0007', '0800 0000 ffff ffff', '0800 0000 0000 0000']) {
      const request = Buffer.concat([hex(start), Buffer.from('abcdefg')]);
      request.writeUInt16BE(internetChecksum(request), 2);
      const reply = Buffer.from(request);
      writeEchoReply(viewOf(reply), 0, viewOf(request), 0);
      assert.equal(reply.readUInt16BE(0), 0);
      assert.equal(internetChecksum(reply), 0);
      assert.deepEqual(reply.subarray(4), request.subarray(4));
    }
  });
});

describe('route', () => {
  const gateway = 0x0a0000fe;

  test('sends to neighbours directly and to others by the gateway', () => {
    const route = new Route(0x0a000001, 24, gateway);
    assert.equal(route.nextHop(0x0a000002), 0x0a000002);
    assert.equal(route.nextHop(0x0a000102), gateway);
    assert.equal(route.nextHop(0xc0a80001 | 0), gateway);
    assert.equal(new Route(0x0a000001, 24, 0).nextHop(0x0a000102), 0);
  });

  test('has no way to groups, broadcast and this host', () => {
    const route = new Route(0x0a000001, 24, gateway);
    for (const address of [0xe0000001, 0xffffffff, 0x7f000001, 0, 0x0a0000ff]) {
      assert.equal(route.nextHop(address | 0), 0);
    }
  });

  test('knows other networks, on the link or behind routers of their own, the smallest first', () => {
    const at = (text: string): number => parseIpv4(text)!;
    const route = new Route(at('10.0.0.1'), 24, at('10.0.0.254'), [
      { network: at('10.1.0.0'), prefixLength: 16, gatewayAddress: 0 },
      { network: at('10.1.2.0'), prefixLength: 24, gatewayAddress: at('10.0.0.253') },
      { network: at('10.0.0.64'), prefixLength: 32, gatewayAddress: at('10.0.0.252') },
      { network: at('192.168.0.0'), prefixLength: 31, gatewayAddress: 0 },
    ]);
    const hops: Record<string, string> = {
      '10.0.0.2': '10.0.0.2',
      '10.0.0.64': '10.0.0.252',
      '10.1.3.4': '10.1.3.4',
      '10.1.2.3': '10.0.0.253',
      '192.168.0.1': '192.168.0.1',
      '192.168.0.2': '10.0.0.254',
      '10.0.0.255': '0.0.0.0',
      '10.1.255.255': '0.0.0.0',
      '10.1.2.255': '10.0.0.253',
      '224.0.0.1': '0.0.0.0',
    };
    for (const [address, hop] of Object.entries(hops)) {
      assert.equal(formatIpv4(route.nextHop(at(address))), hop, address);
    }
  });

  test('knows networks of all sizes', () => {
    assert.equal(new Route(0x0a000001, 0, 0).nextHop(0xc0a80001 | 0), 0xc0a80001 | 0);
    assert.equal(new Route(0x0a000001, 31, 0).nextHop(0x0a000000), 0x0a000000);
    assert.equal(new Route(0x0a000001, 32, gateway).nextHop(0x0a000002), gateway);
    assert.equal(new Route(0xc0a80001 | 0, 16, 0).nextHop(0xc0a8fffe | 0), 0xc0a8fffe | 0);
  });
});
