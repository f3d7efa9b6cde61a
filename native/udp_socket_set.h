// The sockets of one transport: asked for what arrived, and given what is to leave, a burst a call.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "region_table.h"
#include "udp_messages.h"

namespace aeron_bypass {

// Which sockets to ask for datagrams: one alone is asked at once, of up to this many poll(2) tells, of more epoll. Asking
// in vain costs 0.4 us, poll 0.35 us for two and 0.5 us for five, epoll_wait 0.16 us and some work at each arrival: round
// trips are 1 us shorter without epoll at two sockets (x86-64, Linux 6.18). The official driver draws the line at five, too.
constexpr size_t kSocketsWithoutEpoll = 5;

// Sockets that epoll names at a time. Each then has its share of the burst, so that none waits for ever.
constexpr int kReadyMax = 8;

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

// The last bytes of a slot, behind everything that can arrive, say when it did: nanoseconds since 1970. TimedDatagrams
// reads them.
constexpr int32_t kArrivalTimeLength = sizeof(int64_t);

// What a healthy UDP socket answers now and then. ECONNREFUSED: the peer's host said that nobody listens there.
inline bool isSoft(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNREFUSED;
}

// What a kernel answers when it cannot cut a message up on this route: EMSGSIZE when a datagram is longer than the MTU,
// the others for want of checksum offload, for IPsec and the like.
inline bool isRefusal(int error) {
  return error == EMSGSIZE || error == EINVAL || error == EIO || error == EOPNOTSUPP;
}

// The sockets of one transport, by the number of their endpoints, and the packet memory they receive into. Used on one
// thread.
class SocketSet {
 public:
  Ipv6Table* const ipv6;

  SocketSet(RegionTable* regions, uint8_t* slots, int32_t slotLength, int32_t burst, Incoming* incoming, Statistics* statistics,
            bool isCoalescing, Ipv6Table* ipv6)
      : ipv6(ipv6), regions_(regions), burst_(burst), slotLength_(slotLength), isCoalescing_(isCoalescing), incoming_(incoming),
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
      uint8_t* bytes = regions_->at(datagram.handle, datagram.offset, datagram.length);
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

  RegionTable* const regions_;
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

}  // namespace aeron_bypass
