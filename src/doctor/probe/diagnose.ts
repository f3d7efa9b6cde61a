import { FRAME_ALIGNMENT } from '../../protocol/frame.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';
import { type Evidence, headersLength, type Layer } from './evidence.ts';

export interface LayerFinding extends Finding {
  readonly check: Layer;
}

/**
 * What the evidence means: a finding for each layer that was looked at. The first problem is the layer that fails; an echo
 * that nobody answers is none where Aeron is answered.
 */
export function diagnose(evidence: Evidence): LayerFinding[] {
  const found: [Layer, Finding | null][] = [
    ['link', link(evidence)],
    ['neighbour', neighbour(evidence)],
    ['ICMP echo', echo(evidence)],
    ['path MTU', pathMtu(evidence)],
    ['Aeron', aeron(evidence)],
  ];
  return found.flatMap(([check, finding]) => (finding === null ? [] : [{ check, ...finding }]));
}

/** The layer that fails, or null. */
export function failedLayer(findings: readonly LayerFinding[]): Layer | null {
  return findings.find(({ severity }) => severity === 'problem')?.check ?? null;
}

function link({ link: { state, name, mtu, detail }, peer }: Evidence): Finding {
  const more = detail === '' ? '' : `: ${detail}`;
  switch (state) {
    case 'up':
      return ok(`${name} is up, MTU ${mtu}${detail === '' ? '' : `, ${detail}`}`);
    case 'down':
      return problem(
        `${name} is switched off`,
        'nothing leaves by it',
        `ip link set ${name} up, or use another interface`,
      );
    case 'no-carrier':
      return problem(
        `${name} has no link${more}`,
        'nothing leaves by it: the cable is out, or the other end (switch port, virtual switch, peer interface) is off',
        'look at the cable and at the other end',
      );
    case 'no-route':
      return problem(
        `no route leads to ${peer}${more}`,
        'packets are refused before they leave',
        'give the interface an address in the network of the peer, or set a route or a gateway ' +
          '(a DPDK port: the prefix of aeron.dpdk.local.ipv4.address, aeron.dpdk.gateway.ipv4.address, aeron.dpdk.routes)',
      );
    case 'absent':
      return problem(
        `there is nothing to send by${more}`,
        'no packet can leave',
        'do what it says; without --peer doctor looks at the machine alone',
      );
  }
}

function neighbour({ neighbour: seen, isIpv6, peer, link: { name } }: Evidence): Finding | null {
  if (seen === null) return null;
  const protocol = isIpv6 ? 'neighbour discovery' : 'ARP';
  const who = seen.isRouter ? `the router ${seen.address}` : seen.address;
  switch (seen.state) {
    case 'not-needed':
      return ok(`${name} has no Ethernet addresses to ask for`);
    case 'found':
      return ok(`${who} is at ${seen.mac === '' ? 'an Ethernet address that is known' : seen.mac}`);
    case 'silent':
      return seen.isRouter
        ? problem(
            `${who} does not answer ${protocol}`,
            `what goes to ${peer} goes through it`,
            'compare the gateway with that of other hosts of this network; look whether both are in the same VLAN',
          )
        : problem(
            `${who} does not answer ${protocol}`,
            'no host of this network has the address, or the host is down, or in another network segment (VLAN, switch, subnet)',
            'check the address; look at the peer whether its driver or its interface is up, and at the VLAN of both; ' +
              'behind a router the prefix of our address is too short',
          );
  }
}

function echo({ echo: seen, neighbour: next, aeron: heard, peer }: Evidence): Finding | null {
  if (seen === null) return null;
  switch (seen.state) {
    case 'answered':
      return ok(`${peer} answers${seen.detail === '' ? '' : ` ${seen.detail}`}`);
    case 'not-asked':
      return warning(
        `no echo was asked for: ${seen.detail}`,
        'whether the peer is reachable and what length of packets gets there is not known',
        'install iputils-ping',
      );
    case 'silent':
      // Somebody there has said something of a datagram of ours.
      if (heard !== null && heard.state !== 'silent' && heard.state !== 'not-sent') {
        return warning(
          `${peer} answers no echo, but datagrams`,
          'ICMP is filtered: the path MTU cannot be found out, and what is too long is lost without a word',
          'let ICMP through, or make sure of the MTU of every network on the way',
        );
      }
      return next?.isRouter === true
        ? problem(
            `${peer} answers no echo, though the router ${next.address} is there`,
            'the peer is down, a router on the way does not know its network or the way back to ours, or a firewall drops ICMP',
            'traceroute from both sides; security groups and firewalls; the route of the peer to our address',
          )
        : problem(
            `${peer} answers no echo, though it answers for its address`,
            'a firewall on the peer drops ICMP, or its host is stuck, or another host has its address',
            'on Linux: sysctl net.ipv4.icmp_echo_ignore_all, nft list ruleset; compare the Ethernet address above with that of the peer',
          );
  }
}

function pathMtu({ pathMtu: seen, link: { name, mtu }, isIpv6, question, peer }: Evidence): Finding | null {
  if (seen === null) return null;
  const { needed, largest } = seen;
  if (largest >= needed) {
    return ok(
      `packets of ${needed} bytes get to ${peer}, which aeron.mtu.length=${question.mtuLength} takes`,
    );
  }
  const fitting = Math.floor((largest - headersLength(isIpv6)) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
  const isOwn = mtu > 0 && largest >= mtu;
  return problem(
    isOwn
      ? `${name} carries packets of ${mtu} bytes, aeron.mtu.length=${question.mtuLength} takes ${needed}`
      : `packets of ${largest} bytes get to ${peer}, longer ones do not; aeron.mtu.length=${question.mtuLength} takes ${needed}`,
    isOwn
      ? 'longer datagrams are cut in pieces by the kernel, and not sent at all by a DPDK port'
      : 'streams connect, and full datagrams are lost: a router, a tunnel, or the interface of the peer has a smaller MTU',
    `aeron.mtu.length=${Math.max(fitting, FRAME_ALIGNMENT)} (or mtu= in the channel), or a larger MTU on the whole way`,
  );
}

function aeron({
  aeron: seen,
  echo: echoSeen,
  question: { port, streamId },
  peer,
}: Evidence): Finding | null {
  if (seen === null) return null;
  const where = `${peer}, port ${port}`;
  switch (seen.state) {
    case 'answered':
      return ok(`a receiver at ${where} takes stream ${streamId}: ${seen.detail}`);
    case 'refused':
      return problem(
        `nobody has the port at ${where} (ICMP: port unreachable)`,
        'a driver has it open only while one of its clients has a subscription with that endpoint',
        'start the subscriber; compare its endpoint with the address and port here, and whether it listens on 127.0.0.1 or ' +
          'another interface alone',
      );
    case 'rejected':
      return problem(
        `the receiver at ${where} rejects stream ${streamId}: ${seen.detail}`,
        'it has the subscription and will not have this stream',
        'do what it says; its error log says more (aeron-bypass errors)',
      );
    case 'not-sent':
      return problem(
        `setup frames to ${where} did not leave: ${seen.detail}`,
        'the operating system refuses them',
        'a firewall of this machine, or a route that forbids it: nft list ruleset, ip route get',
      );
    case 'silent':
      return problem(
        `no status message comes from ${where} for stream ${streamId}`,
        echoSeen?.state === 'answered'
          ? 'the host is there; its driver has no subscription with that stream id at the endpoint, or no room for a log, or a ' +
              'firewall drops UDP'
          : 'nothing at all came from the host',
        'on the peer: aeron-bypass stat (a receive channel at the endpoint? bytes received?) and aeron-bypass errors; ' +
          'stream id and port of the subscription; firewalls and security groups for UDP, both ways',
      );
  }
}
