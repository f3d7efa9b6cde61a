// The one table through which the addons find memory: a small integer handle stands for a mapped file, an
// allocated SharedArrayBuffer or a packet pool. The shm addon owns the table; udp and dpdk are given its address.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

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
      if (slots_[next_].load(std::memory_order_relaxed) == nullptr) {
        slots_[next_].store(new Region(std::move(region)), std::memory_order_release);
        return next_;
      }
    }
    return -1;
  }

  // The caller guarantees that no other thread still uses the handle. Any thread.
  std::unique_ptr<Region> remove(int32_t handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (handle <= 0 || handle >= kCapacity) return nullptr;
    return std::unique_ptr<Region>(slots_[handle].exchange(nullptr));
  }

  // The region of a handle, or nullptr. The caller guarantees that nobody removes it meanwhile.
  const Region* find(int32_t handle) const {
    return handle <= 0 || handle >= kCapacity ? nullptr : slots_[handle].load(std::memory_order_acquire);
  }

  // Returns the address of `length` bytes at `offset`, or nullptr when they are not all inside the region.
  uint8_t* at(int32_t handle, uint32_t offset, uint32_t length) const {
    if (static_cast<uint32_t>(handle) >= static_cast<uint32_t>(kCapacity)) return nullptr;
    const Region* region = slots_[handle].load(std::memory_order_acquire);
    if (region == nullptr || static_cast<uint64_t>(offset) + length > region->length) return nullptr;
    return region->base + offset;
  }

 private:
  std::mutex mutex_;
  int32_t next_ = 0;
  std::atomic<Region*> slots_[kCapacity] = {};
};

}  // namespace aeron_bypass
