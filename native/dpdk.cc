// Ports of DPDK: bursts of frames in, bursts of frames out. Moves bytes, sums them up and calls DPDK; parses no packet.
// dpdk_eal.cc starts DPDK, dpdk_port.cc opens ports, dpdk_bursts.cc moves frames, dpdk_lend.cc has memory sent from
// where it lies, dpdk_events.cc looks after ports, dpdk_statistics.cc counts.
//
// The environment abstraction layer (EAL) exists once per process. A queue pair of a port belongs to the isolate that
// opened it and is used on that isolate's thread only. Packet pools, tables and handles live as long as the process, so a
// stale view in JavaScript never reaches freed memory.
#include <rte_version.h>

#include "addon.h"
#include "dpdk_eal.h"
#include "dpdk_port.h"
#include "hot_function.h"

namespace aeron_bypass::dpdk {
namespace {

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
  function(isolate, exports, "describePort", describePort);
  function(isolate, exports, "openPort", openPort);
  function(isolate, exports, "closePort", closePort);
  hotFunction<receive>(isolate, exports, "receive");
  hotFunction<transmit>(isolate, exports, "transmit");
  function(isolate, exports, "setGroups", setGroups);
  hotFunction<waitForFrame>(isolate, exports, "waitForFrame");
  function(isolate, exports, "lend", lend);
  function(isolate, exports, "takeBack", takeBack);
  function(isolate, exports, "watch", watch);
  function(isolate, exports, "resetPort", resetPort);
  function(isolate, exports, "readStatistics", readStatistics);
  function(isolate, exports, "extendedStatistics", extendedStatistics);
  function(isolate, exports, "readExtendedStatistics", readExtendedStatistics);
  function(isolate, exports, "log", log);
  set(isolate, exports, "version", toV8(isolate, rte_version()));
}

}  // namespace
}  // namespace aeron_bypass::dpdk

NODE_MODULE_INIT() { aeron_bypass::dpdk::initialiseAddon(exports); }
