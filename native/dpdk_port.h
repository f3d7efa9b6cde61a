// What the parts of the dpdk addon share: a port, its queue pairs, and the tables these have in common with JavaScript.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
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
enum TxFlag : int32_t { kUdpChecksum = 1, kByReference = 2 };  // From bit 8 on: the length of the headers, 0 for 42.

// In the order of DEVICE_STATISTICS in device/device.ts.
enum Statistic {
  kRxFrames, kRxBytes, kTxFrames, kTxBytes, kRxMissed, kRxErrors, kTxErrors, kRxNoBuffers, kRxUnsupported, kTxInvalid,
  kPoolAvailable, kTxBackPressure, kTxNoBuffers, kRxOtherVlan, kRxJoined, kResets, kTxByReference,
  kStatisticCount
};

// What a port can do, and what of it is asked for; device/dpdk/port-plan.ts knows the same bits.
enum Offload : int32_t {
  kRxIpv4Checksum = 1, kRxUdpChecksum = 2, kRxVlanStrip = 4, kRxScatter = 8,
  kTxIpv4Checksum = 16, kTxUdpChecksum = 32, kTxVlanInsert = 64, kTxFastFree = 128,
  kRssIpv4 = 256, kRssIpv4Udp = 512, kRssIpv6 = 1024, kRssIpv6Udp = 2048, kTxSegments = 4096
};

// Who reads payloads where they lie, if anybody; device/dpdk/port-plan.ts knows the same numbers.
enum class Lending : int32_t { kNone = 0, kToProcessor = 1, kToDevice = 2 };

// How a port is set up: decided in device/dpdk/port-plan.ts, done here.
struct Configuration {
  uint16_t queues = 0;          // Queue pairs; 0 while the port is stopped.
  uint16_t mtu = 0;
  uint16_t rxRingLength = 0;
  uint16_t txRingLength = 0;
  int32_t offloads = 0;
  uint16_t vlanId = 0;          // 0: frames have no tag.
  bool isPromiscuous = false;
  bool hasRxInterrupts = false;
  Lending lending = Lending::kNone;
  uint32_t bufferLength = 0;    // Of a packet buffer, without headroom.
  uint32_t bufferCount = 0;     // Of each queue pair.
  uint32_t poolCacheLength = 0;
  std::string poolOperations;   // "" leaves them to DPDK.
};

enum class QueueState { kClosed, kOpen, kResting };  // Resting: the port is being reset.

// What one thread has of a port: a queue pair, and the packet memory for it.
struct Queue {
  uint16_t id = 0;              // Of the port.
  uint16_t queue = 0;
  QueueState state = QueueState::kClosed;  // Changed by the owner's thread only, which has the mutex then.
  bool sumRx = false;           // The port does not verify UDP checksums: hand their sums over.
  bool offloadTx = false;       // The port fills UDP checksums in.
  bool insertVlan = false;      // The port writes VLAN tags.
  bool lendsBuffers = false;    // Another processor reads frames from our buffers: a wire in shared memory.
  uint16_t vlanId = 0;
  rte_mempool* pool = nullptr;
  rte_mempool* references = nullptr;  // Buffers without memory of their own; nullptr: payloads are copied.
  uint8_t* base = nullptr;      // JavaScript's offset 0.
  size_t poolLength = 0;
  int32_t poolHandle = 0;
  uint32_t dataRoom = 0;        // Of one buffer, without headroom.
  int epoll = -1;               // Where the owner sleeps on RX interrupts; -1: it does not.
  int32_t rxCount = 0;
  int32_t slotCount = 0;
  int32_t backlogCount = 0;
  double rxUnsupported = 0;
  double rxOtherVlan = 0;
  double rxJoined = 0;
  double txByReference = 0;
  double txInvalid = 0;
  double txBackPressure = 0;
  double txNoBuffers = 0;
  std::vector<uint64_t> groups;  // Ethernet addresses of multicast groups of its owner.
  rte_mbuf* rx[kBurst];
  rte_mbuf* slots[kBurst];      // Stock for the next transmit, headers written by JavaScript.
  rte_mbuf* backlog[kBurst];    // Complete frames the ring did not take yet.
  RxWords rxWords[kBurst];
  TxWords txWords[kBurst];
  double statistics[kStatisticCount];
};

// What the owners of a port's queue pairs share.
struct Port {
  Configuration configuration;
  std::vector<rte_ether_addr> groupAddresses;  // What the port lets in beside its own frames.
  std::atomic<bool> isResetWanted{false};  // Set by the card's interrupt handler, too.
  std::atomic<bool> isRemoved{false};
  int32_t linkState = 0;
  double resets = 0;
  double* extended = nullptr;              // Extended statistics, lives as long as the process.
  uint32_t extendedCount = 0;
};

extern std::mutex mutex;                // Guards everything below, and every cold call into DPDK.
extern RegionTable* regionTable;
extern Port portTable[RTE_MAX_ETHPORTS];
extern Queue* queues[RTE_MAX_ETHPORTS * kQueuesMax];  // A port's queues are neighbours.

inline Queue* openQueueAt(int32_t handle) {
  if (static_cast<uint32_t>(handle) >= RTE_MAX_ETHPORTS * kQueuesMax) return nullptr;
  Queue* queue = queues[handle];
  return queue == nullptr || queue->state != QueueState::kOpen ? nullptr : queue;
}

// The queue pair, open or resting; nullptr when it is closed.
inline Queue* queueAt(int32_t handle) {
  if (static_cast<uint32_t>(handle) >= RTE_MAX_ETHPORTS * kQueuesMax) return nullptr;
  Queue* queue = queues[handle];
  return queue == nullptr || queue->state == QueueState::kClosed ? nullptr : queue;
}

bool isAnyOpen(uint16_t id);

// Cold: what JavaScript calls to have a port, and to give it back.
void describePort(const Arguments& args);
void openPort(const Arguments& args);
void closePort(const Arguments& args);
void setGroups(const Arguments& args);

// Sets a port up as its configuration says, with pools that are there, and starts it. Returns the call that failed with
// its reason, or "".
std::string start(uint16_t id);
void applyGroups(uint16_t id);

// Puts fresh buffers into slots [0, count). Returns false when the pool has none left.
bool refill(Queue& queue, int32_t count);

// Hot: frames in, frames out.
int32_t receive(int32_t handle);
int32_t transmit(int32_t handle, int32_t wanted);

// Hot: a buffer that refers to `length` bytes of a lent region; nullptr when they have to be copied.
rte_mbuf* refer(Queue& queue, int32_t handle, const uint8_t* payload, uint32_t length);

// Cold: memory that the port may send from where it lies.
void lend(const Arguments& args);
void takeBack(const Arguments& args);

// Waits for a frame, at most so long.
int32_t waitForFrame(int32_t handle, int32_t timeoutUs);

// Cold: what happens to a port that runs.
void listenToEvents(uint16_t id);
void watch(const Arguments& args);
void resetPort(const Arguments& args);

// Cold: what a port counts.
void readStatistics(const Arguments& args);
void extendedStatistics(const Arguments& args);
void readExtendedStatistics(const Arguments& args);

}  // namespace aeron_bypass::dpdk
