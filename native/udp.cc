// Kernel UDP sockets: the sockets of one transport as a set, a burst a call. Knows nothing of what the bytes mean.
#include "addon.h"
#include "hot_function.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace aeron_bypass {
namespace {

RegionTable* regionTable = nullptr;

constexpr int kBurst = 64;  // DatagramBurst.CAPACITY

// Which sockets to ask for datagrams: one alone is asked at once, of up to this many poll(2) tells, of more epoll. Asking
// in vain costs 0.4 us, poll 0.35 us for two and 0.5 us for five, epoll_wait 0.16 us and some work at each arrival: round
// trips are 1 us shorter without epoll at two sockets (x86-64, Linux 6.18). The official driver draws the line at five, too.
constexpr size_t kSocketsWithoutEpoll = 5;

// Sockets that epoll names at a time. Each then has its share of the burst, so that none waits for ever.
constexpr int kReadyMax = 8;

// What one coalesced message may hold: datagrams that every kernel takes, and bytes that stay below 64 KiB with all headers
// (IPv6, UDP, Ethernet, VLAN). A device is not given more than that at once: the kernel would cut it up.
constexpr int kSegmentsMax = 64;
constexpr size_t kCoalescedLengthMax = 65535 - 40 - 8 - 18;  // KernelTransport has it, too.

struct Socket {
  int32_t fd = -1;
  // What datagrams are sent from: the same, or a connected socket beside one that is a member of a group.
  int32_t sendFd = -1;
  bool isIpv6 = false;
  // The longest datagrams that are coalesced when sent. 0: none.
  size_t segmentLengthMax = 0;
  bool hasRefused = false;
  // The kernel says when each message arrived.
  bool isTimed = false;
  // Datagrams in the fullest of the latest messages. No more messages are asked for than will fill the table if they are
  // alike: the other sockets wait until all that was received is handed over.
  int datagramsPerMessage = 1;
  // The poll that received from it last, by number.
  uint32_t lastPoll = 0;
};

// The words of a datagram to send: DatagramBurst.
struct Outgoing {
  int32_t handle;
  uint32_t offset;
  uint32_t length;
};

// The words of a datagram received, as KernelTransport reads them. Address and port in host order. Address 0: it is an IPv6
// address, in the set's table of those.
struct Incoming {
  int32_t endpoint;
  int32_t offset;
  int32_t length;
  int32_t address;
  int32_t port;
};

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

// As KernelStatistics reads them.
struct Statistics {
  double datagramsSent;
  double bytesSent;
  double datagramsReceived;
  double bytesReceived;
  double shortSends;
  double sendErrors;
  double receiveErrors;
  double invalidSends;
  double lastErrno;
  double coalescedSends;
  double coalescedReceives;
  double coalescingRefusals;
};

// Room for the control messages there are: the length of a coalesced message's datagrams, each way, and when a message
// arrived.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec))];
};

// The last bytes of a slot, behind everything that can arrive, say when it did: nanoseconds since 1970. TimedDatagrams
// reads them.
constexpr int32_t kArrivalTimeLength = sizeof(int64_t);

// What a healthy UDP socket answers now and then. ECONNREFUSED: the peer's host said that nobody listens there.
bool isSoft(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNREFUSED;
}

// What a kernel answers when it cannot cut a message up on this route: EMSGSIZE when a datagram is longer than the MTU,
// the others for want of checksum offload, for IPsec and the like.
bool isRefusal(int error) {
  return error == EMSGSIZE || error == EINVAL || error == EIO || error == EOPNOTSUPP;
}

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

void readIpv6(const sockaddr_in6& from, Ipv6Words& to) {
  for (int i = 0; i < 4; i++) to.words[i] = static_cast<int32_t>(ntohl(from.sin6_addr.s6_addr32[i]));
  to.zone = static_cast<int32_t>(from.sin6_scope_id);
}

// The datagrams from `first` on that go out as one message: all as long as the first, the last one perhaps shorter.
// Returns where they end.
int endOfRun(const iovec* datagrams, int first, int count) {
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

// The sockets of one transport, by the number of their endpoints, and the packet memory they receive into. Used on one
// thread.
class SocketSet {
 public:
  Ipv6Table* const ipv6;

  SocketSet(uint8_t* slots, int32_t slotLength, int32_t burst, Incoming* incoming, Statistics* statistics,
            bool isCoalescing, Ipv6Table* ipv6)
      : ipv6(ipv6), burst_(burst), slotLength_(slotLength), isCoalescing_(isCoalescing), incoming_(incoming),
        statistics_(statistics) {
    for (int i = 0; i < burst; i++) {
      buffers_[i] = {slots + static_cast<size_t>(i) * slotLength, static_cast<size_t>(slotLength - kArrivalTimeLength)};
      msghdr& header = messages_[i].msg_hdr;
      header.msg_iov = &buffers_[i];
      header.msg_iovlen = 1;
      header.msg_name = &sources_[i];
      header.msg_namelen = sizeof(sockaddr_in6);
    }
    if (isCoalescing) hearControls();
  }

  ~SocketSet() {
    for (const int32_t endpoint : open_) closeSockets(sockets_[endpoint]);
    if (epoll_ >= 0) close(epoll_);
  }

  // Takes the sockets over, which may be one. Returns errno, or 0.
  int add(int32_t endpoint, int fd, int sendFd, bool isIpv6, bool isTimed) {
    if (sockets_.size() <= static_cast<size_t>(endpoint)) sockets_.resize(endpoint + 1);
    sockets_[endpoint] = {};
    sockets_[endpoint].fd = fd;
    sockets_[endpoint].sendFd = sendFd;
    sockets_[endpoint].isIpv6 = isIpv6;
    sockets_[endpoint].isTimed = isTimed;
    if (isTimed && !hasControls_) hearControls();
    open_.push_back(endpoint);
    if (isCoalescing_) startCoalescing(sockets_[endpoint]);
    int error = 0;
    if (epoll_ >= 0) {
      error = watch(endpoint);
    } else if (open_.size() > kSocketsWithoutEpoll) {
      epoll_ = epoll_create1(EPOLL_CLOEXEC);
      if (epoll_ < 0) error = errno;
      for (size_t i = 0; error == 0 && i < open_.size(); i++) error = watch(open_[i]);
    }
    if (error != 0) remove(endpoint);
    return error;
  }

  void remove(int32_t endpoint) {
    Socket* socket = at(endpoint);
    if (socket == nullptr) return;
    open_.erase(std::find(open_.begin(), open_.end(), endpoint));
    // Closing alone would not do while a process being spawned still holds a copy of the descriptor.
    if (epoll_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, socket->fd, nullptr);
    closeSockets(*socket);
    // The number may soon be another endpoint's.
    for (int i = nextMessage_; i < messageCount_; i++) {
      if (received_[i].endpoint == endpoint) received_[i].endpoint = -1;
    }
    if (epoll_ >= 0 && open_.size() <= kSocketsWithoutEpoll) {
      close(epoll_);
      epoll_ = -1;
    }
  }

  // Connects a connected socket to another address, by a route that may coalesce what the last one did not. Returns
  // errno, or 0.
  int reconnect(int32_t endpoint, int32_t address, int32_t port) {
    Socket* socket = at(endpoint);
    if (socket == nullptr) return EBADF;
    const SocketAddress remote =
        socket->isIpv6 ? SocketAddress(ipv6->remote, port) : SocketAddress(address, port);
    if (connect(socket->sendFd, &remote.any, remote.length) != 0) return errno;
    if (isCoalescing_) startCoalescing(*socket);
    return 0;
  }

  // Returns the number of datagrams now described in the incoming table. Those of the call before must have been
  // handled: their slots are used again.
  int receive() {
    count_ = 0;
    if (nextMessage_ == messageCount_) nextMessage_ = messageCount_ = 0;
    describe();
    poll_++;
    if (count_ == burst_) {
      // The next poll sees to the sockets.
    } else if (open_.size() == 1) {
      receiveFrom(open_[0], burst_);
    } else if (epoll_ < 0) {
      receiveFromFew();
    } else {
      receiveFromMany();
    }
    statistics_->datagramsReceived += count_;
    return count_;
  }

  int send(int32_t endpoint, const Outgoing* outgoing, int count, int32_t address, int32_t port) {
    Socket* socket = at(endpoint);
    if (socket == nullptr) return 0;
    iovec datagrams[kBurst];
    int valid = 0;
    for (; valid < count; valid++) {
      const Outgoing& datagram = outgoing[valid];
      uint8_t* bytes = regionTable->at(datagram.handle, datagram.offset, datagram.length);
      if (bytes == nullptr) break;
      datagrams[valid] = {bytes, datagram.length};
    }
    SocketAddress to;
    if (port == 0) {
      // It is connected.
    } else if (socket->isIpv6) {
      to = SocketAddress(ipv6->remote, port);
    } else {
      to = SocketAddress(address, port);
    }
    int accepted = 0;
    if (valid == 1) {
      accepted = transmit(*socket, datagrams[0], to);
    } else if (valid > 1) {
      accepted = transmit(*socket, datagrams, valid, to);
    }
    // Bytes outside every region can never be sent: they pass for accepted, or the caller would try them for ever.
    if (accepted == valid && valid < count) {
      statistics_->invalidSends++;
      accepted++;
    }
    if (accepted < count) statistics_->shortSends++;
    return accepted;
  }

 private:
  // What came in a slot: one datagram, or several of `segmentLength` bytes each, the last one perhaps shorter.
  struct Received {
    int32_t endpoint;  // -1: closed since.
    int32_t segmentLength;
  };

  union Source {
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  };

  Socket* at(int32_t endpoint) {
    const auto index = static_cast<size_t>(endpoint);
    return index < sockets_.size() && sockets_[index].fd >= 0 ? &sockets_[index] : nullptr;
  }

  // From now on the kernel may say more of a message than where it came from.
  void hearControls() {
    hasControls_ = true;
    for (int i = 0; i < burst_; i++) {
      messages_[i].msg_hdr.msg_control = &controls_[i];
      messages_[i].msg_hdr.msg_controllen = sizeof(Control);
    }
  }

  static void closeSockets(Socket& socket) {
    if (socket.sendFd != socket.fd) close(socket.sendFd);
    close(socket.fd);
    socket.fd = socket.sendFd = -1;
  }

  // As far as the kernel knows how: before 4.18 it takes a coalesced message for one long datagram.
  static void startCoalescing(Socket& socket) {
    int value = 0;
    socklen_t length = sizeof(value);
    const bool isKnown = getsockopt(socket.sendFd, SOL_UDP, UDP_SEGMENT, &value, &length) == 0;
    socket.segmentLengthMax = isKnown ? kCoalescedLengthMax : 0;
    socket.hasRefused = false;
    value = 1;
    setsockopt(socket.fd, SOL_UDP, UDP_GRO, &value, sizeof(value));
  }

  int watch(int32_t endpoint) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<uint32_t>(endpoint);
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_[endpoint].fd, &event) == 0 ? 0 : errno;
  }

  // Sends a datagram, 0.15 us faster than as a burst of one. Returns 1 when the kernel accepted it, or else 0.
  int transmit(const Socket& socket, const iovec& datagram, const SocketAddress& destination) {
    const sockaddr* to = destination.length == 0 ? nullptr : &destination.any;
    const ssize_t sent = sendto(socket.sendFd, datagram.iov_base, datagram.iov_len, 0, to, destination.length);
    if (sent < 0) {
      countError(errno);
      return 0;
    }
    statistics_->datagramsSent++;
    statistics_->bytesSent += sent;
    return 1;
  }

  // Sends datagrams, coalesced as far as the socket's route allows. Returns how many the kernel accepted.
  int transmit(Socket& socket, const iovec* datagrams, int count, SocketAddress& destination) {
    Messages messages(datagrams, count, socket.segmentLengthMax, destination);
    const int sent = messages.send(socket.sendFd);
    if (sent >= 0) return accept(messages, sent);
    const int error = errno;
    if (messages.isCoalesced(0) && isRefusal(error)) {
      Messages alone(datagrams, count, 0, destination);
      const int sentAlone = alone.send(socket.sendFd);
      if (sentAlone > 0) refuse(socket, error, datagrams[0].iov_len);
      if (sentAlone >= 0) return accept(alone, sentAlone);
    }
    countError(errno);
    return 0;
  }

  void countError(int error) {
    if (isSoft(error)) return;
    statistics_->sendErrors++;
    statistics_->lastErrno = error;
  }

  int accept(const Messages& messages, int sent) {
    const int accepted = messages.datagrams(sent);
    statistics_->datagramsSent += accepted;
    for (int i = 0; i < sent; i++) {
      statistics_->bytesSent += messages.bytesSent(i);
      if (messages.isCoalesced(i)) statistics_->coalescedSends++;
    }
    return accepted;
  }

  // Datagrams went alone that were refused together: those of that length are not coalesced any more, or none is.
  void refuse(Socket& socket, int error, size_t length) {
    socket.segmentLengthMax = error == EMSGSIZE ? length - 1 : 0;
    if (!socket.hasRefused) statistics_->coalescingRefusals++;
    socket.hasRefused = true;
  }

  void receiveFromFew() {
    pollfd states[kSocketsWithoutEpoll];
    const size_t count = open_.size();
    if (++first_ >= count) first_ = 0;  // Every busy socket has the whole burst in its turn.
    for (size_t i = 0; i < count; i++) states[i] = {sockets_[open_[(first_ + i) % count]].fd, POLLIN, 0};
    int ready = ::poll(states, count, 0);
    for (size_t i = 0; ready > 0 && count_ < burst_; i++) {
      if (states[i].revents == 0) continue;
      ready--;
      receiveFrom(open_[(first_ + i) % count], burst_);
    }
  }

  void receiveFromMany() {
    epoll_event events[kReadyMax];
    const int ready = epoll_wait(epoll_, events, std::min(kReadyMax, burst_), 0);
    for (int i = 0; i < ready && count_ < burst_; i++) {
      receiveFrom(static_cast<int32_t>(events[i].data.u32), burst_ / ready);
    }
  }

  // Receives up to `limit` messages into the free slots and describes what came, as far as there is room in the table.
  void receiveFrom(int32_t endpoint, int limit) {
    Socket& socket = sockets_[endpoint];
    const int room = std::min({limit, burst_ - count_, burst_ - messageCount_});
    const int first = messageCount_;
    if (room == 0) return;
    // A socket that was silent is asked for a single message: to hear that there is no second costs 0.2 us.
    const bool isBusy = socket.lastPoll == poll_ - 1;
    const int asked = isBusy ? std::max(1, room / socket.datagramsPerMessage) : 1;
    // The kernel leaves there how long the address was; those of IPv4 always fit.
    if (socket.isIpv6) {
      for (int i = first; i < first + asked; i++) messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    }
    const int received = recvmmsg(socket.fd, messages_ + first, static_cast<unsigned>(asked), MSG_DONTWAIT, nullptr);
    if (received < 0) {
      if (!isSoft(errno)) {
        statistics_->receiveErrors++;
        statistics_->lastErrno = errno;
      }
      return;
    }
    if (received == 0) return;
    messageCount_ += received;
    socket.lastPoll = poll_;
    socket.datagramsPerMessage = 1;
    for (int i = first; i < messageCount_; i++) {
      const auto length = static_cast<int32_t>(messages_[i].msg_len);
      const int32_t segment = socket.isTimed ? readControls(i) : segmentLength(messages_[i]);
      received_[i] = {endpoint, segment};
      if (hasControls_) messages_[i].msg_hdr.msg_controllen = sizeof(Control);
      if (segment >= length) continue;
      socket.datagramsPerMessage = std::max(socket.datagramsPerMessage, (length + segment - 1) / segment);
      statistics_->coalescedReceives++;
    }
    describe();
  }

  // Of the datagrams in a message. The kernel names it when there may be more than one.
  static int32_t segmentLength(const mmsghdr& message) {
    const auto length = static_cast<int32_t>(message.msg_len);
    if (message.msg_hdr.msg_controllen < CMSG_LEN(sizeof(int))) return length;
    const auto* control = static_cast<const Control*>(message.msg_hdr.msg_control);
    if (control->header.cmsg_level != SOL_UDP || control->header.cmsg_type != UDP_GRO) return length;
    int named;
    memcpy(&named, CMSG_DATA(&control->header), sizeof(named));
    return named > 0 ? named : length;
  }

  // segmentLength(), of a message that says when it arrived, too: that goes to the end of its slot, 0 when it is not said.
  int32_t readControls(int index) {
    msghdr& header = messages_[index].msg_hdr;
    auto segment = static_cast<int32_t>(messages_[index].msg_len);
    int64_t arrivalNs = 0;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
      if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
        timespec time;
        memcpy(&time, CMSG_DATA(control), sizeof(time));
        arrivalNs = static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
      } else if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
        int named;
        memcpy(&named, CMSG_DATA(control), sizeof(named));
        if (named > 0) segment = named;
      }
    }
    memcpy(static_cast<uint8_t*>(buffers_[index].iov_base) + buffers_[index].iov_len, &arrivalNs, sizeof(arrivalNs));
    return segment;
  }

  // Enters the datagrams of received messages into the table until it is full; the rest stays for the next call.
  void describe() {
    for (; nextMessage_ < messageCount_; nextMessage_++, nextOffset_ = 0) {
      const Received& received = received_[nextMessage_];
      if (received.endpoint < 0) continue;
      const auto length = static_cast<int32_t>(messages_[nextMessage_].msg_len);
      const Source& source = sources_[nextMessage_];
      const bool isIpv6 = source.ipv4.sin_family == AF_INET6;
      const int32_t address = isIpv6 ? 0 : static_cast<int32_t>(ntohl(source.ipv4.sin_addr.s_addr));
      const int32_t port = ntohs(source.ipv4.sin_port);  // Both families have it at the same place.
      do {
        if (count_ == burst_) return;
        const int32_t segment = std::min(received.segmentLength, length - nextOffset_);
        const int32_t offset = nextMessage_ * slotLength_ + nextOffset_;
        if (isIpv6) readIpv6(source.ipv6, ipv6->sources[count_]);
        incoming_[count_++] = {received.endpoint, offset, segment, address, port};
        statistics_->bytesReceived += segment;
        nextOffset_ += segment;
      } while (nextOffset_ < length);
    }
  }

  const int burst_;
  const int32_t slotLength_;
  const bool isCoalescing_;
  bool hasControls_ = false;
  Incoming* const incoming_;
  Statistics* const statistics_;
  std::vector<Socket> sockets_;  // By endpoint.
  std::vector<int32_t> open_;    // Endpoints.
  size_t first_ = 0;             // Of those, which was asked first.
  uint32_t poll_ = 1;
  int epoll_ = -1;
  int count_ = 0;         // Datagrams in the table.
  int messageCount_ = 0;  // Slots in use.
  int nextMessage_ = 0;   // Of the first datagram that is not in the table yet,
  int32_t nextOffset_ = 0;  // where it starts.
  Received received_[kBurst];
  mmsghdr messages_[kBurst] = {};
  iovec buffers_[kBurst];
  Source sources_[kBurst] = {};
  Control controls_[kBurst];
};

// The sets of this isolate: an isolate keeps to its thread. An index stays taken when its set is gone.
thread_local std::vector<std::unique_ptr<SocketSet>> socketSets;

SocketSet* socketsAt(int32_t index) {
  const auto set = static_cast<size_t>(index);
  return set < socketSets.size() ? socketSets[set].get() : nullptr;
}

// attach(regionTable): the table of the shm addon, before anything else.
void attach(const Arguments& args) { regionTable = tableAt(args, 0); }

// createSet(slotsHandle, slotLength, burst, incomingHandle, statisticsHandle, isCoalescing, ipv6Handle) → set, or -1 when a
// region is too small. The regions must outlive the set.
void createSet(const Arguments& args) {
  const int32_t slotLength = int32At(args, 1);
  const int32_t burst = int32At(args, 2);
  args.GetReturnValue().Set(-1);
  if (burst < 1 || burst > kBurst || slotLength <= kArrivalTimeLength) return;
  uint8_t* slots = regionTable->at(int32At(args, 0), 0, static_cast<uint32_t>(slotLength) * burst);
  uint8_t* incoming = regionTable->at(int32At(args, 3), 0, sizeof(Incoming) * burst);
  uint8_t* statistics = regionTable->at(int32At(args, 4), 0, sizeof(Statistics));
  uint8_t* ipv6 = regionTable->at(int32At(args, 6), 0, sizeof(Ipv6Table));
  if (slots == nullptr || incoming == nullptr || statistics == nullptr || ipv6 == nullptr) return;
  socketSets.push_back(std::make_unique<SocketSet>(slots, slotLength, burst, reinterpret_cast<Incoming*>(incoming),
                                                   reinterpret_cast<Statistics*>(statistics),
                                                   args[5]->IsTrue(), reinterpret_cast<Ipv6Table*>(ipv6)));
  args.GetReturnValue().Set(static_cast<int32_t>(socketSets.size()) - 1);
}

// destroySet(set): closes its sockets.
void destroySet(const Arguments& args) {
  if (socketsAt(int32At(args, 0)) != nullptr) socketSets[static_cast<size_t>(int32At(args, 0))].reset();
}

int setOption(int fd, int option, int32_t value) {
  return value == 0 ? 0 : setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

int32_t getOption(int fd, int option) {
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

const char* joinGroup(int fd, const Wanted& wanted) {
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
const char* join(int fd, const Wanted& wanted) {
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
const char* aim(int fd, const Wanted& wanted) {
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
const char* prepare(int fd, int sendFd, const Wanted& wanted) {
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

int newSocket(bool isIpv6) {
  return socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// open(set, endpoint, localAddress, localPort, remoteAddress, remotePort, receiveBufferLength, sendBufferLength,
//      groupAddress, interfaceAddress, ttl, isTimed, interfaceIndex, isIpv6)
// → { localAddress, localPort, receiveBufferLength, sendBufferLength }, as the kernel has them. With `isIpv6` the table of
// the set has the local and the remote address, the group's where there is one, and gets the local one.
// Remote port 0 leaves the socket unconnected; group address 0: it is no member of a group. A member that is connected
// has a second socket to send from: the kernel would not let a connected one hear the members of another group.
// Timed: the end of each slot says when the kernel had what is in it.
// Throws the failed step's error; its message is "<step>: <strerror>".
void open(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  SocketSet* sockets = socketsAt(int32At(args, 0));
  if (sockets == nullptr) return throwError(isolate, "EBADF", "the transport is closed");
  const Wanted wanted(args, *sockets->ipv6);
  const int fd = newSocket(wanted.isIpv6);
  const int sendFd = wanted.isMulticast() && wanted.isConnected() && fd >= 0 ? newSocket(wanted.isIpv6) : fd;
  const char* failed = fd < 0 || sendFd < 0 ? "socket" : prepare(fd, sendFd, wanted);
  SocketAddress local;
  local.length = sizeof(local.ipv6);
  if (failed == nullptr && getsockname(fd, &local.any, &local.length) != 0) failed = "getsockname";
  if (failed != nullptr) {
    const int error = errno;
    if (sendFd >= 0 && sendFd != fd) close(sendFd);
    if (fd >= 0) close(fd);
    return throwErrno(isolate, error, failed);
  }
  const int error = sockets->add(int32At(args, 1), fd, sendFd, wanted.isIpv6, wanted.isTimed);
  if (error != 0) return throwErrno(isolate, error, "epoll");

  v8::Local<v8::Object> result = v8::Object::New(isolate);
  const auto put = [&](const char* name, int32_t value) { set(isolate, result, name, v8::Integer::New(isolate, value)); };
  if (wanted.isIpv6) readIpv6(local.ipv6, sockets->ipv6->local);
  put("localAddress", wanted.isIpv6 ? 0 : static_cast<int32_t>(ntohl(local.ipv4.sin_addr.s_addr)));
  put("localPort", ntohs(local.ipv4.sin_port));
  put("receiveBufferLength", getOption(fd, SO_RCVBUF));
  put("sendBufferLength", getOption(sendFd, SO_SNDBUF));
  args.GetReturnValue().Set(result);
}

// reconnect(set, endpoint, remoteAddress, remotePort): of an IPv6 socket, the set's table has the address.
void reconnect(const Arguments& args) {
  SocketSet* sockets = socketsAt(int32At(args, 0));
  const int error =
      sockets == nullptr ? EBADF : sockets->reconnect(int32At(args, 1), int32At(args, 2), int32At(args, 3));
  if (error != 0) throwErrno(args.GetIsolate(), error, "connect");
}

// close(set, endpoint)
void closeSocket(const Arguments& args) {
  SocketSet* sockets = socketsAt(int32At(args, 0));
  if (sockets != nullptr) sockets->remove(int32At(args, 1));
}

// receive(set) → datagrams received, at most the set's burst, each described in the incoming table.
int32_t receive(int32_t set) {
  SocketSet* sockets = socketsAt(set);
  return sockets == nullptr ? 0 : sockets->receive();
}

// send(set, endpoint, outgoingHandle, count, address, port) → datagrams accepted, in order from the first.
// Port 0: to where the socket is connected. Of an IPv6 socket, the set's table has the address.
int32_t send(int32_t set, int32_t endpoint, int32_t outgoingHandle, int32_t wanted, int32_t address, int32_t port) {
  SocketSet* sockets = socketsAt(set);
  const int count = std::clamp(wanted, 0, kBurst);
  const uint8_t* outgoing = regionTable->at(outgoingHandle, 0, sizeof(Outgoing) * count);
  if (sockets == nullptr || outgoing == nullptr || count == 0) return 0;
  return sockets->send(endpoint, reinterpret_cast<const Outgoing*>(outgoing), count, address, port);
}

void initialise(v8::Local<v8::Object> exports) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  function(isolate, exports, "attach", attach);
  function(isolate, exports, "createSet", createSet);
  function(isolate, exports, "destroySet", destroySet);
  function(isolate, exports, "open", open);
  function(isolate, exports, "reconnect", reconnect);
  function(isolate, exports, "close", closeSocket);
  hotFunction<receive>(isolate, exports, "receive");
  hotFunction<send>(isolate, exports, "send");
  // A worker that is terminated closes nothing itself; its ports must come free all the same.
  node::AddEnvironmentCleanupHook(isolate, [](void*) { socketSets.clear(); }, nullptr);
}

}  // namespace
}  // namespace aeron_bypass

NODE_MODULE_INIT() { aeron_bypass::initialise(exports); }
