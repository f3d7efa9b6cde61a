#include "dpdk_port.h"

#include <rte_errno.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "dpdk_eal.h"

namespace aeron_bypass::dpdk {

std::mutex mutex;
RegionTable* regionTable = nullptr;
Port* ports[RTE_MAX_ETHPORTS * kQueuesMax] = {};

namespace {

constexpr uint32_t kPoolCache = 256;
constexpr uint32_t kFrameOverhead = 22;    // Ethernet header, one VLAN tag, frame check sequence.

uint16_t queueCounts[RTE_MAX_ETHPORTS] = {};              // Of a started port; 0 when it is stopped.

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

}  // namespace

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

// closePort(handle): stops the port when its other queues are closed. It may be opened again; its EAL device lives as long
// as the process.
void closePort(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Port* port = openPortAt(int32At(args, 0));
  if (port == nullptr) return;
  node::RemoveEnvironmentCleanupHook(args.GetIsolate(), stopAtExit, port);
  stop(*port);
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

}  // namespace aeron_bypass::dpdk
