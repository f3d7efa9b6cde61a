// Ports of DPDK: bursts of frames in, bursts of frames out. Moves bytes, sums them up and calls DPDK; parses no packet.
//
// The environment abstraction layer (EAL) exists once per process. A queue pair of a port belongs to the isolate that
// opened it and is used on that isolate's thread only. Packet pools, tables and handles live as long as the process, so a
// stale view in JavaScript never reaches freed memory.
#include "addon.h"
#include "hot_function.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>
#include <rte_version.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace aeron_bypass {
namespace {

constexpr int32_t kBurst = 64;             // Frames a call moves at most; device/device.ts knows the same number.
constexpr int32_t kFirstLook = 8;          // Frames asked for at least; vector drivers take no fewer.
constexpr uint32_t kHeaderLength = 42;     // Ethernet, IPv4 and UDP headers, which JavaScript writes.
constexpr uint32_t kIpStart = 14;          // Behind the Ethernet header.
constexpr uint32_t kIpHeaderLength = 20;   // Without options.
constexpr uint32_t kChecksumStart = 34;    // First byte the UDP checksum covers.
constexpr uint32_t kChecksumOffset = 40;   // Where the UDP checksum lies.
constexpr uint32_t kFrameMinLength = 60;   // Ethernet's minimum, without the frame check sequence.
constexpr uint32_t kPoolCache = 256;
constexpr int32_t kQueuesMax = 16;         // Queue pairs of a port; driver/settings.ts knows the same number.
constexpr uint32_t kFrameOverhead = 22;    // Ethernet header, one VLAN tag, frame check sequence.
constexpr uint16_t kTxDataOffset = 150;    // 150 + 42 = 192: payloads start with a cache line.
static_assert(kTxDataOffset >= RTE_PKTMBUF_HEADROOM);
constexpr int32_t kLongBurst = 4;           // Frames from which on a burst is worth copyPastCaches().

// Words of the descriptor tables, shared with JavaScript as Int32Arrays.
struct RxWords {
  int32_t offset;  // Of the frame, in the packet pool.
  int32_t length;
  int32_t flags;
  int32_t sum;     // Internet checksum sum of the bytes from kChecksumStart on, when flags has kSummed.
};
enum RxFlag : int32_t { kIpGood = 1, kIpBad = 2, kUdpGood = 4, kUdpBad = 8, kSummed = 16 };

struct TxWords {
  int32_t frame;   // Where JavaScript writes the headers, in the packet pool.
  int32_t handle;  // The payload: region handle, offset, length. Length 0 needs no region.
  uint32_t offset;
  uint32_t length;
  int32_t flags;
};
enum TxFlag : int32_t { kUdpChecksum = 1 };

enum Statistic {
  kRxFrames, kRxBytes, kTxFrames, kTxBytes, kRxMissed, kRxErrors, kTxErrors, kRxNoBuffers, kRxUnsupported, kTxInvalid,
  kPoolAvailable, kStatisticCount
};

// What one thread has of a port: a queue pair, and the packet memory for it.
struct Port {
  uint16_t id = 0;
  uint16_t queue = 0;
  bool open = false;
  bool sumRx = false;           // The port does not verify UDP checksums: hand their sums over.
  bool offloadTx = false;       // The port fills UDP checksums in.
  bool lendsBuffers = false;    // Another processor reads frames from our buffers: a wire in shared memory.
  rte_mempool* pool = nullptr;
  uint8_t* base = nullptr;      // JavaScript's offset 0.
  size_t poolLength = 0;
  int32_t poolHandle = 0;
  uint32_t dataRoom = 0;        // Of one buffer, without headroom.
  int32_t rxCount = 0;
  int32_t slotCount = 0;
  int32_t backlogCount = 0;
  double rxUnsupported = 0;
  double txInvalid = 0;
  std::vector<uint32_t> groups;  // IPv4 multicast groups of its owner.
  rte_mbuf* rx[kBurst];
  rte_mbuf* slots[kBurst];      // Stock for the next transmit, headers written by JavaScript.
  rte_mbuf* backlog[kBurst];    // Complete frames the ring did not take yet.
  RxWords rxWords[kBurst];
  TxWords txWords[kBurst];
  double statistics[kStatisticCount];
};

std::mutex mutex;               // Guards everything cold below.
RegionTable* regionTable = nullptr;
enum class EalState { kNone, kReady, kFailed };
EalState ealState = EalState::kNone;
std::string ealArguments;       // As the user gave them.
Port* ports[RTE_MAX_ETHPORTS * kQueuesMax] = {};           // A port's queues are neighbours.
uint16_t queueCounts[RTE_MAX_ETHPORTS] = {};              // Of a started port; 0 when it is stopped.
std::atomic<int32_t> linkStates[RTE_MAX_ETHPORTS] = {};   // What the owner of queue 0 saw last.

// ---- log: the last few KiB that EAL and drivers said, shown only when something fails.

std::mutex logMutex;
std::string logText;
constexpr size_t kLogLength = 8192;

ssize_t writeLog(void*, const char* text, size_t length) {
  std::lock_guard<std::mutex> lock(logMutex);
  logText.append(text, length);
  if (logText.size() > kLogLength) logText.erase(0, logText.size() - kLogLength);
  return static_cast<ssize_t>(length);
}

std::string takeLog() {
  std::lock_guard<std::mutex> lock(logMutex);
  std::string text;
  text.swap(logText);
  return text;
}

void captureLog() {
  cookie_io_functions_t functions = {nullptr, writeLog, nullptr, nullptr};
  FILE* stream = fopencookie(nullptr, "w", functions);
  if (stream == nullptr) return;
  setvbuf(stream, nullptr, _IOLBF, 512);
  rte_openlog_stream(stream);
}

std::string errnoText(int error) { return std::string(rte_strerror(error < 0 ? -error : error)); }

void fail(v8::Isolate* isolate, const char* code, const std::string& what) {
  const std::string log = takeLog();
  throwError(isolate, code, log.empty() ? what : what + "\n" + log);
}

// ---- EAL

// A thread that did not initialise EAL gets an lcore id of its own, so the pool's per-core cache serves it.
struct ThreadRegistration {
  bool registered = false;
  void ensure() {
    if (rte_lcore_id() == LCORE_ID_ANY) registered = rte_thread_register() == 0 || registered;
  }
  ~ThreadRegistration() {
    if (registered) rte_thread_unregister();
  }
};
thread_local ThreadRegistration threadRegistration;

void closeDevices() {
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; id++) {
    if (ports[id * kQueuesMax] != nullptr && rte_eth_dev_is_valid_port(id)) rte_eth_dev_close(id);
  }
}

// Bounds the wait of a virtual port that listens on a Unix socket and blocks until its peer connects: when time is up,
// connects and hangs up, so that the port gives up.
class PeerWait {
 public:
  PeerWait(const std::string& path, int32_t timeoutMs) {
    if (path.empty()) return;
    thread_ = std::thread([this, path, timeoutMs] {
      std::unique_lock<std::mutex> lock(mutex_);
      if (done_.wait_for(lock, std::chrono::milliseconds(timeoutMs), [this] { return over_; })) return;
      sockaddr_un address = {};
      address.sun_family = AF_UNIX;
      path.copy(address.sun_path, sizeof(address.sun_path) - 1);
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      close(fd);
    });
  }

  ~PeerWait() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;
};

// initialise(arguments, given, listeningSocket, waitMs): throws DPDK_INIT with what EAL said. The calling thread becomes
// the main lcore. `given` is the arguments as the user gave them: a second call with the same does nothing but register
// the calling thread. A port that listens on the socket, "" for none, waits so long for its peer.
void initialise(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Array> list = args[0].As<v8::Array>();
  static std::vector<std::string> texts;  // EAL keeps pointers into its arguments.
  std::vector<std::string> wanted = {"aeron-bypass"};
  for (uint32_t i = 0; i < list->Length(); i++) {
    v8::String::Utf8Value text(isolate, list->Get(context, i).ToLocalChecked());
    wanted.emplace_back(*text, text.length());
  }
  const std::string given = stringAt(args, 1);

  std::lock_guard<std::mutex> lock(mutex);
  if (ealState == EalState::kReady) {
    if (ealArguments != given) {
      return throwError(isolate, "DPDK_ALREADY_INITIALISED",
                        "DPDK can be initialised once per process, and was with \"" + ealArguments + "\"");
    }
    return threadRegistration.ensure();
  }
  if (ealState == EalState::kFailed) {
    return throwError(isolate, "DPDK_INIT", "an earlier initialisation failed, and EAL has one try per process");
  }
  texts = wanted;
  static std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  captureLog();
  const PeerWait wait(stringAt(args, 2), int32At(args, 3));
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    ealState = EalState::kFailed;
    return fail(isolate, "DPDK_INIT", "rte_eal_init: " + errnoText(rte_errno));
  }
  ealState = EalState::kReady;
  ealArguments = given;
  atexit(closeDevices);
}

// ---- port

struct Range {
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
};

// One buffer pool a queue pair, made at its first opening and kept. Returns what failed, or "".
std::string ensurePool(Port& port, uint32_t mtu, uint32_t bufferCount) {
  // Some cards receive in units of 1 KiB.
  const uint32_t dataRoom =
      RTE_MAX(2048u, RTE_ALIGN(mtu + kFrameOverhead + kTxDataOffset - RTE_PKTMBUF_HEADROOM, 1024u));
  if (port.pool != nullptr) {
    if (dataRoom <= port.dataRoom && bufferCount <= port.pool->size) return "";
    return "the port was opened before in this process with a smaller MTU or smaller rings; restart the process";
  }
  char name[RTE_MEMPOOL_NAMESIZE];
  snprintf(name, sizeof(name), "aeron-bypass-%u-%u", port.id, port.queue);
  const int socket = rte_eth_dev_socket_id(port.id);
  rte_mempool* pool = rte_pktmbuf_pool_create(name, bufferCount, kPoolCache, 0,
                                              static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + dataRoom), socket);
  if (pool == nullptr) {
    return "no memory for " + std::to_string(bufferCount) + " packet buffers of " + std::to_string(dataRoom) +
           " bytes: " + errnoText(rte_errno);
  }
  Range range;
  rte_mempool_mem_iter(
      pool,
      [](rte_mempool*, void* argument, rte_mempool_memhdr* chunk, unsigned) {
        Range* all = static_cast<Range*>(argument);
        const uintptr_t start = reinterpret_cast<uintptr_t>(chunk->addr);
        all->start = RTE_MIN(all->start, start);
        all->end = RTE_MAX(all->end, start + chunk->len);
      },
      &range);
  if (range.end - range.start > INT32_MAX) {
    rte_mempool_free(pool);
    return "the packet buffers are spread over more than 2 GiB of addresses; use fewer, or --iova-mode=va";
  }
  port.base = reinterpret_cast<uint8_t*>(range.start);
  port.poolLength = range.end - range.start;
  port.poolHandle = regionTable->add({port.base, port.poolLength, nullptr, false});
  if (port.poolHandle < 0) {
    rte_mempool_free(pool);
    return "every region handle is in use";
  }
  port.pool = pool;
  port.dataRoom = dataRoom;
  return "";
}

// Puts fresh buffers into slots [0, count). Returns false when the pool has none left.
bool refill(Port& port, int32_t count) {
  if (count == 0) return true;
  if (rte_pktmbuf_alloc_bulk(port.pool, port.slots, static_cast<unsigned>(count)) != 0) return false;
  for (int32_t i = 0; i < count; i++) {
    rte_mbuf* mbuf = port.slots[i];
    mbuf->data_off = kTxDataOffset;
    port.txWords[i].frame = static_cast<int32_t>(rte_pktmbuf_mtod(mbuf, uint8_t*) - port.base);
  }
  return true;
}

void freeBuffers(Port& port) {
  rte_pktmbuf_free_bulk(port.rx, static_cast<unsigned>(port.rxCount));
  rte_pktmbuf_free_bulk(port.slots, static_cast<unsigned>(port.slotCount));
  rte_pktmbuf_free_bulk(port.backlog, static_cast<unsigned>(port.backlogCount));
  port.rxCount = port.slotCount = port.backlogCount = 0;
}

bool isAnyOpen(uint16_t id) {
  for (int32_t i = 0; i < kQueuesMax; i++) {
    const Port* port = ports[id * kQueuesMax + i];
    if (port != nullptr && port->open) return true;
  }
  return false;
}

// Gives a queue pair back; whoever has the last one stops the port. The caller has the mutex.
void stop(Port& port) {
  if (!port.open) return;
  port.open = false;
  port.groups.clear();
  if (!isAnyOpen(port.id)) {
    rte_eth_dev_stop(port.id);
    queueCounts[port.id] = 0;
  }
  freeBuffers(port);
}

void stopAtExit(void* argument) {
  std::lock_guard<std::mutex> lock(mutex);
  stop(*static_cast<Port*>(argument));
}

// Configures and starts the port with `queues` queue pairs. Returns the call that failed with its reason, or "".
// rxSize and txSize come back as the port's limits allow.
std::string start(uint16_t id, uint16_t queues, uint16_t mtu, uint16_t& rxSize, uint16_t& txSize, bool offload,
                  rte_eth_dev_info& info) {
  int error = rte_eth_dev_info_get(id, &info);
  if (error != 0) return "rte_eth_dev_info_get: " + errnoText(error);
  if (queues > info.max_rx_queues || queues > info.max_tx_queues) {
    return std::to_string(queues) + " queue pairs are wanted, one for each network agent, and the port has " +
           std::to_string(info.max_rx_queues) + " receive and " + std::to_string(info.max_tx_queues) +
           " transmit queues (virtual devices are given them with queues=" + std::to_string(queues) + ")";
  }
  uint16_t wantedMtu = mtu;
  if (wantedMtu == 0 && rte_eth_dev_get_mtu(id, &wantedMtu) != 0) wantedMtu = RTE_ETHER_MTU;
  const uint16_t mtuMin = RTE_MAX(info.min_mtu, static_cast<uint16_t>(RTE_ETHER_MIN_MTU));
  if (wantedMtu < mtuMin || wantedMtu > info.max_mtu) {
    return "MTU " + std::to_string(wantedMtu) + " is outside the port's " + std::to_string(mtuMin) + " to " +
           std::to_string(info.max_mtu);
  }

  constexpr uint64_t rxChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  constexpr uint64_t txChecksum = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  rte_eth_conf conf = {};
  conf.rxmode.mtu = wantedMtu;
  if (offload) {
    conf.rxmode.offloads = info.rx_offload_capa & rxChecksums;
    conf.txmode.offloads = info.tx_offload_capa & txChecksum;
    // The UDP checksum alone cannot be asked of some cards: they insert both or none.
    if (conf.txmode.offloads != 0) conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  }
  conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  if (queues > 1) {
    const uint64_t hashes = info.flow_type_rss_offloads & (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP);
    if (hashes != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = hashes;
  }

  if ((error = rte_eth_dev_configure(id, queues, queues, &conf)) != 0) {
    return "rte_eth_dev_configure: " + errnoText(error);
  }
  error = rte_eth_dev_set_mtu(id, wantedMtu);
  if (error != 0 && error != -ENOTSUP) return "rte_eth_dev_set_mtu: " + errnoText(error);
  if ((error = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rxSize, &txSize)) != 0) {
    return "rte_eth_dev_adjust_nb_rx_tx_desc: " + errnoText(error);
  }
  const unsigned socket = static_cast<unsigned>(rte_eth_dev_socket_id(id));
  rte_eth_rxconf rxConf = info.default_rxconf;
  rxConf.offloads = conf.rxmode.offloads;
  rte_eth_txconf txConf = info.default_txconf;
  txConf.offloads = conf.txmode.offloads;
  for (uint16_t queue = 0; queue < queues; queue++) {
    Port*& slot = ports[id * kQueuesMax + queue];
    if (slot == nullptr) slot = new Port();
    Port& port = *slot;
    port.id = id;
    port.queue = queue;
    port.sumRx = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) == 0;
    port.offloadTx = (conf.txmode.offloads & txChecksum) != 0;
    port.lendsBuffers = info.driver_name != nullptr && strcmp(info.driver_name, "net_virtio_user") == 0;
    // The caches of two threads: of the queue's owner, and of this one, which fills all rings.
    const std::string poolError = ensurePool(port, wantedMtu, rxSize + txSize + 4 * kBurst + 4 * kPoolCache);
    if (!poolError.empty()) return poolError;
    error = rte_eth_rx_queue_setup(id, queue, rxSize, socket, &rxConf, port.pool);
    if (error != 0) return "rte_eth_rx_queue_setup: " + errnoText(error);
    error = rte_eth_tx_queue_setup(id, queue, txSize, socket, &txConf);
    if (error != 0) return "rte_eth_tx_queue_setup: " + errnoText(error);
  }
  rte_eth_promiscuous_disable(id);  // Refused by ports that know nothing else, which is as well.
  if ((error = rte_eth_dev_start(id)) != 0) return "rte_eth_dev_start: " + errnoText(error);
  queueCounts[id] = queues;
  return "";
}

// openPort(id, mtu, rxSize, txSize, offload, queue, queues) → { handle, mac, mtu, driverName, rxRingLength, txRingLength,
// checksum offloads, pool, poolHandle, rx, tx, statistics }. mtu 0 keeps the port's own. Whoever opens queue 0 starts the
// port; the owners of the others come after it. The other functions take the handle. Throws DPDK_NO_PORT, DPDK_PORT_BUSY
// or DPDK_PORT.
void openPort(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  std::lock_guard<std::mutex> lock(mutex);
  const int32_t wantedId = int32At(args, 0);
  if (wantedId < 0 || wantedId >= RTE_MAX_ETHPORTS || !rte_eth_dev_is_valid_port(static_cast<uint16_t>(wantedId))) {
    return fail(isolate, "DPDK_NO_PORT",
                "port " + std::to_string(wantedId) + " does not exist; ports: " +
                    std::to_string(rte_eth_dev_count_avail()));
  }
  const uint16_t id = static_cast<uint16_t>(wantedId);
  const uint16_t queue = static_cast<uint16_t>(int32At(args, 5));
  const uint16_t queues = static_cast<uint16_t>(RTE_MIN(int32At(args, 6), kQueuesMax));
  const int32_t handle = id * kQueuesMax + queue;
  if (queue == 0 ? isAnyOpen(id) : queue < queueCounts[id] && ports[handle]->open) {
    return throwError(isolate, "DPDK_PORT_BUSY",
                      "port " + std::to_string(id) + " is open already" +
                          (queue == 0 ? "" : ", and so is its queue " + std::to_string(queue)));
  }
  rte_eth_dev_info info = {};
  uint16_t rxSize = static_cast<uint16_t>(int32At(args, 2));
  uint16_t txSize = static_cast<uint16_t>(int32At(args, 3));
  std::string error;
  if (queue == 0) {
    error = start(id, queues, static_cast<uint16_t>(int32At(args, 1)), rxSize, txSize, args[4]->IsTrue(), info);
  } else if (queue >= queueCounts[id]) {
    error = "queue " + std::to_string(queue) + " is wanted before queue 0 was opened with " + std::to_string(queues) +
            " queues";
  } else {
    rte_eth_dev_info_get(id, &info);
    rte_eth_dev_adjust_nb_rx_tx_desc(id, &rxSize, &txSize);
  }
  if (error.empty() && !refill(*ports[handle], kBurst)) {
    if (queue == 0) {
      rte_eth_dev_stop(id);
      queueCounts[id] = 0;
    }
    error = "the packet pool is empty";
  }
  if (!error.empty()) {
    const std::string driver = info.driver_name == nullptr ? "unknown driver" : info.driver_name;
    return fail(isolate, "DPDK_PORT", "port " + std::to_string(id) + " (" + driver + "): " + error);
  }
  takeLog();
  Port& port = *ports[handle];
  port.slotCount = kBurst;
  port.open = true;
  node::AddEnvironmentCleanupHook(isolate, stopAtExit, &port);

  rte_ether_addr mac = {};
  rte_eth_macaddr_get(id, &mac);
  uint16_t mtu = RTE_ETHER_MTU;
  rte_eth_dev_get_mtu(id, &mtu);
  v8::Local<v8::Array> octets = v8::Array::New(isolate, 6);
  for (uint32_t i = 0; i < 6; i++) {
    octets->Set(isolate->GetCurrentContext(), i, v8::Integer::New(isolate, mac.addr_bytes[i])).Check();
  }
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  set(isolate, result, "handle", v8::Integer::New(isolate, handle));
  set(isolate, result, "mac", octets);
  set(isolate, result, "mtu", v8::Integer::New(isolate, mtu));
  set(isolate, result, "driverName", toV8(isolate, info.driver_name));
  set(isolate, result, "rxRingLength", v8::Integer::New(isolate, rxSize));
  set(isolate, result, "txRingLength", v8::Integer::New(isolate, txSize));
  set(isolate, result, "rxChecksumOffload", v8::Boolean::New(isolate, !port.sumRx));
  set(isolate, result, "txChecksumOffload", v8::Boolean::New(isolate, port.offloadTx));
  set(isolate, result, "pool", share(isolate, port.base, port.poolLength));
  set(isolate, result, "poolHandle", v8::Integer::New(isolate, port.poolHandle));
  set(isolate, result, "rx", share(isolate, port.rxWords, sizeof(port.rxWords)));
  set(isolate, result, "tx", share(isolate, port.txWords, sizeof(port.txWords)));
  set(isolate, result, "statistics", share(isolate, port.statistics, sizeof(port.statistics)));
  args.GetReturnValue().Set(result);
}

Port* openPortAt(int32_t handle) {
  if (static_cast<uint32_t>(handle) >= RTE_MAX_ETHPORTS * kQueuesMax) return nullptr;
  Port* port = ports[handle];
  return port == nullptr || !port->open ? nullptr : port;
}

// closePort(handle): stops the port when its other queues are closed. It may be opened again; its EAL device lives as long
// as the process.
void closePort(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Port* port = openPortAt(int32At(args, 0));
  if (port == nullptr) return;
  node::RemoveEnvironmentCleanupHook(args.GetIsolate(), stopAtExit, port);
  stop(*port);
}

// ---- bursts

// The one's complement sum of RFC 1071 over `length` bytes, in network byte order, folded to 16 bits.
uint32_t sumOf(const uint8_t* bytes, uint32_t length) {
  uint64_t sum = 0;
  uint32_t i = 0;
  for (; i + 4 <= length; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, 4);
    sum += word;
  }
  if (i < length) {
    uint32_t word = 0;
    memcpy(&word, bytes + i, length - i);
    sum += word;
  }
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return rte_be_to_cpu_16(static_cast<uint16_t>(sum));
}

int32_t rxFlags(uint64_t flags) {
  // "None" means: not correct in the bytes, but known to be intact (a virtual port that never left the machine).
  const uint64_t ip = flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  const uint64_t udp = flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  int32_t result = 0;
  if (ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD || ip == RTE_MBUF_F_RX_IP_CKSUM_NONE) result |= kIpGood;
  if (ip == RTE_MBUF_F_RX_IP_CKSUM_BAD) result |= kIpBad;
  if (udp == RTE_MBUF_F_RX_L4_CKSUM_GOOD || udp == RTE_MBUF_F_RX_L4_CKSUM_NONE) result |= kUdpGood;
  if (udp == RTE_MBUF_F_RX_L4_CKSUM_BAD) result |= kUdpBad;
  return result;
}

// Whether what lies behind the Ethernet header would be right as an IPv4 header without options; whether it is one is for
// JavaScript to see. For ports that do not say: JavaScript would take 14 ns to sum it up.
bool isIpv4HeaderRight(const uint8_t* frame, uint32_t length) {
  return length >= kIpStart + kIpHeaderLength && frame[kIpStart] == 0x45 &&
         sumOf(frame + kIpStart, kIpHeaderLength) == 0xffff;
}

// receive(handle) → frames in the RX table, 0 to kBurst. Gives back the buffers of the burst before.
int32_t receive(int32_t handle) {
  Port* port = openPortAt(handle);
  if (port == nullptr) return 0;
  if (port->rxCount > 0) rte_pktmbuf_free_bulk(port->rx, static_cast<unsigned>(port->rxCount));
  // net_vhost takes buffers for as many frames as are asked for and gives the rest back: so first no more than there are
  // likely to be.
  const int32_t look = RTE_MIN(kBurst, RTE_MAX(kFirstLook, 2 * port->rxCount));
  int32_t received = rte_eth_rx_burst(port->id, port->queue, port->rx, static_cast<uint16_t>(look));
  if (received == look && look < kBurst) {
    received += rte_eth_rx_burst(port->id, port->queue, port->rx + received, static_cast<uint16_t>(kBurst - received));
  }
  port->rxCount = received;
  for (int32_t i = 0; i < received; i++) rte_prefetch0(rte_pktmbuf_mtod(port->rx[i], void*));
  int32_t count = 0;
  for (int32_t i = 0; i < received; i++) {
    const rte_mbuf* mbuf = port->rx[i];
    // A frame in several buffers, or in another port's: nothing this driver asked for.
    if (mbuf->nb_segs != 1 || mbuf->pool != port->pool) {
      port->rxUnsupported++;
      continue;
    }
    const uint8_t* frame = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    RxWords& words = port->rxWords[count++];
    words.offset = static_cast<int32_t>(frame - port->base);
    words.length = mbuf->data_len;
    words.flags = rxFlags(mbuf->ol_flags);
    words.sum = 0;
    if ((words.flags & (kIpGood | kIpBad)) == 0 && isIpv4HeaderRight(frame, mbuf->data_len)) words.flags |= kIpGood;
    if (port->sumRx && mbuf->data_len >= kHeaderLength && (words.flags & kUdpGood) == 0) {
      words.sum = static_cast<int32_t>(sumOf(frame + kChecksumStart, mbuf->data_len - kChecksumStart));
      words.flags |= kSummed;
    }
  }
  return count;
}

// Asks for a buffer's cache lines, to be written. The port, or the process at the other end of a shared-memory wire, had
// them last, so without this every store of the copy waits for a line: the copy takes twice as long on such a wire.
void prefetchForWrite(const rte_mbuf* mbuf, uint32_t length) {
  const uint8_t* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  for (uint32_t i = 0; i < length; i += RTE_CACHE_LINE_SIZE) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(bytes[i]));  // The builtin means a prefetch for reading on this processor.
#else
    __builtin_prefetch(bytes + i, 1, 3);
#endif
  }
}

// Copies past the caches. When another processor has the lines of `to`, this takes a quarter of the time of a plain copy,
// which has to fetch each line first; the other one then reads them from memory. So it is for long bursts only, where
// the sender is the slower end, and ends with storeFence(). `to` starts with a cache line.
void copyPastCaches(uint8_t* to, const uint8_t* from, uint32_t length) {
#if defined(__x86_64__)
  uint32_t i = 0;
  for (; i + 64 <= length; i += 64) {
    for (uint32_t k = i; k < i + 64; k += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + k),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k)));
    }
  }
  memcpy(to + i, from + i, length - i);
#else
  memcpy(to, from, length);
#endif
}

void storeFence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// Completes the frame whose headers JavaScript wrote. Returns false when its payload is not to be had.
bool complete(const Port& port, rte_mbuf* mbuf, const TxWords& words, bool pastCaches) {
  uint8_t* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  uint32_t length = kHeaderLength + words.length;
  if (words.length > port.dataRoom || length > mbuf->buf_len - static_cast<uint32_t>(mbuf->data_off)) return false;
  if (words.length > 0) {
    const uint8_t* payload = regionTable->at(words.handle, words.offset, words.length);
    if (payload == nullptr) return false;
    if (pastCaches) {
      copyPastCaches(frame + kHeaderLength, payload, words.length);
    } else {
      memcpy(frame + kHeaderLength, payload, words.length);
    }
  }
  if (words.flags & kUdpChecksum) {
    if (port.offloadTx) {
      mbuf->l2_len = 14;
      mbuf->l3_len = 20;
      mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
    } else {
      const uint16_t sum = static_cast<uint16_t>(~sumOf(frame + kChecksumStart, length - kChecksumStart));
      const uint16_t checksum = rte_cpu_to_be_16(sum == 0 ? 0xffff : sum);  // Zero means: none.
      memcpy(frame + kChecksumOffset, &checksum, 2);
    }
  }
  if (length < kFrameMinLength) {
    memset(frame + length, 0, kFrameMinLength - length);
    length = kFrameMinLength;
  }
  mbuf->data_len = static_cast<uint16_t>(length);
  mbuf->pkt_len = length;
  return true;
}

// transmit(handle, count) → slots ready for the next call. Sends the backlog, then the frames of slots [0, count): the
// TX table names their payloads, flags ask for a UDP checksum whose field holds the pseudo-header's sum. What the ring
// does not take stays behind as backlog and takes up slots. count is at most what the call before returned.
int32_t transmit(int32_t handle, int32_t wanted) {
  Port* port = openPortAt(handle);
  if (port == nullptr) return 0;
  const int32_t count = RTE_MIN(wanted, RTE_MIN(port->slotCount, kBurst - port->backlogCount));
  const bool pastCaches = port->lendsBuffers && count >= kLongBurst;
  int32_t backlog = port->backlogCount;
  for (int32_t i = 0; i < count; i++) {
    if (i + 1 < count && !pastCaches) {
      prefetchForWrite(port->slots[i + 1], RTE_MIN(kHeaderLength + port->txWords[i + 1].length, port->dataRoom));
    }
    if (complete(*port, port->slots[i], port->txWords[i], pastCaches)) {
      port->backlog[backlog++] = port->slots[i];
    } else {
      rte_pktmbuf_free(port->slots[i]);
      port->txInvalid++;
    }
  }
  if (pastCaches) storeFence();
  int32_t sent = 0;
  if (backlog > 0) {
    uint16_t ready = static_cast<uint16_t>(backlog);
    if (port->offloadTx) {
      ready = rte_eth_tx_prepare(port->id, port->queue, port->backlog, ready);
      if (ready == 0) {  // The port will never take this frame.
        rte_pktmbuf_free(port->backlog[0]);
        port->txInvalid++;
        sent = 1;
      }
    }
    if (ready > 0) sent = rte_eth_tx_burst(port->id, port->queue, port->backlog, ready);
    backlog -= sent;
    if (sent > 0) memmove(port->backlog, port->backlog + sent, static_cast<size_t>(backlog) * sizeof(rte_mbuf*));
  }
  port->backlogCount = backlog;
  if (count > 0 && !refill(*port, count)) {
    // No buffers: the unused slots move down, the used ones are gone until a later call finds some.
    port->slotCount -= count;
    for (int32_t i = 0; i < port->slotCount; i++) {
      port->slots[i] = port->slots[i + count];
      port->txWords[i].frame = port->txWords[i + count].frame;
    }
  } else if (port->slotCount < kBurst) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(port->pool);
    if (mbuf != nullptr) {
      mbuf->data_off = kTxDataOffset;
      port->txWords[port->slotCount].frame = static_cast<int32_t>(rte_pktmbuf_mtod(mbuf, uint8_t*) - port->base);
      port->slots[port->slotCount++] = mbuf;
    }
  }
  return RTE_MIN(port->slotCount, kBurst - backlog);
}

// linkUp(handle) → 1 or 0. May talk to the device: not for every cycle. Drivers are asked by one thread only.
void linkUp(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Port* port = openPortAt(int32At(args, 0));
  if (port == nullptr) return args.GetReturnValue().Set(0);
  if (port->queue == 0) {
    rte_eth_link link = {};
    rte_eth_link_get_nowait(port->id, &link);
    linkStates[port->id] = link.link_status == RTE_ETH_LINK_UP ? 1 : 0;
  }
  args.GetReturnValue().Set(linkStates[port->id].load());
}

// setGroups(handle, groups): IPv4 multicast groups, as an array of int32, whose frames should arrive, for the owner of this
// queue; the port lets in those of all its queues, and of all systems with them. A port that cannot choose lets in every
// multicast frame; one that cannot do that either is a virtual one that never kept any out.
void setGroups(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Port* port = openPortAt(int32At(args, 0));
  if (port == nullptr || !args[1]->IsArray()) return;
  v8::Local<v8::Context> context = args.GetIsolate()->GetCurrentContext();
  v8::Local<v8::Array> groups = args[1].As<v8::Array>();
  port->groups.clear();
  for (uint32_t i = 0; i < groups->Length(); i++) {
    const auto group = groups->Get(context, i).ToLocalChecked()->Int32Value(context).FromMaybe(0);
    port->groups.push_back(static_cast<uint32_t>(group) & 0x7fffff);
  }
  std::vector<uint32_t> all;
  for (int32_t queue = 0; queue < kQueuesMax; queue++) {
    const Port* other = ports[port->id * kQueuesMax + queue];
    if (other != nullptr) all.insert(all.end(), other->groups.begin(), other->groups.end());
  }
  if (!all.empty()) all.push_back(1);  // 224.0.0.1, where routers ask for members.
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<rte_ether_addr> addresses;
  for (const uint32_t group : all) {
    const auto octet = [&](int shift) { return static_cast<uint8_t>(group >> shift); };
    addresses.push_back({{0x01, 0x00, 0x5e, octet(16), octet(8), octet(0)}});
  }
  const int error = rte_eth_dev_set_mc_addr_list(port->id, addresses.data(), static_cast<uint32_t>(addresses.size()));
  if (error == 0 || addresses.empty()) {
    rte_eth_allmulticast_disable(port->id);
  } else {
    rte_eth_allmulticast_enable(port->id);
  }
}

// readStatistics(handle): fills the statistics table. May talk to the device: not for every cycle. What is counted by port
// and not by queue is queue 0's, and 0 elsewhere.
void readStatistics(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Port* port = openPortAt(int32At(args, 0));
  if (port == nullptr) return;
  rte_eth_stats stats = {};
  if (port->queue == 0) rte_eth_stats_get(port->id, &stats);
  double* out = port->statistics;
  out[kRxFrames] = static_cast<double>(stats.ipackets);
  out[kRxBytes] = static_cast<double>(stats.ibytes);
  out[kTxFrames] = static_cast<double>(stats.opackets);
  out[kTxBytes] = static_cast<double>(stats.obytes);
  out[kRxMissed] = static_cast<double>(stats.imissed);
  out[kRxErrors] = static_cast<double>(stats.ierrors);
  out[kTxErrors] = static_cast<double>(stats.oerrors);
  out[kRxNoBuffers] = static_cast<double>(stats.rx_nombuf);
  out[kRxUnsupported] = port->rxUnsupported;
  out[kTxInvalid] = port->txInvalid;
  out[kPoolAvailable] = rte_mempool_avail_count(port->pool);
}

// log() → what EAL and drivers said since the last call, at most 8 KiB.
void log(const Arguments& args) { args.GetReturnValue().Set(toV8(args.GetIsolate(), takeLog())); }

// attach(regionTable): where the shm addon keeps the regions.
void attach(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  regionTable = tableAt(args, 0);
}

void initialiseAddon(v8::Local<v8::Object> exports) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  function(isolate, exports, "attach", attach);
  function(isolate, exports, "initialise", initialise);
  function(isolate, exports, "openPort", openPort);
  function(isolate, exports, "closePort", closePort);
  hotFunction<receive>(isolate, exports, "receive");
  hotFunction<transmit>(isolate, exports, "transmit");
  function(isolate, exports, "setGroups", setGroups);
  function(isolate, exports, "linkUp", linkUp);
  function(isolate, exports, "readStatistics", readStatistics);
  function(isolate, exports, "log", log);
  set(isolate, exports, "version", toV8(isolate, rte_version()));
}

}  // namespace
}  // namespace aeron_bypass

NODE_MODULE_INIT() { aeron_bypass::initialiseAddon(exports); }
