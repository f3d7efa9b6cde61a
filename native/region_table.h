// The one table through which the addons find memory: a small integer handle stands for a mapped file, an
// allocated SharedArrayBuffer or a packet pool. The shm addon owns the table; udp and dpdk are given its address.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace aeron_bypass {

struct Region {
  uint8_t* base;
  size_t length;
  std::shared_ptr<void> owner;  // Keeps the memory alive while a handle exists.
  bool mapped;                  // True when base is a file mapping that retire() must give back.
};

class RegionTable {
 public:
  static constexpr int32_t kCapacity = 1 << 16;

  // Returns a handle > 0, or -1 when every handle is taken. Any thread.
  int32_t add(Region region) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (int32_t i = 0; i < kCapacity; i++) {
      next_ = next_ + 1 < kCapacity ? next_ + 1 : 1;
      if (regions_[next_] != nullptr) continue;
      Slot& slot = slots_[next_];
      slot.length.store(region.length, std::memory_order_relaxed);
      slot.base.store(region.base, std::memory_order_release);
      regions_[next_] = new Region(std::move(region));
      return next_;
    }
    return -1;
  }

  // The caller guarantees that no other thread still uses the handle. Any thread.
  std::unique_ptr<Region> remove(int32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (handle <= 0 || handle >= kCapacity) return nullptr;
    slots_[handle].base.store(nullptr);
    return std::unique_ptr<Region>(std::exchange(regions_[handle], nullptr));
  }

  // The region of a handle, or nullptr. The caller guarantees that nobody removes it meanwhile.
  const Region* find(int32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    return handle <= 0 || handle >= kCapacity ? nullptr : regions_[handle];
  }

  // Returns the address of `length` bytes at `offset`, or nullptr when they are not all inside the region.
  uint8_t* at(int32_t handle, uint32_t offset, uint32_t length) const {
    if (static_cast<uint32_t>(handle) >= static_cast<uint32_t>(kCapacity)) return nullptr;
    const Slot& slot = slots_[handle];
    uint8_t* base = slot.base.load(std::memory_order_acquire);
    if (base == nullptr || static_cast<uint64_t>(offset) + length > slot.length.load(std::memory_order_relaxed)) {
      return nullptr;
    }
    return base + offset;
  }

 private:
  // What every copy looks up, of thousands of regions, lies side by side.
  struct Slot {
    std::atomic<uint8_t*> base;
    std::atomic<size_t> length;
  };

  std::mutex mutex_;
  int32_t next_ = 0;
  Region* regions_[kCapacity] = {};  // Those that are left when the process ends outlive V8: nobody frees them.
  Slot slots_[kCapacity] = {};
};

}  // namespace aeron_bypass
