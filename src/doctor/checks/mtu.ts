import { type Check, type Finding, ok, type Patient, problem, warning } from '../finding.ts';

const IPV4_HEADERS_LENGTH = 28;
const IPV6_HEADERS_LENGTH = 48;
/** Of Ethernet: what a port has that is told nothing else. */
const ETHERNET_MTU = 1500;

/** Whether full datagrams leave in one piece. Whether they arrive so, only a peer can tell: `doctor --peer`. */
export const mtu: Check = {
  name: 'MTU',
  run: (patient) => (patient.wantsDpdk ? ofPort(patient) : ofInterfaces(patient)),
};

function ofPort({ options }: Patient): Finding[] {
  const { mtuLength, dpdkMtu, dpdkLocalIpv6Address } = options;
  const headers = dpdkLocalIpv6Address.length > 0 ? IPV6_HEADERS_LENGTH : IPV4_HEADERS_LENGTH;
  const needed = mtuLength + headers;
  const carried = dpdkMtu === 0 ? ETHERNET_MTU : dpdkMtu;
  const what = `aeron.mtu.length=${mtuLength} takes packets of ${needed} bytes, ${
    dpdkMtu === 0 ? `a port has ${ETHERNET_MTU} unless it is told otherwise` : `aeron.dpdk.mtu is ${dpdkMtu}`
  }`;
  if (needed <= carried) return [ok(what)];
  const why = 'a DPDK port sends nothing that is longer: it is counted as a send error';
  const fix = `aeron.dpdk.mtu=${needed} and the same on every host of the network, or a smaller aeron.mtu.length`;
  return [dpdkMtu === 0 ? warning(what, why, fix) : problem(what, why, fix)];
}

function ofInterfaces({ options, host }: Patient): Finding[] {
  const { mtuLength } = options;
  const needed = mtuLength + IPV4_HEADERS_LENGTH;
  const small = host.names('/sys/class/net').flatMap((name) => {
    const folder = `/sys/class/net/${name}`;
    const length = host.number(`${folder}/mtu`) ?? 0;
    const isUp = host.text(`${folder}/operstate`) === 'up';
    return isUp && length > 0 && length < needed ? [`${name} (${length})`] : [];
  });
  if (small.length === 0) return [ok(`aeron.mtu.length=${mtuLength} fits every interface that is up`)];
  return [
    warning(
      `aeron.mtu.length=${mtuLength} takes packets of ${needed} bytes, more than ${small.join(', ')}`,
      'the kernel cuts them in pieces there, and a lost piece loses the whole datagram',
      'mtu= in channels that use the interface, or a smaller aeron.mtu.length',
    ),
  ];
}
