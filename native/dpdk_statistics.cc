// What a port counts.
#include <algorithm>

#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

constexpr uint32_t kExtendedMax = 512;  // Cards with many queues have more, of queues that nobody uses.

}  // namespace

// readStatistics(handle): fills the statistics table. May talk to the device: not for every cycle. What is counted by port
// and not by queue is queue 0's, and 0 elsewhere.
void readStatistics(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Queue* queue = queueAt(int32At(args, 0));
  if (queue == nullptr) return;
  rte_eth_stats stats = {};
  const bool isFirst = queue->queue == 0;
  if (isFirst) rte_eth_stats_get(queue->id, &stats);
  double* out = queue->statistics;
  out[kRxFrames] = static_cast<double>(stats.ipackets);
  out[kRxBytes] = static_cast<double>(stats.ibytes);
  out[kTxFrames] = static_cast<double>(stats.opackets);
  out[kTxBytes] = static_cast<double>(stats.obytes);
  out[kRxMissed] = static_cast<double>(stats.imissed);
  out[kRxErrors] = static_cast<double>(stats.ierrors);
  out[kTxErrors] = static_cast<double>(stats.oerrors);
  out[kRxNoBuffers] = static_cast<double>(stats.rx_nombuf);
  out[kRxUnsupported] = queue->rxUnsupported;
  out[kTxInvalid] = queue->txInvalid;
  out[kPoolAvailable] = rte_mempool_avail_count(queue->pool);
  out[kTxBackPressure] = queue->txBackPressure;
  out[kTxNoBuffers] = queue->txNoBuffers;
  out[kRxOtherVlan] = queue->rxOtherVlan;
  out[kRxJoined] = queue->rxJoined;
  out[kTxByReference] = queue->txByReference;
  out[kResets] = isFirst ? portTable[queue->id].resets : 0;
}

// extendedStatistics(id) → { names, values }: what else the port's driver counts, at most 512 of it. The values stay 0 until
// readExtendedStatistics(id). Any thread; the port has been opened.
void extendedStatistics(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  std::lock_guard<std::mutex> lock(mutex);
  const uint16_t id = static_cast<uint16_t>(int32At(args, 0));
  v8::Local<v8::Array> names = v8::Array::New(isolate);
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  if (id < RTE_MAX_ETHPORTS && isAnyOpen(id)) {
    Port& port = portTable[id];
    const int count = rte_eth_xstats_get_names(id, nullptr, 0);
    std::vector<rte_eth_xstat_name> found(count > 0 ? static_cast<size_t>(count) : 0);
    if (count > 0 && rte_eth_xstats_get_names(id, found.data(), static_cast<unsigned>(count)) != count) found.clear();
    if (port.extended == nullptr) {
      port.extendedCount = static_cast<uint32_t>(RTE_MIN(found.size(), static_cast<size_t>(kExtendedMax)));
      port.extended = new double[kExtendedMax]();
    }
    for (uint32_t i = 0; i < RTE_MIN(port.extendedCount, static_cast<uint32_t>(found.size())); i++) {
      names->Set(isolate->GetCurrentContext(), i, toV8(isolate, found[i].name)).Check();
    }
    set(isolate, result, "values", share(isolate, port.extended, port.extendedCount * sizeof(double)));
  }
  set(isolate, result, "names", names);
  args.GetReturnValue().Set(result);
}

// readExtendedStatistics(id): brings the values up to date. Talks to the device, which may take some time.
void readExtendedStatistics(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  const uint16_t id = static_cast<uint16_t>(int32At(args, 0));
  if (id >= RTE_MAX_ETHPORTS || !isAnyOpen(id)) return;
  const Port& port = portTable[id];
  const int count = rte_eth_xstats_get(id, nullptr, 0);
  if (count <= 0) return;
  std::vector<rte_eth_xstat> values(static_cast<size_t>(count));
  const int read = rte_eth_xstats_get(id, values.data(), static_cast<unsigned>(count));
  for (int i = 0; i < read && i < count; i++) {
    if (values[i].id < port.extendedCount) port.extended[values[i].id] = static_cast<double>(values[i].value);
  }
}

}  // namespace aeron_bypass::dpdk
