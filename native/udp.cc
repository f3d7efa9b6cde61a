// Kernel UDP sockets: the sockets of one transport as a set, a burst a call. Knows nothing of what the bytes mean.
#include "addon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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

// Up to this many sockets are asked for datagrams one by one; of more, epoll says which to ask. Asking in vain costs
// 0.4 us, epoll_wait 0.16 us and some work at each arrival: round trips are 1 us shorter without epoll at two sockets
// and as long at five (x86-64, Linux 6.18). The official driver draws the line at five, too.
constexpr size_t kSocketsWithoutEpoll = 5;

// Sockets that epoll names at a time. Each then has its share of the burst, so that none waits for ever.
constexpr int kReadyMax = 8;

struct Socket {
  int32_t fd;
  int32_t endpoint;  // What JavaScript calls it by.
};

// The words of a datagram to send: DatagramBurst.
struct Outgoing {
  int32_t handle;
  uint32_t offset;
  uint32_t length;
};

// The words of a datagram received, as KernelTransport reads them. Address and port in host order.
struct Incoming {
  int32_t endpoint;
  int32_t offset;
  int32_t length;
  int32_t address;
  int32_t port;
};

// As TransportStatistics reads them.
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
};

// What a healthy UDP socket answers now and then. ECONNREFUSED: the peer's host said that nobody listens there.
bool isSoft(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNREFUSED;
}

sockaddr_in socketAddress(int32_t address, int32_t port) {
  sockaddr_in result = {};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<uint16_t>(port));
  result.sin_addr.s_addr = htonl(static_cast<uint32_t>(address));
  return result;
}

// The sockets of one transport and the packet memory they receive into. Used on one thread.
class SocketSet {
 public:
  SocketSet(uint8_t* slots, int32_t slotLength, int32_t burst, Incoming* incoming, Statistics* statistics)
      : burst_(burst), slotLength_(slotLength), incoming_(incoming), statistics_(statistics) {
    for (int i = 0; i < burst; i++) {
      buffers_[i] = {slots + static_cast<size_t>(i) * slotLength, static_cast<size_t>(slotLength)};
      messages_[i].msg_hdr.msg_iov = &buffers_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = &sources_[i];
      messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
  }

  ~SocketSet() {
    for (const Socket& socket : sockets_) close(socket.fd);
    if (epoll_ >= 0) close(epoll_);
  }

  // Takes the socket over. Returns errno, or 0.
  int add(Socket socket) {
    sockets_.push_back(socket);
    int error = 0;
    if (epoll_ >= 0) {
      error = watch(socket);
    } else if (sockets_.size() > kSocketsWithoutEpoll) {
      epoll_ = epoll_create1(EPOLL_CLOEXEC);
      if (epoll_ < 0) error = errno;
      for (size_t i = 0; error == 0 && i < sockets_.size(); i++) error = watch(sockets_[i]);
    }
    if (error != 0) remove(socket.fd);
    return error;
  }

  void remove(int fd) {
    const auto found = std::find_if(sockets_.begin(), sockets_.end(), [fd](const Socket& s) { return s.fd == fd; });
    if (found == sockets_.end()) return;
    sockets_.erase(found);
    // Closing alone would not do while a process being spawned still holds a copy of the descriptor.
    if (epoll_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    close(fd);
    if (epoll_ >= 0 && sockets_.size() <= kSocketsWithoutEpoll) {
      close(epoll_);
      epoll_ = -1;
    }
  }

  // Returns the number of datagrams now described in the incoming table.
  int receive() {
    int received = 0;
    if (epoll_ < 0) {
      const size_t count = sockets_.size();
      if (++first_ >= count) first_ = 0;  // Every busy socket has the whole burst in its turn.
      for (size_t i = 0; i < count; i++) {
        received += receiveFrom(sockets_[(first_ + i) % count], received, burst_ - received);
      }
      return received;
    }
    epoll_event events[kReadyMax];
    const int ready = epoll_wait(epoll_, events, std::min(kReadyMax, burst_), 0);
    for (int i = 0; i < ready; i++) {
      Socket socket;
      memcpy(&socket, &events[i].data, sizeof(socket));
      received += receiveFrom(socket, received, burst_ / ready);
    }
    return received;
  }

  int send(int fd, const Outgoing* outgoing, int count, int32_t address, int32_t port) {
    mmsghdr messages[kBurst];
    iovec buffers[kBurst];
    sockaddr_in destination = socketAddress(address, port);
    int valid = 0;
    for (; valid < count; valid++) {
      const Outgoing& datagram = outgoing[valid];
      uint8_t* bytes = regionTable->at(datagram.handle, datagram.offset, datagram.length);
      if (bytes == nullptr) break;
      buffers[valid] = {bytes, datagram.length};
      msghdr& header = messages[valid].msg_hdr;
      header = {};
      header.msg_iov = &buffers[valid];
      header.msg_iovlen = 1;
      if (port != 0) {
        header.msg_name = &destination;
        header.msg_namelen = sizeof(destination);
      }
    }

    int accepted = 0;
    if (valid > 0) {
      const int result = sendmmsg(fd, messages, static_cast<unsigned>(valid), 0);
      if (result < 0) {
        if (!isSoft(errno)) {
          statistics_->sendErrors++;
          statistics_->lastErrno = errno;
        }
      } else {
        accepted = result;
        statistics_->datagramsSent += accepted;
        for (int i = 0; i < accepted; i++) statistics_->bytesSent += messages[i].msg_len;
      }
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
  int watch(Socket socket) {
    epoll_event event = {};
    event.events = EPOLLIN;
    static_assert(sizeof(socket) == sizeof(event.data));
    memcpy(&event.data, &socket, sizeof(socket));
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd, &event) == 0 ? 0 : errno;
  }

  // Receives up to `limit` datagrams into the slots from `first` on. Returns how many.
  int receiveFrom(Socket socket, int first, int limit) {
    if (limit == 0) return 0;
    const int count = recvmmsg(socket.fd, messages_ + first, static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
    if (count < 0) {
      if (!isSoft(errno)) {
        statistics_->receiveErrors++;
        statistics_->lastErrno = errno;
      }
      return 0;
    }
    double bytes = 0;
    for (int i = first; i < first + count; i++) {
      incoming_[i] = {socket.endpoint, i * slotLength_, static_cast<int32_t>(messages_[i].msg_len),
                      static_cast<int32_t>(ntohl(sources_[i].sin_addr.s_addr)), ntohs(sources_[i].sin_port)};
      bytes += messages_[i].msg_len;
    }
    statistics_->datagramsReceived += count;
    statistics_->bytesReceived += bytes;
    return count;
  }

  const int burst_;
  const int32_t slotLength_;
  Incoming* const incoming_;
  Statistics* const statistics_;
  std::vector<Socket> sockets_;
  size_t first_ = 0;  // The socket that was asked first.
  int epoll_ = -1;
  mmsghdr messages_[kBurst] = {};
  iovec buffers_[kBurst];
  sockaddr_in sources_[kBurst];
};

// The sets of this isolate: an isolate keeps to its thread. An index stays taken when its set is gone.
thread_local std::vector<std::unique_ptr<SocketSet>> socketSets;

SocketSet* socketsAt(const Arguments& args, int index) {
  const auto set = static_cast<size_t>(int32At(args, index));
  return set < socketSets.size() ? socketSets[set].get() : nullptr;
}

// attach(regionTable): the table of the shm addon, before anything else.
void attach(const Arguments& args) { regionTable = tableAt(args, 0); }

// createSet(slotsHandle, slotLength, burst, incomingHandle, statisticsHandle) → set, or -1 when a region is too small.
// The regions must outlive the set.
void createSet(const Arguments& args) {
  const int32_t slotLength = int32At(args, 1);
  const int32_t burst = int32At(args, 2);
  args.GetReturnValue().Set(-1);
  if (burst < 1 || burst > kBurst || slotLength < 1) return;
  uint8_t* slots = regionTable->at(int32At(args, 0), 0, static_cast<uint32_t>(slotLength) * burst);
  uint8_t* incoming = regionTable->at(int32At(args, 3), 0, sizeof(Incoming) * burst);
  uint8_t* statistics = regionTable->at(int32At(args, 4), 0, sizeof(Statistics));
  if (slots == nullptr || incoming == nullptr || statistics == nullptr) return;
  socketSets.push_back(std::make_unique<SocketSet>(slots, slotLength, burst, reinterpret_cast<Incoming*>(incoming),
                                                   reinterpret_cast<Statistics*>(statistics)));
  args.GetReturnValue().Set(static_cast<int32_t>(socketSets.size()) - 1);
}

// destroySet(set): closes its sockets.
void destroySet(const Arguments& args) {
  if (socketsAt(args, 0) != nullptr) socketSets[static_cast<size_t>(int32At(args, 0))].reset();
}

int setOption(int fd, int option, int32_t value) {
  return value == 0 ? 0 : setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value));
}

int32_t getOption(int fd, int option) {
  int32_t value = 0;
  socklen_t length = sizeof(value);
  return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : 0;
}

// Makes fd what the arguments of open() say. Returns the name of the step that failed, errno saying why, or nullptr.
const char* prepare(int fd, const Arguments& args) {
  const sockaddr_in local = socketAddress(int32At(args, 2), int32At(args, 3));
  const sockaddr_in remote = socketAddress(int32At(args, 4), int32At(args, 5));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) return "bind";
  if (remote.sin_port != 0 && connect(fd, reinterpret_cast<const sockaddr*>(&remote), sizeof(remote)) != 0)
    return "connect";
  if (setOption(fd, SO_RCVBUF, int32At(args, 6)) != 0) return "setsockopt SO_RCVBUF";
  if (setOption(fd, SO_SNDBUF, int32At(args, 7)) != 0) return "setsockopt SO_SNDBUF";
  return nullptr;
}

// open(set, endpoint, localAddress, localPort, remoteAddress, remotePort, receiveBufferLength, sendBufferLength)
// → { fd, localAddress, localPort, receiveBufferLength, sendBufferLength }, the latter four as the kernel has them.
// Remote port 0 leaves the socket unconnected. Throws the failed step's error; its message is "<step>: <strerror>".
void open(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  SocketSet* sockets = socketsAt(args, 0);
  if (sockets == nullptr) return throwError(isolate, "EBADF", "the transport is closed");
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throwErrno(isolate, errno, "socket");
  const char* failed = prepare(fd, args);
  sockaddr_in local = {};
  socklen_t length = sizeof(local);
  if (failed == nullptr && getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) failed = "getsockname";
  if (failed != nullptr) {
    const int error = errno;
    close(fd);
    return throwErrno(isolate, error, failed);
  }
  const int error = sockets->add({fd, int32At(args, 1)});
  if (error != 0) return throwErrno(isolate, error, "epoll");

  v8::Local<v8::Object> result = v8::Object::New(isolate);
  const auto put = [&](const char* name, int32_t value) { set(isolate, result, name, v8::Integer::New(isolate, value)); };
  put("fd", fd);
  put("localAddress", static_cast<int32_t>(ntohl(local.sin_addr.s_addr)));
  put("localPort", ntohs(local.sin_port));
  put("receiveBufferLength", getOption(fd, SO_RCVBUF));
  put("sendBufferLength", getOption(fd, SO_SNDBUF));
  args.GetReturnValue().Set(result);
}

// reconnect(fd, remoteAddress, remotePort)
void reconnect(const Arguments& args) {
  const sockaddr_in remote = socketAddress(int32At(args, 1), int32At(args, 2));
  if (connect(int32At(args, 0), reinterpret_cast<const sockaddr*>(&remote), sizeof(remote)) != 0)
    throwErrno(args.GetIsolate(), errno, "connect");
}

// close(set, fd)
void closeSocket(const Arguments& args) {
  SocketSet* sockets = socketsAt(args, 0);
  if (sockets != nullptr) sockets->remove(int32At(args, 1));
}

// receive(set) → datagrams received, at most the set's burst, each described in the incoming table.
void receive(const Arguments& args) {
  SocketSet* sockets = socketsAt(args, 0);
  args.GetReturnValue().Set(sockets == nullptr ? 0 : sockets->receive());
}

// send(set, fd, outgoingHandle, count, address, port) → datagrams accepted, in order from the first.
// Port 0: to where the socket is connected.
void send(const Arguments& args) {
  SocketSet* sockets = socketsAt(args, 0);
  const int count = std::clamp(int32At(args, 3), 0, kBurst);
  const uint8_t* outgoing = regionTable->at(int32At(args, 2), 0, sizeof(Outgoing) * count);
  args.GetReturnValue().Set(0);
  if (sockets == nullptr || outgoing == nullptr || count == 0) return;
  args.GetReturnValue().Set(sockets->send(int32At(args, 1), reinterpret_cast<const Outgoing*>(outgoing), count,
                                          int32At(args, 4), int32At(args, 5)));
}

void initialise(v8::Local<v8::Object> exports) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  function(isolate, exports, "attach", attach);
  function(isolate, exports, "createSet", createSet);
  function(isolate, exports, "destroySet", destroySet);
  function(isolate, exports, "open", open);
  function(isolate, exports, "reconnect", reconnect);
  function(isolate, exports, "close", closeSocket);
  function(isolate, exports, "receive", receive);
  function(isolate, exports, "send", send);
  // A worker that is terminated closes nothing itself; its ports must come free all the same.
  node::AddEnvironmentCleanupHook(isolate, [](void*) { socketSets.clear(); }, nullptr);
}

}  // namespace
}  // namespace aeron_bypass

NODE_MODULE_INIT() { aeron_bypass::initialise(exports); }
