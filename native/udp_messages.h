// A burst of datagrams as messages to the kernel, coalesced where they may be (UDP_SEGMENT).
#pragma once

#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "udp_address.h"

namespace aeron_bypass {

// What one coalesced message may hold: datagrams that every kernel takes, and bytes that stay below 64 KiB with all headers
// (IPv6, UDP, Ethernet, VLAN). A device is not given more than that at once: the kernel would cut it up.
constexpr int kSegmentsMax = 64;
constexpr size_t kCoalescedLengthMax = 65535 - 40 - 8 - 18;  // KernelTransport has it, too.

// Room for the control messages there are: the length of a coalesced message's datagrams, each way, and when a message
// arrived.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec))];
};

// The datagrams from `first` on that go out as one message: all as long as the first, the last one perhaps shorter.
// Returns where they end.
inline int endOfRun(const iovec* datagrams, int first, int count) {
  const size_t length = datagrams[first].iov_len;
  const int limit = std::min(count, first + kSegmentsMax);
  size_t total = length;
  for (int i = first + 1; i < limit; i++) {
    const size_t next = datagrams[i].iov_len;
    total += next;
    if (next == 0 || next > length || total > kCoalescedLengthMax) return i;
    if (next < length) return i + 1;
  }
  return limit;
}

// A burst as the kernel is told of it: a message for each datagram, or for several that it is to cut apart again.
// Ranges that follow each other in memory, as those of a log do, are one.
class Messages {
 public:
  // There is no address when the socket is connected. Datagrams longer than `segmentLengthMax` go alone.
  Messages(const iovec* datagrams, int count, size_t segmentLengthMax, SocketAddress& destination) {
    int ranges = 0;
    for (int i = 0; i < count;) {
      const size_t length = datagrams[i].iov_len;
      const int end = length <= segmentLengthMax && length > 0 ? endOfRun(datagrams, i, count) : i + 1;
      msghdr& header = messages_[count_].msg_hdr;
      header = {};
      header.msg_name = destination.length == 0 ? nullptr : &destination.any;
      header.msg_namelen = destination.length;
      header.msg_iov = &ranges_[ranges];
      ranges_[ranges++] = datagrams[i];
      if (end > i + 1) {
        for (int j = i + 1; j < end; j++) {
          iovec& last = ranges_[ranges - 1];
          if (static_cast<uint8_t*>(last.iov_base) + last.iov_len == datagrams[j].iov_base) {
            last.iov_len += datagrams[j].iov_len;
          } else {
            ranges_[ranges++] = datagrams[j];
          }
        }
        setSegmentLength(header, controls_[count_], static_cast<uint16_t>(length));
      }
      header.msg_iovlen = &ranges_[ranges] - header.msg_iov;
      i = end;
      ends_[count_++] = end;
    }
  }

  // Returns the number of messages sent, or -1 with errno.
  int send(int fd) { return sendmmsg(fd, messages_, static_cast<unsigned>(count_), 0); }

  // The number of datagrams in the first `messages` messages.
  int datagrams(int messages) const { return messages == 0 ? 0 : ends_[messages - 1]; }
  bool isCoalesced(int message) const { return messages_[message].msg_hdr.msg_controllen != 0; }
  unsigned bytesSent(int message) const { return messages_[message].msg_len; }

 private:
  static void setSegmentLength(msghdr& header, Control& control, uint16_t length) {
    control.header.cmsg_level = SOL_UDP;
    control.header.cmsg_type = UDP_SEGMENT;
    control.header.cmsg_len = CMSG_LEN(sizeof(length));
    memcpy(CMSG_DATA(&control.header), &length, sizeof(length));
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(sizeof(length));
  }

  int count_ = 0;
  int ends_[kBurst];
  iovec ranges_[kBurst];
  mmsghdr messages_[kBurst];
  Control controls_[kBurst];
};

}  // namespace aeron_bypass
