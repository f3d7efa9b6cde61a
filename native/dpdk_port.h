// What the parts of the dpdk addon share: a queue pair of a port, and the tables it has in common with JavaScript.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "addon.h"

namespace aeron_bypass::dpdk {

constexpr int32_t kBurst = 64;             // Frames a call moves at most; device/device.ts knows the same number.
constexpr int32_t kQueuesMax = 16;         // Queue pairs of a port; driver/settings.ts knows the same number.
constexpr uint16_t kTxDataOffset = 150;    // 150 + 42 = 192: payloads start with a cache line.
static_assert(kTxDataOffset >= RTE_PKTMBUF_HEADROOM);

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

extern std::mutex mutex;                // Guards everything below, and every cold call into DPDK.
extern RegionTable* regionTable;
extern Port* ports[RTE_MAX_ETHPORTS * kQueuesMax];  // A port's queues are neighbours.

inline Port* openPortAt(int32_t handle) {
  if (static_cast<uint32_t>(handle) >= RTE_MAX_ETHPORTS * kQueuesMax) return nullptr;
  Port* port = ports[handle];
  return port == nullptr || !port->open ? nullptr : port;
}

// Cold: what JavaScript calls to have a port, and to give it back.
void openPort(const Arguments& args);
void closePort(const Arguments& args);
void setGroups(const Arguments& args);

// Puts fresh buffers into slots [0, count). Returns false when the pool has none left.
bool refill(Port& port, int32_t count);

// Hot: frames in, frames out.
int32_t receive(int32_t handle);
int32_t transmit(int32_t handle, int32_t wanted);

// Cold: what is to be known of a port.
void linkUp(const Arguments& args);
void readStatistics(const Arguments& args);

}  // namespace aeron_bypass::dpdk
