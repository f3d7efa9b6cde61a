// Memory that a port sends from where it lies: regions lent to it, whose frames are two buffers, one with the headers and
// one that refers to the payload.
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include <unistd.h>

#include "dpdk_eal.h"
#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

constexpr uint16_t kReferencesMax = 60000;  // Their count has 16 bits.

// A region that a port may send from. Its count of references is one more than that of the buffers that refer to it.
struct Lent {
  uint16_t port = 0;
  Lending lending = Lending::kNone;
  uint8_t* base = nullptr;
  size_t length = 0;
  std::shared_ptr<void> owner;  // Keeps the addresses.
  rte_mbuf_ext_shared_info references = {};
};

std::atomic<Lent*> lent[RegionTable::kCapacity] = {};  // By region handle.

Lent* lentAt(int32_t handle) {
  if (static_cast<uint32_t>(handle) >= RegionTable::kCapacity) return nullptr;
  return lent[handle].load(std::memory_order_acquire);
}

rte_device* deviceOf(uint16_t id) {
  rte_eth_dev_info info = {};
  return rte_eth_dev_info_get(id, &info) == 0 ? info.device : nullptr;
}

// Lets the card read the memory. Returns what failed, or "".
std::string map(const Lent& memory) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (memory.length % page != 0) return "its length is not a multiple of a page";
  if (rte_extmem_register(memory.base, memory.length, nullptr, 0, page) != 0) {
    return "rte_extmem_register: " + errnoText(rte_errno);
  }
  if (rte_dev_dma_map(deviceOf(memory.port), memory.base, reinterpret_cast<uint64_t>(memory.base), memory.length) == 0) {
    return "";
  }
  const int error = rte_errno;
  rte_extmem_unregister(memory.base, memory.length);
  return "rte_dev_dma_map: " + errnoText(error);
}

void unmap(const Lent& memory) {
  rte_dev_dma_unmap(deviceOf(memory.port), memory.base, reinterpret_cast<uint64_t>(memory.base), memory.length);
  rte_extmem_unregister(memory.base, memory.length);
}

}  // namespace

rte_mbuf* refer(Queue& queue, int32_t handle, const uint8_t* payload, uint32_t length) {
  Lent* memory = lentAt(handle);
  if (memory == nullptr || memory->port != queue.id) return nullptr;
  if (rte_mbuf_ext_refcnt_read(&memory->references) >= kReferencesMax) return nullptr;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(queue.references);
  if (mbuf == nullptr) return nullptr;
  rte_mbuf_ext_refcnt_update(&memory->references, 1);
  uint8_t* bytes = const_cast<uint8_t*>(payload);
  rte_pktmbuf_attach_extbuf(mbuf, bytes, reinterpret_cast<rte_iova_t>(bytes), static_cast<uint16_t>(length),
                            &memory->references);
  mbuf->data_len = static_cast<uint16_t>(length);
  return mbuf;
}

// lend(portId, handle) → "", or why frames with payloads of that region are copied. Any thread; the port is open.
void lend(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  std::lock_guard<std::mutex> lock(mutex);
  const uint16_t id = static_cast<uint16_t>(int32At(args, 0));
  const int32_t handle = int32At(args, 1);
  const Region* region = regionTable->find(handle);
  const auto refuse = [&](const std::string& why) { args.GetReturnValue().Set(toV8(isolate, why)); };
  if (region == nullptr) return refuse("there is no such region");
  if (id >= RTE_MAX_ETHPORTS || !isAnyOpen(id)) return refuse("the port is not open");
  const Lending lending = portTable[id].configuration.lending;
  if (lending == Lending::kNone) return refuse("");  // Why not was said when the port was set up.
  if (lentAt(handle) != nullptr) return refuse("the region is lent already");
  Lent* memory = new Lent{id, lending, region->base, region->length, region->owner, {}};
  memory->references.free_cb = [](void*, void*) {};  // Never called: one reference is our own.
  rte_mbuf_ext_refcnt_set(&memory->references, 1);
  const std::string error = lending == Lending::kToDevice ? map(*memory) : "";
  if (!error.empty()) {
    delete memory;
    return refuse(error);
  }
  lent[handle].store(memory, std::memory_order_release);
  refuse("");
}

// takeBack(handle) → whether no frame refers to the region any more; then it may be unmapped. The caller sends nothing of it
// any more. Any thread.
void takeBack(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  const int32_t handle = int32At(args, 0);
  Lent* memory = lentAt(handle);
  const bool isFree = memory == nullptr || rte_mbuf_ext_refcnt_read(&memory->references) == 1;
  if (isFree && memory != nullptr) {
    lent[handle].store(nullptr, std::memory_order_release);
    if (memory->lending == Lending::kToDevice) unmap(*memory);
    delete memory;
  }
  args.GetReturnValue().Set(isFree);
}

}  // namespace aeron_bypass::dpdk
