// The limit of kernel sockets: UDP messages over loopback, 64 a system call, both sides polling without pause.
//
//   raw-udp role=… side=… cpu=… ports=…,… messageLength=… [gso=1] …
//
// gso=1: the sender hands over runs of messages as one buffer that the kernel cuts (UDP_SEGMENT), the receiver takes what
// was not cut on the way as one buffer (UDP_GRO).
#include "side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

enum {
  kDatagramMax = 65507,
  kGroLength = 65536,
  kSegmentsMax = 64,      // The kernel's own limit.
  kGroBuffers = 8,        // A call; each may hold 64 messages.
  kSocketBufferLength = 2 << 20,
  kPollsPerClock = 8,
};

static int fd;
static uint32_t messageLength;
static uint8_t* prepared;

// A table for sendmmsg and recvmmsg, with a slot of memory for each entry.
struct Burst {
  int count;  // Of entries to send, or received.
  uint32_t slotLength;
  uint8_t* slots;
  struct mmsghdr headers[kBurst];
  struct iovec vectors[kBurst];
  union {
    struct cmsghdr header;  // Aligns it.
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
  } controls[kBurst];
};

static struct Burst* newBurst(const struct Run* run) {
  struct Burst* burst = calloc(1, sizeof(*burst));
  // Cache lines more than that: slots at a power of two from each other would compete for the same places in a cache.
  const uint32_t slotLength = (run->gso ? kGroLength : ((messageLength + 63) & ~63u)) + 64;
  burst->slotLength = slotLength;
  burst->slots = calloc(kBurst, slotLength);
  for (int i = 0; i < kBurst; i++) {
    burst->vectors[i] = (struct iovec){burst->slots + (size_t)i * slotLength, slotLength};
    burst->headers[i].msg_hdr.msg_iov = &burst->vectors[i];
    burst->headers[i].msg_hdr.msg_iovlen = 1;
  }
  return burst;
}

static void openSocket(const struct Run* run) {
  messageLength = run->messageLength;
  prepared = malloc(messageLength);
  memset(prepared, 'm', messageLength);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  const int length = kSocketBufferLength, on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &length, sizeof(length));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &length, sizeof(length));
  if (run->gso && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0) die("UDP_GRO");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(run->ports[run->side]);
  if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
  address.sin_port = htons(run->ports[1 - run->side]);
  if (connect(fd, (struct sockaddr*)&address, sizeof(address)) != 0) die("connect");
}

// ECONNREFUSED says that the other side is not there yet.
static bool isHarmless(int error) { return error == EAGAIN || error == EINTR || error == ECONNREFUSED; }

// Has the kernel cut the entry into messages, when it holds several.
static void setSegments(struct Burst* burst, int i, uint32_t length) {
  struct msghdr* header = &burst->headers[i].msg_hdr;
  burst->vectors[i].iov_len = length;
  header->msg_control = NULL;
  header->msg_controllen = 0;
  if (length <= messageLength) return;
  header->msg_control = &burst->controls[i];
  header->msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  struct cmsghdr* control = &burst->controls[i].header;
  control->cmsg_level = IPPROTO_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  const uint16_t segmentLength = messageLength;
  memcpy(CMSG_DATA(control), &segmentLength, sizeof(segmentLength));
}

// Sends all entries, whatever it takes.
static void sendBurst(struct Burst* burst) {
  int sent = 0;
  while (sent < burst->count) {
    const int accepted = sendmmsg(fd, burst->headers + sent, burst->count - sent, MSG_DONTWAIT);
    if (accepted > 0) sent += accepted;
    if (accepted < 0 && !isHarmless(errno)) die("sendmmsg");
  }
  burst->count = 0;
}

// Fills the table with what has arrived.
static void receiveBurst(struct Burst* burst, int capacity) {
  for (int i = 0; i < burst->count; i++) burst->vectors[i].iov_len = burst->slotLength;
  const int received = recvmmsg(fd, burst->headers, capacity, MSG_DONTWAIT, NULL);
  if (received < 0 && !isHarmless(errno)) die("recvmmsg");
  burst->count = received < 0 ? 0 : received;
}

// Messages a buffer may hold, for the kernel to cut.
static uint32_t segmentsMax(const struct Run* run) {
  const uint32_t fitting = kDatagramMax / messageLength;
  return !run->gso ? 1 : fitting < kSegmentsMax ? fitting : kSegmentsMax;
}

static void publish(const struct Run* run) {
  const uint32_t segments = segmentsMax(run);
  struct Burst* burst = newBurst(run);
  int64_t sequence = 0;
  for (;;) {
    burst->count = run->gso ? 1 : kBurst;
    for (int i = 0; i < burst->count; i++) {
      uint8_t* slot = burst->vectors[i].iov_base;
      for (uint32_t k = 0; k < segments; k++) {
        writeMessage(slot + k * messageLength, prepared, messageLength, sequence++, 0);
      }
      setSegments(burst, i, segments * messageLength);
    }
    sendBurst(burst);
  }
}

static void countMessages(const struct Run* run) {
  struct Counter* counter = newCounter(run);
  struct Burst* burst = newBurst(run);
  const int capacity = run->gso ? kGroBuffers : kBurst;
  bool isDone = false;
  while (!isDone) {
    for (int poll = 0; poll < kPollsPerClock; poll++) {
      receiveBurst(burst, capacity);
      for (int i = 0; i < burst->count; i++) {
        const uint8_t* message = burst->vectors[i].iov_base;
        const uint8_t* end = message + burst->headers[i].msg_len;
        for (; message + messageLength <= end; message += messageLength) count(counter, message);
      }
    }
    isDone = updateCounter(counter, nowNs());
  }
}

static void ping(const struct Run* run) {
  struct Pinger* pinger = newPinger(run);
  const uint32_t segments = segmentsMax(run);
  struct Burst* out = newBurst(run);
  struct Burst* in = newBurst(run);
  bool isDone = false;
  while (!isDone) {
    const int64_t now = nowNs();
    int64_t sequence, stamp;
    uint32_t pending = 0;  // Messages in entry out->count.
    while (out->count < kBurst && takeDue(pinger, now, &sequence, &stamp)) {
      uint8_t* slot = out->vectors[out->count].iov_base;
      writeMessage(slot + pending * messageLength, prepared, messageLength, sequence, stamp);
      setSegments(out, out->count, ++pending * messageLength);
      if (pending < segments) continue;
      pending = 0;
      out->count++;
    }
    if (pending > 0) out->count++;
    if (out->count > 0) sendBurst(out);
    receiveBurst(in, run->rate > 0 ? kBurst : 1);
    for (int i = 0; i < in->count; i++) {
      const uint8_t* message = in->vectors[i].iov_base;
      const uint8_t* end = message + in->headers[i].msg_len;
      const int64_t receivedNs = nowNs();
      for (; message + messageLength <= end; message += messageLength) takeReply(pinger, receivedNs, message);
    }
    isDone = updatePinger(pinger, now);
  }
}

static void echo(const struct Run* run) {
  struct Burst* burst = newBurst(run);
  for (;;) {
    receiveBurst(burst, run->rate > 0 ? kBurst : 1);
    const int received = burst->count;
    for (int i = 0; i < received; i++) setSegments(burst, i, burst->headers[i].msg_len);
    sendBurst(burst);
    burst->count = received;
  }
}

int main(int count, char** words) {
  const struct Run run = runOf(count, words);
  openSocket(&run);
  puts("{\"event\":\"ready\"}");

  if (is(&run, "publish")) publish(&run);
  if (is(&run, "count")) countMessages(&run);
  if (is(&run, "ping")) ping(&run);
  if (is(&run, "echo")) echo(&run);
  pause();  // Until the coordinator has read what it wants to know of this process.
  return 0;
}
