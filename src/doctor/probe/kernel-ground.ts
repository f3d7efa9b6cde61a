import { createSocket } from 'node:dgram';
import { setTimeout } from 'node:timers/promises';
import { type Clock, SystemClock } from '../../concurrent/clock.ts';
import type { Host } from '../../host/host.ts';
import { ipJson } from '../../host/ip-command.ts';
import { type NetworkInterface, readNetworkInterfaces } from '../../host/network-interface.ts';
import { openKernelTransport } from '../../transport/kernel/kernel-transport.ts';
import { messageOf } from '../../util/errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress, parseIpAddress } from '../../util/ip-text.ts';
import { shakeHands } from './aeron-handshake.ts';
import {
  type AeronEvidence,
  type EchoEvidence,
  headersLength,
  type LinkEvidence,
  type NeighbourEvidence,
  type Question,
} from './evidence.ts';
import type { Ground } from './prober.ts';

/** The kernel asks three times, a second apart. */
const NEIGHBOUR_TIMEOUT_MS = 4000;
const LOOK_INTERVAL_MS = 50;
/** A host says at once that nobody has a port; the way takes its time. */
const REFUSAL_TIMEOUT_MS = 1000;
/** Of UDP, discard: RFC 863. Whoever is there drops what comes. */
const DISCARD_PORT = 9;
const ECHOES = '2';
/** States in which the kernel knows an Ethernet address: neighbour.h. */
const KNOWN_STATES: readonly string[] = ['REACHABLE', 'STALE', 'DELAY', 'PERMANENT'];

interface Way {
  readonly interfaceName: string;
  readonly nextHop: string;
  readonly source: string;
}

/** The way to a peer by the kernel's network stack: asks what `ip` and `ping` tell, sends by sockets. */
export class KernelGround implements Ground {
  private readonly host: Host;
  private readonly question: Question;
  private readonly peer: string;
  /** An address of ours to speak from; null: the route says. */
  private readonly localAddress: string | null;
  private readonly clock: Clock = new SystemClock();
  private way: Way | null = null;
  private isLoopback = false;

  constructor(host: Host, question: Question, localAddress: number | null) {
    this.host = host;
    this.question = question;
    this.peer = formatIpAddress(question.address);
    this.localAddress = localAddress === null ? null : formatIpAddress(localAddress);
  }

  async link(): Promise<LinkEvidence> {
    const interfaces = readNetworkInterfaces(this.host);
    const reason = this.findWay();
    const name = this.way?.interfaceName ?? this.likelyInterface(interfaces);
    const found = interfaces.find((candidate) => candidate.name === name);
    if (found === undefined) return { state: 'no-route', name: '', mtu: 0, detail: reason };
    const { mtu } = found;
    this.isLoopback = found.name === 'lo';
    if (!found.isUp) return { state: 'down', name: found.name, mtu, detail: '' };
    if (found.hasLink === false) return { state: 'no-carrier', name: found.name, mtu, detail: '' };
    if (this.way === null) return { state: 'no-route', name: found.name, mtu, detail: reason };
    const speed = found.speedMbps === null ? [] : [`${found.speedMbps} Mbit/s`];
    const detail = [...speed, `packets leave as ${this.way.source}`].join(', ');
    return { state: 'up', name: found.name, mtu, detail };
  }

  async neighbour(): Promise<NeighbourEvidence> {
    const { nextHop, interfaceName } = this.way!;
    const base = { address: nextHop, isRouter: !isSameAddress(nextHop, this.peer), mac: '' };
    if (this.isLoopback) return { state: 'not-needed', ...base };
    const [flags] = ipJson(this.host, ['link', 'show', 'dev', interfaceName]);
    if (((flags?.flags ?? []) as readonly string[]).includes('NOARP'))
      return { state: 'not-needed', ...base };
    await this.provoke();
    this.clock.update();
    const deadlineNs = this.clock.nanoTime + NEIGHBOUR_TIMEOUT_MS * 1e6;
    for (;;) {
      this.clock.update();
      const [entry] = ipJson(this.host, ['neighbour', 'show', 'to', nextHop, 'dev', interfaceName]);
      const states = (entry?.state ?? []) as readonly string[];
      if (entry?.lladdr !== undefined && states.some((state) => KNOWN_STATES.includes(state))) {
        return { state: 'found', ...base, mac: String(entry.lladdr) };
      }
      if (states.includes('FAILED') || this.clock.nanoTime >= deadlineNs) return { state: 'silent', ...base };
      await setTimeout(LOOK_INTERVAL_MS);
    }
  }

  async echo(packetLength: number): Promise<EchoEvidence> {
    const isV6 = isIpv6(this.question.address);
    const { status, stdout, stderr } = this.host.run('ping', [
      isV6 ? '-6' : '-4',
      ...['-n', '-c', ECHOES, '-i', '0.2', '-W', '1', '-M', 'do'],
      // Of both, the header of ICMP is as long as that of UDP.
      ...['-s', String(packetLength - headersLength(isV6))],
      ...(this.localAddress === null ? [] : ['-I', this.localAddress]),
      this.peer,
    ]);
    if (status === 0) {
      const [, fastestMs] = /min\/avg\S* = ([\d.]+)\//.exec(stdout) ?? [];
      return { state: 'answered', detail: fastestMs === undefined ? '' : `after ${fastestMs} ms` };
    }
    const isAsked = /packets transmitted|message too long|mtu/i.test(stdout + stderr);
    if (isAsked) return { state: 'silent', detail: '' };
    return { state: 'not-asked', detail: stderr.split('\n')[0] || `ping ended with ${status}` };
  }

  async setup(port: number): Promise<AeronEvidence> {
    if (await this.isRefused(port)) return { state: 'refused', detail: '' };
    const transport = openKernelTransport({ connectSendSockets: true, coalesceDatagrams: false });
    try {
      const source = parseIpAddress(this.way!.source) ?? 0;
      return await shakeHands(transport, this.clock, source, port, this.question);
    } catch (error) {
      return { state: 'not-sent', detail: messageOf(error) };
    } finally {
      transport.close();
    }
  }

  /** Nothing is open between questions. */
  close(): void {}

  /** Asks the kernel. Returns why there is none, or `''`. */
  private findWay(): string {
    const from = this.localAddress === null ? [] : ['from', this.localAddress];
    try {
      const [route] = ipJson(this.host, ['route', 'get', this.peer, ...from]);
      if (route === undefined || route.dev === undefined) return 'the kernel names none';
      this.way = {
        interfaceName: String(route.dev),
        nextHop: String(route.gateway ?? this.peer),
        source: this.localAddress ?? String(route.prefsrc ?? ''),
      };
      return '';
    } catch (error) {
      return /RTNETLINK answers: ([^.\n]+)/.exec(messageOf(error))?.[1] ?? messageOf(error);
    }
  }

  /** What would be the way if it were up: the kernel takes routes away with the interface. */
  private likelyInterface(interfaces: readonly NetworkInterface[]): string | null {
    const found = interfaces.find(({ addresses }) =>
      addresses.some(({ address, prefixLength }) =>
        this.localAddress === null
          ? isInNetwork(this.question.address, address, prefixLength)
          : isSameAddress(address, this.localAddress),
      ),
    );
    return found?.name ?? null;
  }

  /** Has the kernel ask for the next hop, by sending it something. */
  private provoke(): Promise<void> {
    const { address } = this.question;
    const socket = createSocket(isIpv6(address) ? 'udp6' : 'udp4');
    return new Promise((resolve) => {
      const done = (): void => {
        socket.close();
        resolve();
      };
      socket.once('error', done);
      const send = (): void => socket.send('', DISCARD_PORT, this.peer, done);
      if (this.localAddress === null) send();
      else socket.bind({ address: this.localAddress }, send);
    });
  }

  /**
   * Whether the peer's host says that nobody has the port, of an empty datagram: the transport takes that for what happens to
   * healthy sockets, and does not tell.
   */
  private isRefused(port: number): Promise<boolean> {
    const socket = createSocket(isIpv6(this.question.address) ? 'udp6' : 'udp4');
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const done = (error?: NodeJS.ErrnoException): void => {
        clearTimeout(timer);
        socket.close();
        resolve(error?.code === 'ECONNREFUSED');
      };
      socket.once('error', done);
      const ask = (): void =>
        socket.connect(port, this.peer, () => {
          timer = globalThis.setTimeout(done, REFUSAL_TIMEOUT_MS);
          socket.send('');
        });
      if (this.localAddress === null) ask();
      else socket.bind({ address: this.localAddress }, ask);
    });
  }
}

function isSameAddress(a: string, b: string): boolean {
  return a === b || (parseIpAddress(a) !== null && parseIpAddress(a) === parseIpAddress(b));
}

/** Of IPv4. The kernel keeps addresses of IPv6 only while the interface is up. */
function isInNetwork(peer: number, address: string, prefixLength: number): boolean {
  const own = parseIpAddress(address);
  if (own === null || isIpv6(own) || isIpv6(peer)) return false;
  return prefixLength === 0 || (own ^ peer) >>> (32 - prefixLength) === 0;
}
