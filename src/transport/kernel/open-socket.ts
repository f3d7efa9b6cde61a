import type { OpenedSocket, UdpAddon } from '../../native/udp.ts';
import { AeronError, codeOf, messageOf } from '../../util/errors.ts';
import { formatIpv4, formatSocketAddress } from '../../util/ipv4.ts';
import type { EndpointOptions, Ipv4Address } from '../transport.ts';

/**
 * Opens the socket that `options` describe and adds it to a set; `endpoint` is what the set calls it by.
 * @throws AeronError with errno's name as code.
 */
export function openSocket(
  udp: UdpAddon,
  sockets: number,
  endpoint: number,
  options: EndpointOptions,
  isConnected: boolean,
  isTimed: boolean,
): OpenedSocket {
  const { localAddress, localPort, remoteAddress, remotePort, multicast } = options;
  try {
    return udp.open(
      sockets,
      endpoint,
      localAddress,
      localPort,
      remoteAddress,
      isConnected ? remotePort : 0,
      options.receiveBufferLength,
      options.sendBufferLength,
      multicast?.groupAddress ?? 0,
      multicast?.interfaceAddress ?? 0,
      multicast?.ttl ?? 0,
      isTimed,
    );
  } catch (error) {
    throw socketError(error, options);
  }
}

/**
 * Connects a connected socket to another address.
 * @throws AeronError with errno's name as code.
 */
export function reconnectSocket(
  udp: UdpAddon,
  sockets: number,
  endpoint: number,
  remoteAddress: Ipv4Address,
  remotePort: number,
): void {
  try {
    udp.reconnect(sockets, endpoint, remoteAddress, remotePort);
  } catch (error) {
    const code = codeOf(error);
    const what = `cannot point a UDP socket at ${formatSocketAddress(remoteAddress, remotePort)}`;
    throw new AeronError(code, `${what}: ${messageOf(error)}. ${remedy(code, 0)}`.trimEnd(), {
      cause: error,
    });
  }
}

function describe({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
  multicast,
}: EndpointOptions): string {
  const groupAddress = multicast?.groupAddress ?? 0;
  const local = `a UDP socket on ${formatSocketAddress(localAddress, localPort)}`;
  const member =
    groupAddress === 0
      ? local
      : `${local} in group ${formatIpv4(groupAddress)} on interface ${formatIpv4(multicast!.interfaceAddress)}`;
  return remotePort === 0
    ? member
    : `${member} connected to ${formatSocketAddress(remoteAddress, remotePort)}`;
}

function socketError(error: unknown, options: EndpointOptions): AeronError {
  const code = codeOf(error);
  const what = `cannot open ${describe(options)}: ${messageOf(error)}.`;
  return new AeronError(code, `${what} ${remedy(code, options.localPort)}`.trimEnd(), { cause: error });
}

/** What to do about the errors that opening a socket meets; the rest speak for themselves. */
function remedy(code: string, localPort: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `"ss -ulpn sport = :${localPort}" names the process that has the port: stop it or choose another port.`;
    case 'ENOBUFS':
      return 'This socket is in as many groups as the sysctl net.ipv4.igmp_max_memberships allows: raise it.';
    case 'ENODEV':
      return 'The interface must be one of this machine that is up: name it in the channel, interface=address.';
    case 'EADDRNOTAVAIL':
      return 'The local address must be one of this machine: "ip -4 address" lists them.';
    case 'EACCES':
      return localPort > 0 && localPort < 1024
        ? 'Ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one.'
        : 'A broadcast address cannot be sent to: use a unicast address.';
    case 'EMFILE':
      return 'This process has no file descriptor left: raise "ulimit -n".';
    case 'ENFILE':
      return 'This machine has no file descriptor left: raise the sysctl fs.file-max.';
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'There is no route from the local address to the remote one: "ip route get" shows what there is.';
    case 'EINVAL':
      return 'A loopback address reaches loopback addresses only: bind the address of the interface that leads there.';
    default:
      return '';
  }
}
