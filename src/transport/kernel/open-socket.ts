import type { OpenedSocket, UdpAddon } from '../../native/udp.ts';
import type { ErrorName } from '../../util/error-codes.ts';
import { AeronError, codeOf, messageOf } from '../../util/errors.ts';
import { isIpv6 } from '../../util/ip-address.ts';
import { formatIpAddress, formatSocketAddress } from '../../util/ip-text.ts';
import type { EndpointOptions, IpAddress } from '../transport.ts';
import type { Ipv6Table } from './ipv6-table.ts';

/**
 * Opens the socket that `options` describe and adds it to a set; `endpoint` is what the set calls it by, `ipv6` its table of
 * addresses. The socket is of IPv6 when its local address is.
 * @throws AeronError with errno's name as code.
 */
export function openSocket(
  udp: UdpAddon,
  sockets: number,
  endpoint: number,
  options: EndpointOptions,
  isConnected: boolean,
  isTimed: boolean,
  ipv6: Ipv6Table,
): OpenedSocket {
  const { localAddress, localPort, remoteAddress, remotePort, multicast } = options;
  const isV6 = isIpv6(localAddress);
  if (isV6) {
    ipv6.setLocal(localAddress);
    ipv6.setRemote(remoteAddress);
    ipv6.setGroup(multicast?.groupAddress ?? 0);
  }
  try {
    const socket = udp.open(
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
      multicast?.interfaceIndex ?? 0,
      isV6,
    );
    return isV6 ? { ...socket, localAddress: ipv6.local } : socket;
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
  remoteAddress: IpAddress,
  remotePort: number,
): void {
  try {
    udp.reconnect(sockets, endpoint, remoteAddress, remotePort);
  } catch (error) {
    const code = codeOf(error);
    const what = `cannot point a UDP socket at ${formatSocketAddress(remoteAddress, remotePort)}`;
    throw new AeronError(code as ErrorName, `${what}: ${messageOf(error)}. ${remedy(code, 0)}`.trimEnd(), {
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
      : `${local} in group ${formatIpAddress(groupAddress)} on interface ${formatIpAddress(multicast!.interfaceAddress)}`;
  return remotePort === 0
    ? member
    : `${member} connected to ${formatSocketAddress(remoteAddress, remotePort)}`;
}

function socketError(error: unknown, options: EndpointOptions): AeronError {
  const code = codeOf(error);
  const what = `cannot open ${describe(options)}: ${messageOf(error)}.`;
  return new AeronError(code as ErrorName, `${what} ${remedy(code, options.localPort)}`.trimEnd(), {
    cause: error,
  });
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
      return 'The local address must be one of this machine: "ip address" lists them.';
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
