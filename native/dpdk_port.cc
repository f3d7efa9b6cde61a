// Ports and their queue pairs: opened, set up as JavaScript decided, given back.
#include "dpdk_port.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "dpdk_eal.h"

namespace aeron_bypass::dpdk {

std::mutex mutex;
RegionTable* regionTable = nullptr;
Port portTable[RTE_MAX_ETHPORTS];
Queue* queues[RTE_MAX_ETHPORTS * kQueuesMax] = {};

namespace {

struct OffloadMasks {
  Offload offload;
  uint64_t rx;
  uint64_t tx;
  uint64_t rss;
};
constexpr OffloadMasks kOffloads[] = {
    {kRxIpv4Checksum, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, 0, 0},
    {kRxUdpChecksum, RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 0, 0},
    {kRxVlanStrip, RTE_ETH_RX_OFFLOAD_VLAN_STRIP, 0, 0},
    {kRxScatter, RTE_ETH_RX_OFFLOAD_SCATTER, 0, 0},
    {kTxIpv4Checksum, 0, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, 0},
    {kTxUdpChecksum, 0, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, 0},
    {kTxVlanInsert, 0, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0},
    {kTxFastFree, 0, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, 0},
    {kRssIpv4, 0, 0, RTE_ETH_RSS_IPV4},
    {kRssIpv4Udp, 0, 0, RTE_ETH_RSS_NONFRAG_IPV4_UDP},
    {kRssIpv6, 0, 0, RTE_ETH_RSS_IPV6},
    {kRssIpv6Udp, 0, 0, RTE_ETH_RSS_NONFRAG_IPV6_UDP},
    {kTxSegments, 0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0},
};

int32_t offloadsOf(const rte_eth_dev_info& info) {
  int32_t offloads = 0;
  for (const OffloadMasks& masks : kOffloads) {
    if ((info.rx_offload_capa & masks.rx) != 0 || (info.tx_offload_capa & masks.tx) != 0 ||
        (info.flow_type_rss_offloads & masks.rss) != 0) {
      offloads |= masks.offload;
    }
  }
  return offloads;
}

std::string driverName(const rte_eth_dev_info& info) {
  return info.driver_name == nullptr ? "unknown driver" : info.driver_name;
}

void setNumber(v8::Isolate* isolate, v8::Local<v8::Object> object, const char* name, double value) {
  set(isolate, object, name, v8::Number::New(isolate, value));
}

v8::Local<v8::Array> octetsOf(v8::Isolate* isolate, uint16_t id) {
  rte_ether_addr mac = {};
  rte_eth_macaddr_get(id, &mac);
  v8::Local<v8::Array> octets = v8::Array::New(isolate, RTE_ETHER_ADDR_LEN);
  for (uint32_t i = 0; i < RTE_ETHER_ADDR_LEN; i++) {
    octets->Set(isolate->GetCurrentContext(), i, v8::Integer::New(isolate, mac.addr_bytes[i])).Check();
  }
  return octets;
}

v8::Local<v8::Value> get(v8::Isolate* isolate, v8::Local<v8::Object> object, const char* name) {
  return object->Get(isolate->GetCurrentContext(), toV8(isolate, name)).ToLocalChecked();
}

Configuration configurationAt(const Arguments& args, int index) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Object> object = args[index].As<v8::Object>();
  const auto number = [&](const char* name) {
    return get(isolate, object, name)->Uint32Value(isolate->GetCurrentContext()).FromMaybe(0);
  };
  const v8::String::Utf8Value operations(isolate, get(isolate, object, "poolOperations"));
  Configuration configuration;
  configuration.queues = static_cast<uint16_t>(RTE_MIN(number("queues"), static_cast<uint32_t>(kQueuesMax)));
  configuration.mtu = static_cast<uint16_t>(number("mtu"));
  configuration.rxRingLength = static_cast<uint16_t>(number("rxRingLength"));
  configuration.txRingLength = static_cast<uint16_t>(number("txRingLength"));
  configuration.offloads = static_cast<int32_t>(number("offloads"));
  configuration.vlanId = static_cast<uint16_t>(number("vlanId"));
  configuration.isPromiscuous = get(isolate, object, "isPromiscuous")->IsTrue();
  configuration.hasRxInterrupts = get(isolate, object, "hasRxInterrupts")->IsTrue();
  configuration.lending = static_cast<Lending>(number("lending"));
  configuration.bufferLength = number("bufferLength");
  configuration.bufferCount = number("bufferCount");
  configuration.poolCacheLength = number("poolCacheLength");
  configuration.poolOperations = std::string(*operations, operations.length());
  return configuration;
}

struct Range {
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
};

// One buffer pool a queue pair, made at its first opening and kept. Returns what failed, or "".
std::string ensurePool(Queue& queue, const Configuration& configuration) {
  const uint32_t bufferLength = configuration.bufferLength;
  const uint32_t bufferCount = configuration.bufferCount;
  if (queue.pool != nullptr) {
    if (bufferLength <= queue.dataRoom && bufferCount <= queue.pool->size) return "";
    return "the port was opened before in this process with a smaller MTU or smaller rings; restart the process";
  }
  char name[RTE_MEMPOOL_NAMESIZE];
  snprintf(name, sizeof(name), "aeron-bypass-%u-%u", queue.id, queue.queue);
  const std::string& operations = configuration.poolOperations;
  rte_mempool* pool = rte_pktmbuf_pool_create_by_ops(
      name, bufferCount, configuration.poolCacheLength, 0, static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + bufferLength),
      rte_eth_dev_socket_id(queue.id), operations.empty() ? rte_mbuf_best_mempool_ops() : operations.c_str());
  if (pool == nullptr) {
    return "no memory for " + std::to_string(bufferCount) + " packet buffers of " + std::to_string(bufferLength) +
           " bytes" + (operations.empty() ? "" : " with mempool operations \"" + operations + "\"") + ": " +
           errnoText(rte_errno);
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
  queue.base = reinterpret_cast<uint8_t*>(range.start);
  queue.poolLength = range.end - range.start;
  queue.poolHandle = regionTable->add({queue.base, queue.poolLength, nullptr, false});
  if (queue.poolHandle < 0) {
    rte_mempool_free(pool);
    return "every region handle is in use";
  }
  queue.pool = pool;
  queue.dataRoom = bufferLength;
  return "";
}

// The pool of packets, and one of buffers that refer to memory of others where there is such. Returns what failed, or "".
std::string ensurePools(Queue& queue, const Configuration& configuration) {
  const std::string error = ensurePool(queue, configuration);
  if (!error.empty() || configuration.lending == Lending::kNone || queue.references != nullptr) return error;
  char name[RTE_MEMPOOL_NAMESIZE];
  snprintf(name, sizeof(name), "aeron-bypass-%u-%u-r", queue.id, queue.queue);
  queue.references = rte_pktmbuf_pool_create(name, configuration.bufferCount, configuration.poolCacheLength, 0, 0,
                                             rte_eth_dev_socket_id(queue.id));
  return queue.references != nullptr ? "" : "no memory for " + std::to_string(configuration.bufferCount) + " buffers: " +
                                                errnoText(rte_errno);
}

void freeBuffers(Queue& queue) {
  rte_pktmbuf_free_bulk(queue.rx, static_cast<unsigned>(queue.rxCount));
  rte_pktmbuf_free_bulk(queue.slots, static_cast<unsigned>(queue.slotCount));
  rte_pktmbuf_free_bulk(queue.backlog, static_cast<unsigned>(queue.backlogCount));
  queue.rxCount = queue.slotCount = queue.backlogCount = 0;
}

// Gives a queue pair back; whoever has the last one stops the port. The caller has the mutex.
void stop(Queue& queue) {
  if (queue.state == QueueState::kClosed) return;
  queue.state = QueueState::kClosed;
  queue.groups.clear();
  if (queue.epoll >= 0) {
    rte_eth_dev_rx_intr_ctl_q(queue.id, queue.queue, queue.epoll, RTE_INTR_EVENT_DEL, nullptr);
    close(queue.epoll);
    queue.epoll = -1;
  }
  if (!isAnyOpen(queue.id)) {
    rte_eth_dev_stop(queue.id);
    portTable[queue.id].configuration.queues = 0;
  }
  freeBuffers(queue);
}

void stopAtExit(void* argument) {
  std::lock_guard<std::mutex> lock(mutex);
  stop(*static_cast<Queue*>(argument));
}

// Has the owner's thread sleep where RX interrupts of its queue wake it. A port that cannot leaves it without.
void listenToInterrupts(Queue& queue) {
  queue.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (queue.epoll < 0) return;
  if (rte_eth_dev_rx_intr_ctl_q(queue.id, queue.queue, queue.epoll, RTE_INTR_EVENT_ADD, nullptr) == 0) return;
  close(queue.epoll);
  queue.epoll = -1;
}

// Returns the port's id, or throws DPDK_NO_PORT and returns -1.
int32_t portIdAt(const Arguments& args, int index) {
  const int32_t id = int32At(args, index);
  if (id >= 0 && id < RTE_MAX_ETHPORTS && rte_eth_dev_is_valid_port(static_cast<uint16_t>(id))) return id;
  fail(args.GetIsolate(), "DPDK_NO_PORT",
       "port " + std::to_string(id) + " does not exist; ports: " + std::to_string(rte_eth_dev_count_avail()));
  return -1;
}

}  // namespace

bool isAnyOpen(uint16_t id) {
  for (int32_t i = 0; i < kQueuesMax; i++) {
    if (queueAt(id * kQueuesMax + i) != nullptr) return true;
  }
  return false;
}

bool refill(Queue& queue, int32_t count) {
  if (count == 0) return true;
  if (rte_pktmbuf_alloc_bulk(queue.pool, queue.slots, static_cast<unsigned>(count)) != 0) return false;
  for (int32_t i = 0; i < count; i++) {
    rte_mbuf* mbuf = queue.slots[i];
    mbuf->data_off = kTxDataOffset;
    queue.txWords[i].frame = static_cast<int32_t>(rte_pktmbuf_mtod(mbuf, uint8_t*) - queue.base);
  }
  return true;
}

std::string start(uint16_t id) {
  const Configuration& configuration = portTable[id].configuration;
  rte_eth_dev_info info = {};
  int error = rte_eth_dev_info_get(id, &info);
  if (error != 0) return "rte_eth_dev_info_get: " + errnoText(error);
  rte_eth_conf conf = {};
  conf.rxmode.mtu = configuration.mtu;
  uint64_t rss = 0;
  for (const OffloadMasks& masks : kOffloads) {
    if ((configuration.offloads & masks.offload) == 0) continue;
    conf.rxmode.offloads |= info.rx_offload_capa & masks.rx;
    conf.txmode.offloads |= info.tx_offload_capa & masks.tx;
    rss |= info.flow_type_rss_offloads & masks.rss;
  }
  if (rss != 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rx_adv_conf.rss_conf.rss_hf = rss;
  conf.intr_conf.rxq = configuration.hasRxInterrupts ? 1 : 0;

  error = rte_eth_dev_configure(id, configuration.queues, configuration.queues, &conf);
  if (error != 0) return "rte_eth_dev_configure: " + errnoText(error);
  error = rte_eth_dev_set_mtu(id, configuration.mtu);
  if (error != 0 && error != -ENOTSUP) return "rte_eth_dev_set_mtu: " + errnoText(error);
  const unsigned socket = static_cast<unsigned>(rte_eth_dev_socket_id(id));
  rte_eth_rxconf rxConf = info.default_rxconf;
  rxConf.offloads = conf.rxmode.offloads;
  rte_eth_txconf txConf = info.default_txconf;
  txConf.offloads = conf.txmode.offloads;
  for (uint16_t index = 0; index < configuration.queues; index++) {
    Queue*& slot = queues[id * kQueuesMax + index];
    if (slot == nullptr) slot = new Queue();
    Queue& queue = *slot;
    queue.id = id;
    queue.queue = index;
    queue.sumRx = (configuration.offloads & kRxUdpChecksum) == 0;
    queue.offloadTx = (configuration.offloads & kTxUdpChecksum) != 0;
    queue.insertVlan = (configuration.offloads & kTxVlanInsert) != 0;
    queue.vlanId = configuration.vlanId;
    queue.lendsBuffers = driverName(info) == "net_virtio_user";
    const std::string poolError = ensurePools(queue, configuration);
    if (!poolError.empty()) return poolError;
    error = rte_eth_rx_queue_setup(id, index, configuration.rxRingLength, socket, &rxConf, queue.pool);
    if (error != 0) return "rte_eth_rx_queue_setup: " + errnoText(error);
    error = rte_eth_tx_queue_setup(id, index, configuration.txRingLength, socket, &txConf);
    if (error != 0) return "rte_eth_tx_queue_setup: " + errnoText(error);
  }
  if ((error = rte_eth_dev_start(id)) != 0) return "rte_eth_dev_start: " + errnoText(error);
  if (configuration.isPromiscuous) {
    if ((error = rte_eth_promiscuous_enable(id)) != 0) return "rte_eth_promiscuous_enable: " + errnoText(error);
  } else {
    rte_eth_promiscuous_disable(id);  // Refused by ports that know nothing else, which is as well.
  }
  return "";
}

// describePort(id) → { driverName, deviceName, mac, mtu, mtuMin, mtuMax, frameLengthMax, rxQueuesMax, txQueuesMax, limits of
// both rings, rxBufferLengthMin, offloads, iovaMode }. Throws DPDK_NO_PORT, or DPDK_PORT when the port does not answer.
void describePort(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  std::lock_guard<std::mutex> lock(mutex);
  const int32_t found = portIdAt(args, 0);
  if (found < 0) return;
  const uint16_t id = static_cast<uint16_t>(found);
  rte_eth_dev_info info = {};
  const int error = rte_eth_dev_info_get(id, &info);
  if (error != 0) {
    return fail(isolate, "DPDK_PORT", "port " + std::to_string(id) + ": rte_eth_dev_info_get: " + errnoText(error));
  }
  uint16_t mtu = RTE_ETHER_MTU;
  rte_eth_dev_get_mtu(id, &mtu);
  char deviceName[RTE_ETH_NAME_MAX_LEN] = {};
  rte_eth_dev_get_name_by_port(id, deviceName);
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  set(isolate, result, "driverName", toV8(isolate, driverName(info)));
  set(isolate, result, "deviceName", toV8(isolate, deviceName));
  set(isolate, result, "mac", octetsOf(isolate, id));
  setNumber(isolate, result, "mtu", mtu);
  setNumber(isolate, result, "mtuMin", RTE_MAX(info.min_mtu, static_cast<uint16_t>(RTE_ETHER_MIN_MTU)));
  setNumber(isolate, result, "mtuMax", info.max_mtu);
  setNumber(isolate, result, "frameLengthMax", info.max_rx_pktlen);
  setNumber(isolate, result, "rxQueuesMax", info.max_rx_queues);
  setNumber(isolate, result, "txQueuesMax", info.max_tx_queues);
  setNumber(isolate, result, "rxRingMin", info.rx_desc_lim.nb_min);
  setNumber(isolate, result, "rxRingMax", info.rx_desc_lim.nb_max);
  setNumber(isolate, result, "txRingMin", info.tx_desc_lim.nb_min);
  setNumber(isolate, result, "txRingMax", info.tx_desc_lim.nb_max);
  setNumber(isolate, result, "rxBufferLengthMin", info.min_rx_bufsize);
  setNumber(isolate, result, "offloads", offloadsOf(info));
  set(isolate, result, "iovaMode", toV8(isolate, rte_eal_iova_mode() == RTE_IOVA_VA ? "va" : "pa"));
  args.GetReturnValue().Set(result);
}

// openPort(id, queue, configuration) → { handle, mac, mtu, driverName, rxRingLength, txRingLength, offloads,
// hasRxInterrupts, pool, poolHandle, rx, tx, statistics }. Whoever opens queue 0 sets the port up as its configuration says;
// the owners of the others come after it, and theirs is of no account. The other functions take the handle. Throws
// DPDK_NO_PORT, DPDK_PORT_BUSY or DPDK_PORT.
void openPort(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  std::lock_guard<std::mutex> lock(mutex);
  const int32_t found = portIdAt(args, 0);
  if (found < 0) return;
  const uint16_t id = static_cast<uint16_t>(found);
  const uint16_t index = static_cast<uint16_t>(int32At(args, 1));
  const int32_t handle = id * kQueuesMax + index;
  Port& port = portTable[id];
  const Configuration& configuration = port.configuration;
  if (index == 0 ? isAnyOpen(id) : index < configuration.queues && queueAt(handle) != nullptr) {
    return throwError(isolate, "DPDK_PORT_BUSY",
                      "port " + std::to_string(id) + " is open already" +
                          (index == 0 ? "" : ", and so is its queue " + std::to_string(index)));
  }
  std::string error;
  if (index == 0) {
    port.configuration = configurationAt(args, 2);
    port.isResetWanted = false;
    error = start(id);
    if (error.empty()) listenToEvents(id);
  } else if (index >= configuration.queues) {
    error = "queue " + std::to_string(index) + " is wanted before queue 0 was opened with " + std::to_string(index + 1) +
            " queues";
  }
  if (error.empty() && !refill(*queues[handle], kBurst)) error = "the packet pool is empty";
  rte_eth_dev_info info = {};
  rte_eth_dev_info_get(id, &info);
  if (!error.empty()) {
    if (index == 0) {
      rte_eth_dev_stop(id);
      port.configuration.queues = 0;
    }
    return fail(isolate, "DPDK_PORT", "port " + std::to_string(id) + " (" + driverName(info) + "): " + error);
  }
  takeLog();
  Queue& queue = *queues[handle];
  queue.slotCount = kBurst;
  queue.state = QueueState::kOpen;
  if (configuration.hasRxInterrupts) listenToInterrupts(queue);
  node::AddEnvironmentCleanupHook(isolate, stopAtExit, &queue);

  uint16_t mtu = configuration.mtu;
  rte_eth_dev_get_mtu(id, &mtu);
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  setNumber(isolate, result, "handle", handle);
  set(isolate, result, "mac", octetsOf(isolate, id));
  setNumber(isolate, result, "mtu", mtu);
  set(isolate, result, "driverName", toV8(isolate, driverName(info)));
  setNumber(isolate, result, "rxRingLength", configuration.rxRingLength);
  setNumber(isolate, result, "txRingLength", configuration.txRingLength);
  setNumber(isolate, result, "offloads", configuration.offloads);
  set(isolate, result, "hasRxInterrupts", v8::Boolean::New(isolate, queue.epoll >= 0));
  set(isolate, result, "pool", share(isolate, queue.base, queue.poolLength));
  setNumber(isolate, result, "poolHandle", queue.poolHandle);
  set(isolate, result, "rx", share(isolate, queue.rxWords, sizeof(queue.rxWords)));
  set(isolate, result, "tx", share(isolate, queue.txWords, sizeof(queue.txWords)));
  set(isolate, result, "statistics", share(isolate, queue.statistics, sizeof(queue.statistics)));
  args.GetReturnValue().Set(result);
}

// closePort(handle): stops the port when its other queues are closed. It may be opened again; its EAL device lives as long
// as the process.
void closePort(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Queue* queue = queueAt(int32At(args, 0));
  if (queue == nullptr) return;
  node::RemoveEnvironmentCleanupHook(args.GetIsolate(), stopAtExit, queue);
  stop(*queue);
}

// setGroups(handle, groups): Ethernet addresses of groups whose frames should arrive, for the owner of this queue: an array
// of their first two octets and their last four by turns. The port lets in those of all its queues. A port that cannot choose
// lets in every multicast frame; one that cannot do that either is a virtual one that never kept any out.
void setGroups(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Queue* queue = queueAt(int32At(args, 0));
  if (queue == nullptr || !args[1]->IsArray()) return;
  v8::Local<v8::Context> context = args.GetIsolate()->GetCurrentContext();
  v8::Local<v8::Array> groups = args[1].As<v8::Array>();
  queue->groups.clear();
  const auto wordAt = [&](uint32_t i) {
    return static_cast<uint32_t>(groups->Get(context, i).ToLocalChecked()->Int32Value(context).FromMaybe(0));
  };
  for (uint32_t i = 0; i + 1 < groups->Length(); i += 2) {
    queue->groups.push_back(static_cast<uint64_t>(wordAt(i) & 0xffff) << 32 | wordAt(i + 1));
  }
  std::vector<uint64_t> all;
  for (int32_t i = 0; i < kQueuesMax; i++) {
    const Queue* other = queues[queue->id * kQueuesMax + i];
    if (other != nullptr) all.insert(all.end(), other->groups.begin(), other->groups.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<rte_ether_addr>& addresses = portTable[queue->id].groupAddresses;
  addresses.clear();
  for (const uint64_t group : all) {
    const auto octet = [&](int shift) { return static_cast<uint8_t>(group >> shift); };
    addresses.push_back({{octet(40), octet(32), octet(24), octet(16), octet(8), octet(0)}});
  }
  applyGroups(queue->id);
}

// Has the port let in what its queues' owners want. The caller has the mutex.
void applyGroups(uint16_t id) {
  std::vector<rte_ether_addr>& addresses = portTable[id].groupAddresses;
  const int error = rte_eth_dev_set_mc_addr_list(id, addresses.data(), static_cast<uint32_t>(addresses.size()));
  if (error == 0 || addresses.empty()) {
    rte_eth_allmulticast_disable(id);
  } else {
    rte_eth_allmulticast_enable(id);
  }
}

}  // namespace aeron_bypass::dpdk
