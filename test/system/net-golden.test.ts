/** Frames in, frames out, over two kinds of port; what went out is read by tshark, which has nothing of ours. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SKIP_WITHOUT_DPDK } from '../support/dpdk.ts';
import {
  arpFrame,
  BROADCAST_MAC,
  echoRequest,
  fragments,
  hex,
  ipv4Frame,
  OUR_MAC,
  PEER_MAC,
  udpFrame,
} from '../support/frames.ts';
import { writePcap } from '../support/pcap.ts';

const HOST = new URL('../support/golden-host.js', import.meta.url).pathname;
const HAS_TSHARK = spawnSync('tshark', ['--version']).status === 0;
const SKIP_TSHARK = HAS_TSHARK || process.env.CI === 'true' ? false : 'needs tshark: apt-get install tshark';
/** What DPDK gives a port over capture files. */
const PCAP_MAC = '027063617000';
const GROUP = { destination: 0xe0010203 | 0, destinationMac: '01005e010203' };
const ECHO = { destinationPort: 7 };
/** Between the host's other address and another of the peer's. */
const FURTHER = { source: 0x0a010002, destination: 0x0a010001 };

const text = (length: number): Buffer =>
  Buffer.from('golden '.repeat(Math.ceil(length / 7)).slice(0, length));

/** What comes, for the host's card at {@link OUR_MAC}. */
const ARRIVING: readonly Buffer[] = [
  arpFrame(1, { destination: BROADCAST_MAC }),
  arpFrame(1, { destination: BROADCAST_MAC, sender: 0 }),
  arpFrame(1, { destination: BROADCAST_MAC, target: 0x0a000063 }),
  arpFrame(1, { sender: 0x0a010002, target: 0x0a010001 }),
  echoRequest(text(9), FURTHER),
  udpFrame(text(200), { ...FURTHER, ...ECHO }),
  arpFrame(2, { sender: 0x0a000001, senderMac: '020000000bad' }),
  echoRequest(text(56)),
  echoRequest(text(1472)),
  echoRequest(text(0)),
  udpFrame(text(1), ECHO),
  udpFrame(text(100), ECHO),
  udpFrame(text(100), { ...ECHO, checksum: false }),
  udpFrame(text(100), { ...ECHO, options: '94040000' }),
  udpFrame(text(100), { ...ECHO, options: '830b04c0a80001c0a8000200' }),
  udpFrame(text(1472), ECHO),
  udpFrame(text(33), { ...GROUP, ...ECHO }),
  udpFrame(text(33), { ...GROUP, ...ECHO, destination: 0xe0010204 | 0 }),
  ...fragments(udpFrame(text(5000), { ...ECHO, identification: 1 }), 1480),
  ...fragments(udpFrame(text(2000), { ...ECHO, identification: 2 }), 1480).reverse(),
  ...fragments(udpFrame(text(2000), { ...ECHO, identification: 3 }), 1480).slice(1),
  ipv4Frame(2, hex('1164 ee9b 00000000'), { destination: 0xe0000001 | 0, destinationMac: '01005e000001' }),
  ipv4Frame(6, text(40)),
  hex(`${OUR_MAC}${PEER_MAC}86dd6000000000003a40`),
  hex(`${OUR_MAC}${PEER_MAC}88b5`),
  hex(`${OUR_MAC}${PEER_MAC}08`),
  udpFrame(text(9), ECHO).subarray(0, 40),
];

/** What is sent: Ethernet, ARP, IPv4, ICMP, UDP, IGMP; `1` is a checksum that tshark found right. */
const FIELDS = [
  'eth.dst',
  'eth.src',
  'arp.opcode',
  'arp.src.proto_ipv4',
  'arp.dst.proto_ipv4',
  'ip.src',
  'ip.dst',
  'ip.ttl',
  'ip.flags.df',
  'ip.checksum.status',
  'icmp.type',
  'icmp.seq',
  'icmp.checksum.status',
  'udp.srcport',
  'udp.dstport',
  'udp.length',
  'udp.checksum.status',
  'igmp.type',
  'igmp.num_grp_recs',
  'igmp.maddr',
  'igmp.checksum.status',
];

const US = OUR_MAC.match(/../g)!.join(':');
const PEER = PEER_MAC.match(/../g)!.join(':');
const arp = (to: string, operation: number, about: string): string =>
  `${to} ${US} ${operation} 10.0.0.1 ${about}`;
const ip = (rest: string): string => `${PEER} ${US} 10.0.0.1 10.0.0.2 64 1 1 ${rest}`;
const udp = (length: number): string => ip(`7 4000 ${8 + length} 1`);
const further = (line: string): string => line.replaceAll('10.0.0.', '10.1.0.');
const SENT: readonly string[] = [
  arp('ff:ff:ff:ff:ff:ff', 1, '10.0.0.1'),
  further(arp('ff:ff:ff:ff:ff:ff', 1, '10.0.0.1')),
  `01:00:5e:00:00:16 ${US} 10.0.0.1 224.0.0.22 1 1 1 0x22 1 224.1.2.3 1`,
  arp(PEER, 2, '10.0.0.2'),
  arp(PEER, 2, '0.0.0.0'),
  further(arp(PEER, 2, '10.0.0.2')),
  further(ip('0 7 1')),
  further(udp(200)),
  arp('ff:ff:ff:ff:ff:ff', 1, '10.0.0.1'),
  ip('0 7 1'),
  ip('0 7 1'),
  ip('0 7 1'),
  udp(1),
  udp(100),
  udp(100),
  udp(100),
  udp(1472),
  udp(33),
  udp(1472),
  udp(1472),
];

/** The reasons of what was not answered. */
const COUNTED = {
  arpConflicts: 1,
  arpDefences: 1,
  arpReplies: 3,
  icmpReplies: 4,
  igmpQueries: 1,
  ipv4Fragments: 4 + 2 + 1,
  ipv4Reassembled: 2,
  ipv4NotOurs: 1,
  ipv4SourceRouted: 1,
  ipv4ProtocolUnsupported: 1,
  ipv4Malformed: 1,
  ethernetMalformed: 1,
};

describe('frames of a capture file', { skip: SKIP_TSHARK }, () => {
  for (const kind of ['simulated', 'net_pcap'] as const) {
    const skip = kind === 'net_pcap' ? SKIP_WITHOUT_DPDK : false;
    test(`are answered as ever by a ${kind} port, as tshark reads it`, { skip }, (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'aeron-golden-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const mac = kind === 'net_pcap' ? PCAP_MAC : OUR_MAC;
      const [from, to] = [join(folder, 'in.pcap'), join(folder, 'out.pcap')];
      const toUs = (frame: Buffer): Buffer =>
        frame.toString('hex', 0, 6) === OUR_MAC ? Buffer.concat([hex(mac), frame.subarray(6)]) : frame;
      writeFileSync(from, writePcap(ARRIVING.map(toUs)));
      const output = execFileSync(process.execPath, [HOST, kind, from, to], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      const counted = JSON.parse(output.split('\n').findLast((line) => line.startsWith('{'))!);
      const lines = tshark(to, ...FIELDS.flatMap((field) => ['-e', field]));
      const dashed = mac.match(/../g)!.join(':');
      assert.deepEqual(
        lines.map((line) => line.replaceAll(dashed, US).trim().replaceAll(/\s+/g, ' ')),
        SENT,
      );
      assert.deepEqual(
        Object.fromEntries(Object.keys(COUNTED).map((name) => [name, counted[name]])),
        COUNTED,
      );
      assert.equal(counted.rxFrames, ARRIVING.length);
      assert.equal(counted.txFrames, SENT.length);
    });
  }
});

function tshark(file: string, ...fields: string[]): string[] {
  const checks = ['ip', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const args = ['-r', file, '-n', ...checks, '-T', 'fields', '-E', 'separator=/s', ...fields];
  return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .split('\n')
    .filter((line) => line !== '');
}
