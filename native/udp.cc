// Kernel UDP sockets: the sockets of one transport as a set, a burst a call. Knows nothing of what the bytes mean.
#include "addon.h"
#include "hot_function.h"
#include "udp_open.h"
#include "udp_socket_set.h"

#include <memory>
#include <vector>

namespace aeron_bypass {
namespace {

RegionTable* regionTable = nullptr;

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
  socketSets.push_back(std::make_unique<SocketSet>(regionTable, slots, slotLength, burst, reinterpret_cast<Incoming*>(incoming),
                                                   reinterpret_cast<Statistics*>(statistics),
                                                   args[5]->IsTrue(), reinterpret_cast<Ipv6Table*>(ipv6)));
  args.GetReturnValue().Set(static_cast<int32_t>(socketSets.size()) - 1);
}

// destroySet(set): closes its sockets.
void destroySet(const Arguments& args) {
  if (socketsAt(int32At(args, 0)) != nullptr) socketSets[static_cast<size_t>(int32At(args, 0))].reset();
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
