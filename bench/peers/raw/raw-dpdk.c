// The limit of a DPDK wire: UDP messages, one a packet, by a loop that does nothing else.
//
//   raw-dpdk role=… side=… cpu=… messageLength=… … -- <EAL arguments>
//
// The port is set up as native/dpdk_port.cc does it, and a message's way is the same: headers, a copy of the payload, a UDP
// checksum (by the port where it can) on the way out; on the way in, headers checked in place.
#include "side.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

enum {
  kRingLength = 1024,
  kPoolCache = 256,
  kFrameOverhead = 22,  // Ethernet header, one VLAN tag, frame check sequence.
  kTxDataOffset = 134,  // Payloads start 16-byte aligned.
  kHeaderLength = 42,
  kFrameMin = 60,
  kUdpPort = 20121,
  kPollsPerClock = 8,
};

struct Headers {
  struct rte_ether_hdr ethernet;
  struct rte_ipv4_hdr ip;
  struct rte_udp_hdr udp;
} __rte_packed __rte_aligned(2);
_Static_assert(sizeof(struct Headers) == kHeaderLength, "no padding");

static struct {
  struct rte_mempool* pool;
  bool offloadTx;
  bool verifyRx;  // In software: the port does not look at UDP checksums.
  uint32_t messageLength;
  struct Headers headers;
  uint8_t* message;
} wire;

static void check(const char* what, int error) {
  if (error >= 0) return;
  fprintf(stderr, "%s: %s\n", what, rte_strerror(-error));
  exit(1);
}

static void openPort(uint16_t mtu) {
  struct rte_eth_dev_info info;
  check("rte_eth_dev_info_get", rte_eth_dev_info_get(0, &info));
  struct rte_eth_conf conf = {.rxmode.mtu = mtu};
  conf.rxmode.offloads = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  wire.offloadTx = conf.txmode.offloads != 0;
  wire.verifyRx = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) == 0;
  if (wire.offloadTx) conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;

  check("rte_eth_dev_configure", rte_eth_dev_configure(0, 1, 1, &conf));
  const int mtuError = rte_eth_dev_set_mtu(0, mtu);
  if (mtuError != -ENOTSUP) check("rte_eth_dev_set_mtu", mtuError);
  uint16_t rxSize = kRingLength, txSize = kRingLength;
  check("rte_eth_dev_adjust_nb_rx_tx_desc", rte_eth_dev_adjust_nb_rx_tx_desc(0, &rxSize, &txSize));
  const uint32_t dataRoom = RTE_MAX(2048u, RTE_ALIGN((uint32_t)mtu + kFrameOverhead, 1024u));
  wire.pool = rte_pktmbuf_pool_create("raw", rxSize + txSize + 4 * kBurst + 4 * kPoolCache, kPoolCache, 0,
                                      RTE_PKTMBUF_HEADROOM + dataRoom, rte_eth_dev_socket_id(0));
  if (wire.pool == NULL) check("rte_pktmbuf_pool_create", -rte_errno);
  struct rte_eth_rxconf rxConf = info.default_rxconf;
  rxConf.offloads = conf.rxmode.offloads;
  struct rte_eth_txconf txConf = info.default_txconf;
  txConf.offloads = conf.txmode.offloads;
  check("rte_eth_rx_queue_setup", rte_eth_rx_queue_setup(0, 0, rxSize, 0, &rxConf, wire.pool));
  check("rte_eth_tx_queue_setup", rte_eth_tx_queue_setup(0, 0, txSize, 0, &txConf));
  rte_eth_promiscuous_disable(0);
  check("rte_eth_dev_start", rte_eth_dev_start(0));
}

// Headers and payload that every message starts from.
static void prepare(uint32_t messageLength, int side) {
  const uint16_t udpLength = messageLength + sizeof(struct rte_udp_hdr);
  struct Headers* headers = &wire.headers;
  headers->ethernet.dst_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, 1 - side}};
  headers->ethernet.src_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, side}};
  headers->ethernet.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
  headers->ip = (struct rte_ipv4_hdr){
      .version_ihl = RTE_IPV4_VHL_DEF,
      .total_length = rte_cpu_to_be_16(udpLength + sizeof(struct rte_ipv4_hdr)),
      .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
      .time_to_live = 64,
      .next_proto_id = IPPROTO_UDP,
      .src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 1 + side)),
      .dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 2 - side)),
  };
  headers->ip.hdr_checksum = rte_ipv4_cksum(&headers->ip);
  headers->udp.src_port = headers->udp.dst_port = RTE_BE16(kUdpPort);
  headers->udp.dgram_len = rte_cpu_to_be_16(udpLength);
  headers->udp.dgram_cksum = rte_ipv4_phdr_cksum(&headers->ip, RTE_MBUF_F_TX_UDP_CKSUM);
  wire.messageLength = messageLength;
  wire.message = malloc(messageLength);
  memset(wire.message, 'm', messageLength);
}

static void prefetchForWrite(const uint8_t* bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i += RTE_CACHE_LINE_SIZE) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(bytes[i]));
#else
    __builtin_prefetch(bytes + i, 1, 3);
#endif
  }
}

static void finish(struct rte_mbuf* mbuf) {
  struct Headers* headers = rte_pktmbuf_mtod(mbuf, struct Headers*);
  if (wire.offloadTx) {
    headers->udp.dgram_cksum = wire.headers.udp.dgram_cksum;
    mbuf->l2_len = sizeof(headers->ethernet);
    mbuf->l3_len = sizeof(headers->ip);
    mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
  } else {
    headers->udp.dgram_cksum = 0;
    headers->udp.dgram_cksum = rte_ipv4_udptcp_cksum(&headers->ip, &headers->udp);
  }
}

static void build(struct rte_mbuf* mbuf, int64_t sequence, int64_t stamp) {
  uint8_t* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  uint32_t length = kHeaderLength + wire.messageLength;
  memcpy(frame, &wire.headers, kHeaderLength);
  writeMessage(frame + kHeaderLength, wire.message, wire.messageLength, sequence, stamp);
  finish(mbuf);
  if (length < kFrameMin) {
    memset(frame + length, 0, kFrameMin - length);
    length = kFrameMin;
  }
  mbuf->data_len = mbuf->pkt_len = length;
}

// Returns how many of the frames the ring took.
static uint16_t transmit(struct rte_mbuf** frames, uint16_t count) {
  if (wire.offloadTx) count = rte_eth_tx_prepare(0, 0, frames, count);
  return count == 0 ? 0 : rte_eth_tx_burst(0, 0, frames, count);
}

static void allocate(struct rte_mbuf** frames, uint16_t count) {
  while (rte_pktmbuf_alloc_bulk(wire.pool, frames, count) != 0) transmit(NULL, 0);
  for (uint16_t i = 0; i < count; i++) frames[i]->data_off = kTxDataOffset;
}

// The message in a frame, or NULL when the frame is none of ours.
static uint8_t* parse(const struct rte_mbuf* mbuf) {
  struct Headers* headers = rte_pktmbuf_mtod(mbuf, struct Headers*);
  if (mbuf->nb_segs != 1 || mbuf->data_len < kHeaderLength + wire.messageLength ||
      headers->ethernet.ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
      headers->ip.version_ihl != RTE_IPV4_VHL_DEF || headers->ip.next_proto_id != IPPROTO_UDP ||
      headers->ip.dst_addr != wire.headers.ip.src_addr || headers->udp.dst_port != RTE_BE16(kUdpPort) ||
      headers->udp.dgram_len != wire.headers.udp.dgram_len) {
    return NULL;
  }
  const uint64_t known = mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  if (known == RTE_MBUF_F_RX_L4_CKSUM_BAD) return NULL;
  if (wire.verifyRx && known == RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN &&
      rte_ipv4_udptcp_cksum_verify(&headers->ip, &headers->udp) != 0) {
    return NULL;
  }
  return (uint8_t*)(headers + 1);
}

static uint16_t receive(struct rte_mbuf** frames) {
  const uint16_t count = rte_eth_rx_burst(0, 0, frames, kBurst);
  for (uint16_t i = 0; i < count; i++) rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
  return count;
}

static void publish(void) {
  struct rte_mbuf* frames[kBurst];
  int64_t sequence = 0;
  for (;;) {
    allocate(frames, kBurst);
    prefetchForWrite(rte_pktmbuf_mtod(frames[0], uint8_t*), kHeaderLength + wire.messageLength);
    for (uint16_t i = 0; i < kBurst; i++) {
      if (i + 1 < kBurst) {
        prefetchForWrite(rte_pktmbuf_mtod(frames[i + 1], uint8_t*), kHeaderLength + wire.messageLength);
      }
      build(frames[i], sequence++, 0);
    }
    uint16_t sent = 0;
    while (sent < kBurst) sent += transmit(frames + sent, kBurst - sent);
  }
}

static void countMessages(const struct Run* run) {
  struct Counter* counter = newCounter(run);
  struct rte_mbuf* frames[kBurst];
  bool isDone = false;
  while (!isDone) {
    for (int poll = 0; poll < kPollsPerClock; poll++) {
      const uint16_t received = receive(frames);
      for (uint16_t i = 0; i < received; i++) {
        const uint8_t* message = parse(frames[i]);
        if (message != NULL) count(counter, message);
      }
      rte_pktmbuf_free_bulk(frames, received);
    }
    isDone = updateCounter(counter, nowNs());
  }
}

static void ping(const struct Run* run) {
  struct Pinger* pinger = newPinger(run);
  struct rte_mbuf* frames[kBurst];
  struct rte_mbuf* out[kBurst];
  uint16_t pending = 0;  // Frames in `out` that the ring has not taken yet: waiting for it here would stop the echo, too.
  bool isDone = false;
  while (!isDone) {
    const int64_t now = nowNs();
    int64_t sequence, stamp;
    while (pending < kBurst && takeDue(pinger, now, &sequence, &stamp)) {
      allocate(out + pending, 1);
      build(out[pending++], sequence, stamp);
    }
    const uint16_t sent = pending > 0 ? transmit(out, pending) : 0;
    pending -= sent;
    memmove(out, out + sent, pending * sizeof(out[0]));
    const uint16_t received = receive(frames);
    for (uint16_t i = 0; i < received; i++) {
      const uint8_t* message = parse(frames[i]);
      if (message != NULL) takeReply(pinger, nowNs(), message);
    }
    rte_pktmbuf_free_bulk(frames, received);
    isDone = updatePinger(pinger, now);
  }
}

static void echo(void) {
  struct rte_mbuf* frames[kBurst];
  for (;;) {
    const uint16_t received = receive(frames);
    uint16_t ours = 0;
    for (uint16_t i = 0; i < received; i++) {
      struct rte_mbuf* mbuf = frames[i];
      if (parse(mbuf) == NULL) {
        rte_pktmbuf_free(mbuf);
        continue;
      }
      // Back where it came from, in the same buffer; the sums of the headers stay.
      memcpy(rte_pktmbuf_mtod(mbuf, void*), &wire.headers, kHeaderLength);
      mbuf->ol_flags = 0;
      finish(mbuf);
      frames[ours++] = mbuf;
    }
    uint16_t sent = 0;
    while (sent < ours) sent += transmit(frames + sent, ours - sent);
  }
}

int main(int argumentCount, char** arguments) {
  int words = 1;
  while (words < argumentCount && strcmp(arguments[words], "--") != 0) words++;
  const struct Run run = runOf(words, arguments);

  char lcores[32];
  snprintf(lcores, sizeof(lcores), "--lcores=0@(%d)", run.cpu);
  char* ealArguments[32] = {"raw-dpdk", lcores, "--no-telemetry", "--log-level=error"};
  int ealCount = 4;
  for (int i = words + 1; i < argumentCount && ealCount < 31; i++) ealArguments[ealCount++] = arguments[i];
  check("rte_eal_init", rte_eal_init(ealCount, ealArguments) < 0 ? -rte_errno : 0);
  openPort(RTE_MAX(RTE_ETHER_MTU, (int)run.messageLength + 28));
  prepare(run.messageLength, run.side);
  puts("{\"event\":\"ready\"}");

  if (is(&run, "publish")) publish();
  if (is(&run, "count")) countMessages(&run);
  if (is(&run, "ping")) ping(&run);
  if (is(&run, "echo")) echo();
  pause();  // Until the coordinator has read what it wants to know of this process.
  return 0;
}
