import { type Clock, SystemClock } from '../../concurrent/clock.ts';
import type { EchoRequests } from '../../net/echo-requests.ts';
import { READY } from '../../net/send-state.ts';
import type { BypassConfig, DpdkTransport } from '../../transport/bypass/open-bypass-transport.ts';
import { messageOf } from '../../util/errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress } from '../../util/ip-text.ts';
import { formatMac } from '../../util/mac.ts';
import { shakeHands, turnUntil } from './aeron-handshake.ts';
import type { AeronEvidence, EchoEvidence, LinkEvidence, NeighbourEvidence, Question } from './evidence.ts';
import type { Ground } from './prober.ts';

/** Cards take some seconds to agree with a switch. */
const LINK_TIMEOUT_MS = 5000;
/** Ours asks once a second; of IPv6, it asks before whether its own address is free. */
const NEIGHBOUR_TIMEOUT_MS = 4000;
const ECHO_TIMEOUT_MS = 500;
const ECHOES = 2;

/** The way to a peer by a DPDK port: our own stack, in duty cycles of this process. */
export class DpdkGround implements Ground {
  private readonly config: BypassConfig;
  private readonly question: Question;
  private readonly clock: Clock = new SystemClock();
  private transport: DpdkTransport | null = null;
  private echoes: EchoRequests | null = null;
  private asked = 0;

  constructor(config: BypassConfig, question: Question) {
    this.config = config;
    this.question = question;
  }

  /** Opens the port. */
  async link(): Promise<LinkEvidence> {
    const { portId, localAddress } = this.config;
    const name = `DPDK port ${portId}`;
    // Imported when it is wanted: a probe over kernel sockets needs no DPDK.
    const [{ openBypassTransport }, { claimAddress }] = await Promise.all([
      import('../../transport/bypass/open-bypass-transport.ts'),
      import('../../transport/bypass/claim-address.ts'),
    ]);
    let transport: DpdkTransport;
    try {
      transport = openBypassTransport(this.config, this.clock);
    } catch (error) {
      return { state: 'absent', name, mtu: 0, detail: messageOf(error) };
    }
    this.transport = transport;
    await turnUntil(transport, this.clock, () => transport.isLinkUp, LINK_TIMEOUT_MS);
    const { mtu, capabilities } = transport.device;
    const full = `${name} (${capabilities.driverName})`;
    if (!transport.isLinkUp) return { state: 'no-carrier', name: full, mtu, detail: '' };
    try {
      await claimAddress(transport, this.clock);
    } catch (error) {
      this.transport = null; // It is closed.
      return { state: 'absent', name: full, mtu, detail: messageOf(error) };
    }
    this.echoes = transport.stack.echoRequests();
    if (this.echoes.nextHop(this.question.address).address === 0) {
      const detail = `${formatIpAddress(localAddress)} is in another network, and no gateway is set`;
      return { state: 'no-route', name: full, mtu, detail };
    }
    const checksums = capabilities.txChecksumOffload && capabilities.rxChecksumOffload;
    const rings = `rings of ${capabilities.rxRingLength} and ${capabilities.txRingLength} packets`;
    const detail = `${rings}, checksums by the ${checksums ? 'card' : 'processor'}`;
    return { state: 'up', name: full, mtu, detail };
  }

  async neighbour(): Promise<NeighbourEvidence> {
    const { address } = this.question;
    const echoes = this.echoes!;
    const isFound = await this.turnUntil(() => echoes.resolve(address) === READY, NEIGHBOUR_TIMEOUT_MS);
    const { address: next, macHigh, macLow } = echoes.nextHop(address);
    const base = { address: formatIpAddress(next), isRouter: next !== address };
    return isFound
      ? { state: 'found', ...base, mac: formatMac(macHigh, macLow) }
      : { state: 'silent', ...base, mac: '' };
  }

  async echo(packetLength: number): Promise<EchoEvidence> {
    const echoes = this.echoes!;
    if (packetLength > this.transport!.device.mtu) return { state: 'silent', detail: '' };
    for (let i = 0; i < ECHOES; i++) {
      const number = this.nextNumber();
      const isSent = (): boolean => echoes.send(this.question.address, number, packetLength);
      const startNs = this.clock.nanoTime;
      if (!(await this.turnUntil(isSent, ECHO_TIMEOUT_MS))) continue;
      if (await this.turnUntil(() => echoes.isAnswered, ECHO_TIMEOUT_MS)) {
        return {
          state: 'answered',
          detail: `within ${((this.clock.nanoTime - startNs) / 1e6).toFixed(1)} ms`,
        };
      }
    }
    return { state: 'silent', detail: '' };
  }

  setup(port: number): Promise<AeronEvidence> {
    const { address } = this.question;
    const { ipv6, addresses } = this.transport!.stack;
    const source = isIpv6(address)
      ? ipv6!.sourceFor(address, 0)
      : addresses.sourceFor(this.echoes!.nextHop(address).address);
    return shakeHands(this.transport!, this.clock, source, port, this.question);
  }

  close(): void {
    this.transport?.close();
    this.transport = null;
    this.echoes?.close();
    this.echoes = null;
  }

  private turnUntil(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    return turnUntil(this.transport!, this.clock, isDone, timeoutMs);
  }

  /** Identifier of this process, and a sequence number. */
  private nextNumber(): number {
    return ((process.pid & 0xffff) << 16) | (++this.asked & 0xffff);
  }
}
