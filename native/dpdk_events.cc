// What happens to a port that runs: its link goes, its card asks to be reset or is pulled out, a frame ends a rest.
#include <rte_interrupts.h>
#include <rte_timer.h>

#include <poll.h>

#include "dpdk_eal.h"
#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

// What watch() returns; device/dpdk/dpdk-device.ts knows the same bits.
enum PortState : int32_t { kLinkUp = 1, kBeingReset = 2, kRemoved = 4 };

// Called on DPDK's interrupt thread.
int onEvent(uint16_t id, rte_eth_event_type event, void*, void*) {
  if (event == RTE_ETH_EVENT_INTR_RESET) {
    portTable[id].isResetWanted = true;
  } else {
    portTable[id].isRemoved = true;
  }
  return 0;
}

bool isAnyUsed(uint16_t id) {
  for (int32_t i = 0; i < kQueuesMax; i++) {
    if (openQueueAt(id * kQueuesMax + i) != nullptr) return true;
  }
  return false;
}

// Resets the port, once no thread uses its queues, and starts it as it was. Returns whether it runs again: a card that is
// not ready is tried again at the next look. The caller has the mutex.
bool resetIdlePort(uint16_t id) {
  if (isAnyUsed(id)) return false;
  rte_eth_dev_stop(id);
  const int error = rte_eth_dev_reset(id);
  if (error != 0 && error != -ENOTSUP) return false;  // Stopping and starting is all that most virtual ports know.
  if (!start(id).empty()) return false;
  applyGroups(id);
  return true;
}

}  // namespace

void listenToEvents(uint16_t id) {
  Port& port = portTable[id];
  port.isRemoved = false;
  for (const rte_eth_event_type event :
       {RTE_ETH_EVENT_INTR_RESET, RTE_ETH_EVENT_INTR_RMV, RTE_ETH_EVENT_RECOVERY_FAILED}) {
    rte_eth_dev_callback_unregister(id, event, onEvent, nullptr);
    rte_eth_dev_callback_register(id, event, onEvent, nullptr);
  }
}

// watch(handle) → PortState bits. Looks after the port: asks for its link, runs timers that drivers have (ENA's watchdog),
// resets it when its card wants that. Each owner of a queue calls it some times a second; it may talk to the device.
// While the port is reset, receive() and transmit() move nothing, and nothing is lost that was to be sent.
void watch(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  Queue* queue = queueAt(int32At(args, 0));
  if (queue == nullptr) return args.GetReturnValue().Set(0);
  const uint16_t id = queue->id;
  Port& port = portTable[id];
  if (queue->queue == 0) rte_timer_manage();
  if (port.isRemoved) {
    queue->state = QueueState::kResting;
    return args.GetReturnValue().Set(kRemoved);
  }
  if (port.isResetWanted) {
    queue->state = QueueState::kResting;
    if (queue->queue == 0) {
      port.linkState = 0;
      if (resetIdlePort(id)) {
        port.isResetWanted = false;
        port.resets++;
      }
    }
  }
  if (port.isResetWanted) return args.GetReturnValue().Set(kBeingReset);
  queue->state = QueueState::kOpen;
  // Some ports keep what they have sent until they need its place; those that can give it back before.
  if (queue->references != nullptr) rte_eth_tx_done_cleanup(id, queue->queue, 0);
  if (queue->queue == 0) {
    rte_eth_link link = {};
    rte_eth_link_get_nowait(id, &link);
    port.linkState = link.link_status == RTE_ETH_LINK_UP ? kLinkUp : 0;
  }
  args.GetReturnValue().Set(port.linkState);
}

// resetPort(handle): what a card asks for that has hung. It happens as owners of its queues call watch().
void resetPort(const Arguments& args) {
  std::lock_guard<std::mutex> lock(mutex);
  const Queue* queue = queueAt(int32At(args, 0));
  if (queue != nullptr) portTable[queue->id].isResetWanted = true;
}

// waitForFrame(handle, timeoutUs) → 1 when an RX interrupt ended the rest, else 0. A frame that is there already ends it at
// once. Ports without RX interrupts do not rest.
int32_t waitForFrame(int32_t handle, int32_t timeoutUs) {
  Queue* queue = openQueueAt(handle);
  if (queue == nullptr || queue->epoll < 0) return 0;
  if (rte_eth_dev_rx_intr_enable(queue->id, queue->queue) != 0) return 0;
  int32_t woken = 0;
  // What arrived before the interrupt was on caused none.
  if (rte_eth_rx_queue_count(queue->id, queue->queue) <= 0) {
    pollfd waited = {queue->epoll, POLLIN, 0};
    const timespec timeout = {timeoutUs / 1000000, (timeoutUs % 1000000) * 1000L};
    woken = ppoll(&waited, 1, &timeout, nullptr) > 0 ? 1 : 0;
  }
  rte_eth_dev_rx_intr_disable(queue->id, queue->queue);
  if (woken != 0) {
    rte_epoll_event event;
    rte_epoll_wait(queue->epoll, &event, 1, 0);  // Takes the event back.
  }
  return woken;
}

}  // namespace aeron_bypass::dpdk
