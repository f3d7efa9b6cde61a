// What is to be known of a port that runs: its link, and what it counts.
#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

std::atomic<int32_t> linkStates[RTE_MAX_ETHPORTS] = {};   // What the owner of queue 0 saw last.

}  // namespace

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

}  // namespace aeron_bypass::dpdk
