#include "dpdk_eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_timer.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

enum class EalState { kNone, kReady, kFailed };
EalState ealState = EalState::kNone;
std::string ealArguments;       // As the user gave them.

// ---- log: the last few KiB that EAL and drivers said, shown only when something fails.

// Never destroyed: DPDK's own threads run, and may say something, until the process is gone.
std::mutex& logMutex = *new std::mutex();
std::string& logText = *new std::string();
constexpr size_t kLogLength = 8192;

ssize_t writeLog(void*, const char* text, size_t length) {
  std::lock_guard<std::mutex> lock(logMutex);
  logText.append(text, length);
  if (logText.size() > kLogLength) logText.erase(0, logText.size() - kLogLength);
  return static_cast<ssize_t>(length);
}

void captureLog() {
  cookie_io_functions_t functions = {nullptr, writeLog, nullptr, nullptr};
  FILE* stream = fopencookie(nullptr, "w", functions);
  if (stream == nullptr) return;
  setvbuf(stream, nullptr, _IOLBF, 512);
  rte_openlog_stream(stream);
}

// ---- EAL

// A thread that did not initialise EAL gets an lcore id of its own, so the pool's per-core cache serves it.
struct ThreadRegistration {
  bool registered = false;
  void ensure() {
    if (rte_lcore_id() == LCORE_ID_ANY) registered = rte_thread_register() == 0 || registered;
  }
  ~ThreadRegistration() {
    if (registered) rte_thread_unregister();
  }
};
thread_local ThreadRegistration threadRegistration;

void closeDevices() {
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; id++) {
    if (queues[id * kQueuesMax] != nullptr && rte_eth_dev_is_valid_port(id)) rte_eth_dev_close(id);
  }
}

// Bounds the wait of a virtual port that listens on a Unix socket and blocks until its peer connects: when time is up,
// connects and hangs up, so that the port gives up.
class PeerWait {
 public:
  PeerWait(const std::string& path, int32_t timeoutMs) {
    if (path.empty()) return;
    thread_ = std::thread([this, path, timeoutMs] {
      std::unique_lock<std::mutex> lock(mutex_);
      if (done_.wait_for(lock, std::chrono::milliseconds(timeoutMs), [this] { return over_; })) return;
      sockaddr_un address = {};
      address.sun_family = AF_UNIX;
      path.copy(address.sun_path, sizeof(address.sun_path) - 1);
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
      close(fd);
    });
  }

  ~PeerWait() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace

std::string takeLog() {
  std::lock_guard<std::mutex> lock(logMutex);
  std::string text;
  text.swap(logText);
  return text;
}

std::string errnoText(int error) { return std::string(rte_strerror(error < 0 ? -error : error)); }

void fail(v8::Isolate* isolate, const char* code, const std::string& what) {
  const std::string log = takeLog();
  throwError(isolate, code, log.empty() ? what : what + "\n" + log);
}

// initialise(arguments, given, listeningSocket, waitMs): throws DPDK_INIT with what EAL said. The calling thread becomes
// the main lcore. `given` is the arguments as the user gave them: a second call with the same does nothing but register
// the calling thread. A port that listens on the socket, "" for none, waits so long for its peer.
void initialise(const Arguments& args) {
  v8::Isolate* isolate = args.GetIsolate();
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Array> list = args[0].As<v8::Array>();
  static std::vector<std::string> texts;  // EAL keeps pointers into its arguments.
  std::vector<std::string> wanted = {"aeron-bypass"};
  for (uint32_t i = 0; i < list->Length(); i++) {
    v8::String::Utf8Value text(isolate, list->Get(context, i).ToLocalChecked());
    wanted.emplace_back(*text, text.length());
  }
  const std::string given = stringAt(args, 1);

  std::lock_guard<std::mutex> lock(mutex);
  if (ealState == EalState::kReady) {
    if (ealArguments != given) {
      return throwError(isolate, "DPDK_ALREADY_INITIALISED",
                        "DPDK can be initialised once per process, and was with \"" + ealArguments + "\"");
    }
    return threadRegistration.ensure();
  }
  if (ealState == EalState::kFailed) {
    return throwError(isolate, "DPDK_INIT", "an earlier initialisation failed, and EAL has one try per process");
  }
  texts = wanted;
  static std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  captureLog();
  // VFIO counts the memory that a card reaches against this limit, except for root, who may become somebody else later.
  const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);  // Refused to all but root, who need not care then.
  const PeerWait wait(stringAt(args, 2), int32At(args, 3));
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    ealState = EalState::kFailed;
    return fail(isolate, "DPDK_INIT", "rte_eal_init: " + errnoText(rte_errno));
  }
  ealState = EalState::kReady;
  rte_timer_subsystem_init();  // Once more does no harm: a driver with timers may have done it.
  ealArguments = given;
  atexit(closeDevices);
}

}  // namespace aeron_bypass::dpdk
