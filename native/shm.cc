// Mapped memory, copies, clocks and threads. Knows nothing of what the bytes mean.
#include "addon.h"
#include "hot_function.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <algorithm>

namespace aeron_bypass {
namespace {

RegionTable regionTable;

void fenceRelease() { std::atomic_thread_fence(std::memory_order_release); }

// map(path, length, create, sparse) → { buffer, handle }
// create: the file must not exist, is made `length` bytes long and zero. Otherwise `length` 0 means the file's own.
void map(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  const std::string path = stringAt(args, 0);
  size_t length = static_cast<size_t>(doubleAt(args, 1));
  const bool create = args[2]->IsTrue();
  const bool sparse = args[3]->IsTrue();

  const int fd = create ? open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                        : open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return throwErrno(isolate, errno, "cannot open " + path);
  int error = 0;
  if (create) {
    if (ftruncate(fd, static_cast<off_t>(length)) != 0) error = errno;
    if (error == 0 && !sparse) error = posix_fallocate(fd, 0, static_cast<off_t>(length));
  } else {
    struct stat status;
    if (fstat(fd, &status) != 0) error = errno;
    if (error == 0 && length == 0) length = static_cast<size_t>(status.st_size);
    if (error == 0 && (length == 0 || static_cast<size_t>(status.st_size) < length)) error = EINVAL;
  }
  void* base = MAP_FAILED;
  if (error == 0) {
    base = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | (create && !sparse ? MAP_POPULATE : 0), fd, 0);
    if (base == MAP_FAILED) error = errno;
  }
  close(fd);
  if (error != 0) {
    if (create) unlink(path.c_str());
    return throwErrno(isolate, error, "cannot map " + std::to_string(length) + " bytes of " + path);
  }

  std::shared_ptr<v8::BackingStore> store = v8::SharedArrayBuffer::NewBackingStore(
      base, length, [](void* data, size_t size, void*) { munmap(data, size); }, nullptr);
  const int32_t handle = regionTable.add({static_cast<uint8_t*>(base), length, store, true});
  if (handle < 0) return throwError(isolate, "EMFILE", "every region handle is in use");
  v8::Local<v8::Object> result = v8::Object::New(isolate);
  set(isolate, result, "buffer", v8::SharedArrayBuffer::New(isolate, store));
  set(isolate, result, "handle", v8::Integer::New(isolate, handle));
  args.GetReturnValue().Set(result);
}

// adopt(buffer) → handle. The SharedArrayBuffer stays alive until retire(handle).
void adopt(const Arguments& args) {
  std::shared_ptr<v8::BackingStore> store = args[0].As<v8::SharedArrayBuffer>()->GetBackingStore();
  const int32_t handle = regionTable.add({static_cast<uint8_t*>(store->Data()), store->ByteLength(), store, false});
  if (handle < 0) return throwError(args.GetIsolate(), "EMFILE", "every region handle is in use");
  args.GetReturnValue().Set(handle);
}

// retire(handle): gives a file mapping's pages back at once. The address range stays valid and reads as zeros until
// the last SharedArrayBuffer over it is collected, so a stale view is harmless.
void retire(const Arguments& args) {
  std::unique_ptr<Region> region = regionTable.remove(int32At(args, 0));
  if (region == nullptr || !region->mapped) return;
  mmap(region->base, region->length, PROT_READ | PROT_WRITE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

struct Copy {
  int32_t toHandle;
  uint32_t toOffset;
  int32_t fromHandle;
  uint32_t fromOffset;
  uint32_t length;
  // Where insertBurst() zeroes a word of the destination's region first; kNowhere: not at all.
  uint32_t zeroOffset;
};
constexpr uint32_t kNowhere = 0xffffffff;

const Copy* copiesAt(int32_t handle, int32_t count) {
  return reinterpret_cast<const Copy*>(regionTable.at(handle, 0, static_cast<uint32_t>(count) * sizeof(Copy)));
}

// copyBurst(copiesHandle, count) → bytes copied. A copy that is not wholly inside its regions is left out.
int32_t copyBurst(int32_t copiesHandle, int32_t count) {
  const Copy* copies = copiesAt(copiesHandle, count);
  int32_t bytes = 0;
  for (int32_t i = 0; copies != nullptr && i < count; i++) {
    const Copy& copy = copies[i];
    uint8_t* to = regionTable.at(copy.toHandle, copy.toOffset, copy.length);
    const uint8_t* from = regionTable.at(copy.fromHandle, copy.fromOffset, copy.length);
    if (to == nullptr || from == nullptr) continue;
    memcpy(to, from, copy.length);
    bytes += static_cast<int32_t>(copy.length);
  }
  return bytes;
}

// Asks for the memory that a copy some turns further on goes to: of many logs none is in a cache, and then the waits overlap.
void prefetchDestination(const Copy& copy) {
  constexpr uint32_t kCacheLineLength = 64;
  constexpr uint32_t kLines = 4;  // The processor sees by then where it goes on.
  uint8_t* to = regionTable.at(copy.toHandle, copy.toOffset, copy.length);
  if (to == nullptr) return;
  for (uint32_t i = 0; i < kLines; i++) __builtin_prefetch(to + i * kCacheLineLength, 1);
  __builtin_prefetch(to + copy.length, 1);
}

// insertBurst(copiesHandle, count) → copies made. As copyBurst, but the first 8 bytes are stored last, with release,
// and a copy whose first word at the destination is not zero is left out: it is already there.
// Needs length >= 8, an 8-byte aligned destination and a zeroOffset that is a multiple of 4.
int32_t insertBurst(int32_t copiesHandle, int32_t count) {
  constexpr int32_t kAhead = 4;
  const Copy* copies = copiesAt(copiesHandle, count);
  int32_t inserted = 0;
  for (int32_t i = 1; copies != nullptr && i < kAhead && i < count; i++) prefetchDestination(copies[i]);
  for (int32_t i = 0; copies != nullptr && i < count; i++) {
    if (i + kAhead < count) prefetchDestination(copies[i + kAhead]);
    const Copy& copy = copies[i];
    uint8_t* to = regionTable.at(copy.toHandle, copy.toOffset, copy.length);
    const uint8_t* from = regionTable.at(copy.fromHandle, copy.fromOffset, copy.length);
    if (to == nullptr || from == nullptr || copy.length < 8) continue;
    if (__atomic_load_n(reinterpret_cast<int32_t*>(to), __ATOMIC_ACQUIRE) != 0) continue;
    uint8_t* end = copy.zeroOffset == kNowhere ? nullptr : regionTable.at(copy.toHandle, copy.zeroOffset, 4);
    if (end != nullptr) __atomic_store_n(reinterpret_cast<int32_t*>(end), 0, __ATOMIC_RELAXED);
    uint64_t first;
    memcpy(&first, from, 8);
    memcpy(to + 8, from + 8, copy.length - 8);
    __atomic_store_n(reinterpret_cast<uint64_t*>(to), first, __ATOMIC_RELEASE);
    inserted++;
  }
  return inserted;
}

void zeroCached(uint8_t* to, size_t length) { memset(to, 0, length); }

// Without bringing the memory into the caches, where the processor can.
void zeroUncached(uint8_t* to, size_t length) {
#if defined(__x86_64__)
  constexpr size_t kCacheLineLength = 64;
  const size_t before = std::min(length, -reinterpret_cast<uintptr_t>(to) % kCacheLineLength);
  memset(to, 0, before);
  uint8_t* line = to + before;
  uint8_t* end = to + length;
  const __m128i zeros = _mm_setzero_si128();
  for (; line + kCacheLineLength <= end; line += kCacheLineLength) {
    for (size_t i = 0; i < kCacheLineLength; i += sizeof zeros) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(line + i), zeros);
    }
  }
  memset(line, 0, end - line);
  _mm_sfence();
#else
  zeroCached(to, length);
#endif
}

// zero(handle, offset, length): the first 8 bytes are zeroed last, with release. Needs length >= 8, aligned to 8.
// zeroPastCaches() does the same for memory that nobody looks at soon.
template <void zeroBytes(uint8_t*, size_t)>
void zero(int32_t handle, int32_t offset, int32_t lengthBits) {
  const uint32_t length = static_cast<uint32_t>(lengthBits);
  uint8_t* to = regionTable.at(handle, static_cast<uint32_t>(offset), length);
  if (to == nullptr || length < 8) return;
  zeroBytes(to + 8, length - 8);
  fenceRelease();
  __atomic_store_n(reinterpret_cast<uint64_t*>(to), 0, __ATOMIC_RELEASE);
}

uint64_t wordOf(int32_t low, int32_t high) {
  return static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32 | static_cast<uint32_t>(low);
}

// compareAndSet64(handle, offset, expectedLow, expectedHigh, low, high) → whether the word was the expected one and is the
// other now. In halves, because JavaScript's 64-bit atomics make garbage. The offset is aligned to 8.
bool compareAndSet64(int32_t handle, int32_t offset, int32_t expectedLow, int32_t expectedHigh, int32_t low,
                     int32_t high) {
  auto* word = reinterpret_cast<uint64_t*>(regionTable.at(handle, static_cast<uint32_t>(offset), 8));
  if (word == nullptr) return false;
  uint64_t expected = wordOf(expectedLow, expectedHigh);
  return __atomic_compare_exchange_n(word, &expected, wordOf(low, high), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// The `length` bytes at `offset` of a view, or nullptr when they are not all in it.
uint8_t* rangeOf(const Bytes& view, uint32_t offset, uint32_t length) {
  return static_cast<uint64_t>(offset) + length > view.length ? nullptr : view.data + offset;
}

// copyIn(handle, offset, view, viewOffset, length) → length, or -1 when either range is out of bounds.
// Begins with a release fence: what was stored before (a tail intent, a negative length) is visible before the bytes.
int32_t copyIn(int32_t handle, int32_t offset, Bytes view, int32_t viewOffset, int32_t length) {
  uint8_t* to = regionTable.at(handle, static_cast<uint32_t>(offset), static_cast<uint32_t>(length));
  const uint8_t* from = rangeOf(view, static_cast<uint32_t>(viewOffset), static_cast<uint32_t>(length));
  if (to == nullptr || from == nullptr) return -1;
  fenceRelease();
  memcpy(to, from, static_cast<uint32_t>(length));
  return length;
}

// copyOut(handle, offset, view, viewOffset, length) → length, or -1 when either range is out of bounds.
int32_t copyOut(int32_t handle, int32_t offset, Bytes view, int32_t viewOffset, int32_t length) {
  const uint8_t* from = regionTable.at(handle, static_cast<uint32_t>(offset), static_cast<uint32_t>(length));
  uint8_t* to = rangeOf(view, static_cast<uint32_t>(viewOffset), static_cast<uint32_t>(length));
  if (to == nullptr || from == nullptr) return -1;
  memcpy(to, from, static_cast<uint32_t>(length));
  return length;
}

// readClocks(handle): writes two doubles at the region's start, monotonic nanoseconds and epoch milliseconds; the third
// is its own. The wall clock is asked at most once a millisecond: nobody needs it finer, and it costs as much again.
// Through memory, because a returned double would be boxed: garbage on every duty cycle.
void readClocks(int32_t handle) {
  double* out = reinterpret_cast<double*>(regionTable.at(handle, 0, 24));
  if (out == nullptr) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  out[0] = static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  if (out[0] < out[2]) return;
  out[2] = out[0] + 1e6;
  clock_gettime(CLOCK_REALTIME, &now);
  out[1] = static_cast<double>(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

// readEpochNs(handle, offset): writes the wall clock's nanoseconds since 1970, a 64-bit integer.
void readEpochNs(int32_t handle, int32_t offset) {
  uint8_t* out = regionTable.at(handle, static_cast<uint32_t>(offset), sizeof(int64_t));
  if (out == nullptr) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t ns = static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
  memcpy(out, &ns, sizeof(ns));
}

// sleep(ns): blocks this thread, at most one second.
void sleep(const Arguments& args) {
  const int32_t ns = int32At(args, 0);
  if (ns <= 0) return;
  struct timespec duration = {ns / 1000000000, ns % 1000000000};
  nanosleep(&duration, nullptr);
}

void yield(const Arguments&) { sched_yield(); }

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// pin(cpu): binds the calling thread to one CPU.
void pin(const Arguments& args) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(int32At(args, 0), &cpus);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
  if (error != 0) throwErrno(args.GetIsolate(), error, "cannot pin to CPU " + std::to_string(int32At(args, 0)));
}

// nameThread(name): at most 15 characters are kept, as Linux shows them.
void nameThread(const Arguments& args) {
  pthread_setname_np(pthread_self(), stringAt(args, 0).substr(0, 15).c_str());
}

void initialise(v8::Local<v8::Object> exports) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  function(isolate, exports, "map", map);
  function(isolate, exports, "adopt", adopt);
  function(isolate, exports, "retire", retire);
  hotFunction<copyBurst>(isolate, exports, "copyBurst");
  hotFunction<insertBurst>(isolate, exports, "insertBurst");
  hotFunction<zero<zeroCached>>(isolate, exports, "zero");
  hotFunction<zero<zeroUncached>>(isolate, exports, "zeroPastCaches");
  hotFunction<compareAndSet64>(isolate, exports, "compareAndSet64");
  hotFunction<copyIn>(isolate, exports, "copyIn");
  hotFunction<copyOut>(isolate, exports, "copyOut");
  hotFunction<readClocks>(isolate, exports, "readClocks");
  hotFunction<readEpochNs>(isolate, exports, "readEpochNs");
  function(isolate, exports, "sleep", sleep);
  function(isolate, exports, "yield", yield);
  hotFunction<pause>(isolate, exports, "pause");
  function(isolate, exports, "pin", pin);
  function(isolate, exports, "nameThread", nameThread);
  set(isolate, exports, "regionTable",
      v8::BigInt::NewFromUnsigned(isolate, reinterpret_cast<uintptr_t>(&regionTable)));
}

}  // namespace
}  // namespace aeron_bypass

NODE_MODULE_INIT() { aeron_bypass::initialise(exports); }
