// Makes sockets what an endpoint asks for.
#pragma once

#include "addon.h"
#include "udp_address.h"

namespace aeron_bypass {

inline int setOption(int fd, int option, int32_t value) {
  return value == 0 ? 0 : setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

inline int32_t getOption(int fd, int option) {
  int32_t value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : 0;
}

// What an endpoint asks for: the arguments of open().
struct Wanted {
  Wanted(const Arguments& args, const Ipv6Table& ipv6)
      : isIpv6(args[13]->IsTrue()), receiveBufferLength(int32At(args, 6)), sendBufferLength(int32At(args, 7)),
        ttl(int32At(args, 10)), isTimed(args[11]->IsTrue()), interfaceIndex(int32At(args, 12)) {
    local = isIpv6 ? SocketAddress(ipv6.local, int32At(args, 3)) : SocketAddress(int32At(args, 2), int32At(args, 3));
    const int32_t remotePort = int32At(args, 5);
    if (remotePort != 0) {
      remote = isIpv6 ? SocketAddress(ipv6.remote, remotePort) : SocketAddress(int32At(args, 4), remotePort);
    }
    if (int32At(args, 8) != 0) group = isIpv6 ? SocketAddress(ipv6.group, 0) : SocketAddress(int32At(args, 8), 0);
    interface = SocketAddress(int32At(args, 9), 0);
  }

  bool isConnected() const { return remote.length != 0; }
  bool isMulticast() const { return group.length != 0; }

  const bool isIpv6;
  SocketAddress local;
  SocketAddress remote;
  const int32_t receiveBufferLength;
  const int32_t sendBufferLength;
  SocketAddress group;  // Its port means nothing, nor the interface's.
  SocketAddress interface;
  const int32_t ttl;
  const bool isTimed;
  const int32_t interfaceIndex;
};

inline const char* joinGroup(int fd, const Wanted& wanted) {
  if (wanted.isIpv6) {
    const ipv6_mreq membership = {wanted.group.ipv6.sin6_addr, static_cast<unsigned>(wanted.interfaceIndex)};
    const int failed = setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &membership, sizeof(membership));
    return failed != 0 ? "setsockopt IPV6_JOIN_GROUP" : nullptr;
  }
  const ip_mreq membership = {wanted.group.ipv4.sin_addr, wanted.interface.ipv4.sin_addr};
  const int failed = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership));
  return failed != 0 ? "setsockopt IP_ADD_MEMBERSHIP" : nullptr;
}

// Lets others of this machine be members at the same port, and keeps out datagrams of groups that only they are in.
inline const char* join(int fd, const Wanted& wanted) {
  const int yes = 1;
  const int no = 0;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0) return "setsockopt SO_REUSEADDR";
  // Not SO_REUSEPORT: of sockets that share a port by it, the kernel takes any for a datagram that comes by a card, whatever
  // groups they are in. SO_REUSEADDR at all of them is enough.
  const int level = wanted.isIpv6 ? IPPROTO_IPV6 : IPPROTO_IP;
  const int option = wanted.isIpv6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL;
  if (setsockopt(fd, level, option, &no, sizeof(no)) != 0 && errno != ENOPROTOOPT) return "setsockopt MULTICAST_ALL";
  if (bind(fd, &wanted.local.any, wanted.local.length) != 0) return "bind";
  return joinGroup(fd, wanted);
}

// By which interface datagrams to groups leave, and how many routers they may pass.
inline const char* aim(int fd, const Wanted& wanted) {
  const int ttl = wanted.ttl;
  if (wanted.isIpv6) {
    const int index = wanted.interfaceIndex;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)) != 0) return "setsockopt IPV6_MULTICAST_IF";
    if (ttl == 0) return nullptr;
    const int failed = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof(ttl));
    return failed != 0 ? "setsockopt IPV6_MULTICAST_HOPS" : nullptr;
  }
  const in_addr interface = wanted.interface.ipv4.sin_addr;
  if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof(interface)) != 0) return "setsockopt IP_MULTICAST_IF";
  if (ttl != 0 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) != 0) return "setsockopt IP_MULTICAST_TTL";
  return nullptr;
}

// Makes the sockets what is wanted. Returns the name of the step that failed, errno saying why, or nullptr.
inline const char* prepare(int fd, int sendFd, const Wanted& wanted) {
  const char* failed = nullptr;
  if (wanted.isMulticast()) {
    if ((failed = join(fd, wanted)) != nullptr) return failed;
    if ((failed = aim(sendFd, wanted)) != nullptr) return failed;
  } else if (bind(fd, &wanted.local.any, wanted.local.length) != 0) {
    return "bind";
  }
  if (wanted.isConnected() && connect(sendFd, &wanted.remote.any, wanted.remote.length) != 0) return "connect";
  if (setOption(fd, SO_RCVBUF, wanted.receiveBufferLength) != 0) return "setsockopt SO_RCVBUF";
  if (setOption(sendFd, SO_SNDBUF, wanted.sendBufferLength) != 0) return "setsockopt SO_SNDBUF";
  if (setOption(fd, SO_TIMESTAMPNS, wanted.isTimed ? 1 : 0) != 0) return "setsockopt SO_TIMESTAMPNS";
  return nullptr;
}

inline int newSocket(bool isIpv6) {
  return socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

}  // namespace aeron_bypass
