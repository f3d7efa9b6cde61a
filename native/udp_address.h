// Addresses of UDP sockets, of either family.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

namespace aeron_bypass {

constexpr int kBurst = 64;  // DatagramBurst.CAPACITY

// An IPv6 address as words in host order, and the number of the interface that a link-local one is on.
struct Ipv6Words {
  int32_t words[4];
  int32_t zone;
};

// The addresses of a call to a set, and those that datagrams came from: KernelTransport's table of IPv6 addresses.
struct Ipv6Table {
  Ipv6Words remote;
  Ipv6Words local;
  Ipv6Words group;
  Ipv6Words sources[kBurst];  // By the datagram's place in the incoming table.
};

// An address of either family and its length; 0: none.
struct SocketAddress {
  socklen_t length = 0;
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  };

  SocketAddress() {}

  SocketAddress(int32_t address, int32_t port) : length(sizeof(ipv4)) {
    ipv4 = {};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    ipv4.sin_addr.s_addr = htonl(static_cast<uint32_t>(address));
  }

  SocketAddress(const Ipv6Words& address, int32_t port) : length(sizeof(ipv6)) {
    ipv6 = {};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(static_cast<uint16_t>(port));
    for (int i = 0; i < 4; i++) ipv6.sin6_addr.s6_addr32[i] = htonl(static_cast<uint32_t>(address.words[i]));
    ipv6.sin6_scope_id = static_cast<uint32_t>(address.zone);
  }
};

inline void readIpv6(const sockaddr_in6& from, Ipv6Words& to) {
  for (int i = 0; i < 4; i++) to.words[i] = static_cast<int32_t>(ntohl(from.sin6_addr.s6_addr32[i]));
  to.zone = static_cast<int32_t>(from.sin6_scope_id);
}

}  // namespace aeron_bypass
