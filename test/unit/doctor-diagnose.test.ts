/** What the evidence of a probe means: which layer fails, why, and what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose, failedLayer, type LayerFinding } from '../../src/doctor/probe/diagnose.ts';
import type { EchoEvidence, Evidence, Layer, LinkEvidence } from '../../src/doctor/probe/evidence.ts';
import { readInterface, readPeer } from '../../src/doctor/probe/peer.ts';
import { type Ground, probe } from '../../src/doctor/probe/prober.ts';
import { codeOf } from '../../src/util/errors.ts';
import { parseIpAddress } from '../../src/util/ip-text.ts';

const PEER = parseIpAddress('10.0.0.2')!;
const QUESTION = { address: PEER, port: 40123, streamId: 1001, mtuLength: 1408 };

const WELL: Evidence = {
  peer: '10.0.0.2',
  isIpv6: false,
  question: QUESTION,
  link: { state: 'up', name: 'eth0', mtu: 1500, detail: '' },
  neighbour: { state: 'found', address: '10.0.0.2', isRouter: false, mac: '02:00:00:00:00:02' },
  echo: { state: 'answered', detail: 'after 0.1 ms' },
  pathMtu: { needed: 1436, largest: 1436 },
  aeron: { state: 'answered', detail: 'a status message has come' },
};
const LINK = (state: LinkEvidence['state']): Partial<Evidence> => ({
  link: { ...WELL.link, state },
  neighbour: null,
  echo: null,
  pathMtu: null,
  aeron: null,
});
const SILENT_ECHO: Partial<Evidence> = { echo: { state: 'silent', detail: '' }, pathMtu: null };
const AERON = (state: NonNullable<Evidence['aeron']>['state'], detail = ''): Partial<Evidence> => ({
  aeron: { state, detail },
});

const ROWS: readonly (readonly [
  evidence: Partial<Evidence>,
  layer: Layer | null,
  what: RegExp,
  cause: RegExp,
])[] = [
  [{}, null, /takes stream 1001: a status message has come/, /^$/],
  [LINK('down'), 'link', /eth0 is switched off/, /nothing leaves/],
  [LINK('no-carrier'), 'link', /eth0 has no link/, /cable/],
  [LINK('no-route'), 'link', /no route leads to 10\.0\.0\.2/, /before they leave/],
  [LINK('absent'), 'link', /nothing to send by/, /no packet/],
  [
    {
      ...LINK('up'),
      neighbour: { state: 'silent', address: '10.0.0.2', isRouter: false, mac: '' },
    },
    'neighbour',
    /10\.0\.0\.2 does not answer ARP/,
    /no host of this network has the address/,
  ],
  [
    {
      ...LINK('up'),
      isIpv6: true,
      neighbour: { state: 'silent', address: 'fd00::1', isRouter: true, mac: '' },
    },
    'neighbour',
    /the router fd00::1 does not answer neighbour discovery/,
    /goes through it/,
  ],
  [{ ...SILENT_ECHO, aeron: null }, 'ICMP echo', /answers no echo/, /firewall on the peer/],
  [
    { ...SILENT_ECHO, aeron: null, neighbour: { ...WELL.neighbour!, isRouter: true, address: '10.0.0.254' } },
    'ICMP echo',
    /though the router 10\.0\.0\.254 is there/,
    /way back/,
  ],
  [{ ...SILENT_ECHO, ...AERON('silent') }, 'ICMP echo', /answers no echo/, /firewall/],
  [{ ...SILENT_ECHO, ...AERON('not-sent', 'EPERM') }, 'ICMP echo', /answers no echo/, /firewall/],
  [
    { pathMtu: { needed: 1436, largest: 1200 } },
    'path MTU',
    /packets of 1200 bytes get to 10\.0\.0\.2, longer ones do not/,
    /full datagrams are lost/,
  ],
  [
    { link: { ...WELL.link, mtu: 1400 }, pathMtu: { needed: 1436, largest: 1400 } },
    'path MTU',
    /eth0 carries packets of 1400 bytes, aeron\.mtu\.length=1408 takes 1436/,
    /not sent at all by a DPDK port/,
  ],
  [AERON('refused'), 'Aeron', /nobody has the port at 10\.0\.0\.2, port 40123/, /subscription/],
  [AERON('rejected', 'no'), 'Aeron', /rejects stream 1001: no/, /will not have/],
  [AERON('silent'), 'Aeron', /no status message .* for stream 1001/, /the host is there/],
  [AERON('not-sent', 'EPERM'), 'Aeron', /did not leave: EPERM/, /refuses/],
];

test('each failure is named by its layer, with a cause and something to do', () => {
  for (const [change, layer, what, cause] of ROWS) {
    const findings = diagnose({ ...WELL, ...change });
    assert.equal(failedLayer(findings), layer, JSON.stringify(change));
    const finding = findings.find(({ check }) => check === layer) ?? findings.at(-1)!;
    assert.match(finding.what, what);
    assert.match(finding.why, cause);
    assert.equal(finding.fix === '', layer === null);
  }
});

test('nothing is said of layers that were not looked at', () => {
  assert.deepEqual(checks(diagnose({ ...WELL, ...LINK('down') })), ['link']);
  assert.deepEqual(checks(diagnose({ ...WELL, aeron: null })), [
    'link',
    'neighbour',
    'ICMP echo',
    'path MTU',
  ]);
});

test('echoes that nobody answers are no failure where Aeron is answered, or refused', () => {
  for (const state of ['answered', 'refused', 'rejected'] as const) {
    const findings = diagnose({ ...WELL, ...SILENT_ECHO, ...AERON(state) });
    assert.equal(findings.find(({ check }) => check === 'ICMP echo')?.severity, 'warning');
    assert.equal(failedLayer(findings), state === 'answered' ? null : 'Aeron');
  }
  const unasked = diagnose({ ...WELL, echo: { state: 'not-asked', detail: 'ping is not installed' } });
  assert.equal(failedLayer(unasked), null);
  assert.match(unasked[2]!.what, /ping is not installed/);
});

test('the MTU length that is advised fits what gets through, and Aeron', () => {
  for (const [largest, fitting] of [
    [1200, 1152],
    [1435, 1376],
    [84, 32],
  ] as const) {
    const findings = diagnose({ ...WELL, pathMtu: { needed: 1436, largest } });
    assert.match(findings[3]!.fix, new RegExp(`^aeron\\.mtu\\.length=${fitting} `));
    assert.ok(fitting % 32 === 0);
  }
});

/** A way that lets packets of up to `mtu` bytes through, and counts what it is asked. */
class FakeGround implements Ground {
  readonly asked: (string | number)[] = [];
  private readonly mtu: number;
  private readonly evidence: Evidence;

  constructor(mtu: number, change: Partial<Evidence> = {}) {
    this.mtu = mtu;
    this.evidence = { ...WELL, ...change };
  }

  async link() {
    this.asked.push('link');
    return this.evidence.link;
  }

  async neighbour() {
    this.asked.push('neighbour');
    return this.evidence.neighbour!;
  }

  async echo(packetLength: number): Promise<EchoEvidence> {
    this.asked.push(packetLength);
    return { state: packetLength <= this.mtu ? 'answered' : 'silent', detail: '' };
  }

  async setup(port: number) {
    this.asked.push(`setup ${port}`);
    return this.evidence.aeron!;
  }

  close(): void {}
}

test('the length of packets that get through is found exactly, in few questions', async () => {
  for (const mtu of [84, 85, 576, 1199, 1200, 1280, 1434, 1435]) {
    const ground = new FakeGround(mtu);
    const { pathMtu, aeron } = await probe(ground, QUESTION, () => false);
    assert.deepEqual(pathMtu, { needed: 1436, largest: mtu });
    assert.equal(aeron?.state, 'answered');
    assert.ok(ground.asked.length < 18, ground.asked.join());
  }
  const well = new FakeGround(1500);
  await probe(well, QUESTION, () => false);
  assert.deepEqual(well.asked, ['link', 'neighbour', 84, 1436, 'setup 40123']);
});

test('nothing is asked that needs a layer that fails, nor Aeron without a port, nor anything after a stop', async () => {
  const down = new FakeGround(1500, LINK('down'));
  await probe(down, QUESTION, () => false);
  assert.deepEqual(down.asked, ['link']);
  const silent = new FakeGround(1500, { neighbour: { ...WELL.neighbour!, state: 'silent' } });
  await probe(silent, QUESTION, () => false);
  assert.deepEqual(silent.asked, ['link', 'neighbour']);
  const portless = new FakeGround(1500);
  assert.equal((await probe(portless, { ...QUESTION, port: null }, () => false)).aeron, null);
  const stopped = new FakeGround(1500);
  await probe(stopped, QUESTION, () => stopped.asked.length > 1);
  assert.deepEqual(stopped.asked, ['link', 'neighbour']);
});

test('peers are addresses and names, with a port or without', async () => {
  const localhost = parseIpAddress('127.0.0.1')!;
  const six = parseIpAddress('fd00::2')!;
  for (const [text, address, port] of [
    ['10.0.0.2', PEER, null],
    ['10.0.0.2:40123', PEER, 40123],
    ['fd00::2', six, null],
    ['[fd00::2]', six, null],
    ['[fd00::2]:1', six, 1],
    ['localhost:65535', localhost, 65535],
  ] as const) {
    assert.deepEqual(await readPeer(text), { address, port }, text);
  }
  const wrong = [
    ...['', ':', '10.0.0.2:', '10.0.0.2:0', '10.0.0.2:65536', '10.0.0.2:x', 'a:1:2', '[fd00::2', '300.1.1.1'],
    ...['224.0.1.1:40456', '0.0.0.0', '::', '[ff02::1]:1', 'no such host:1'],
  ];
  for (const text of wrong) {
    await assert.rejects(readPeer(text), (error) => codeOf(error) === 'INVALID_PEER', text);
  }
  assert.equal(readInterface('10.0.0.2/24'), PEER);
  assert.equal(readInterface('fd00::2/64'), six);
  for (const text of ['', 'eth0', '10.0.0.2/x', '224.0.0.1', '0.0.0.0']) {
    assert.throws(
      () => readInterface(text),
      (error) => codeOf(error) === 'INVALID_INTERFACE',
      text,
    );
  }
});

function checks(findings: readonly LayerFinding[]): Layer[] {
  return findings.map(({ check }) => check);
}
