// Bursts of frames in, bursts of frames out.
#include <rte_prefetch.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "dpdk_port.h"

namespace aeron_bypass::dpdk {
namespace {

constexpr int32_t kFirstLook = 8;          // Frames asked for at least; vector drivers take no fewer.
constexpr uint32_t kHeaderLength = 42;     // Ethernet, IPv4 and UDP headers, which JavaScript writes.
constexpr uint32_t kIpStart = 14;          // Behind the Ethernet header.
constexpr uint32_t kIpHeaderLength = 20;   // Without options.
constexpr uint32_t kChecksumStart = 34;    // First byte the UDP checksum covers.
constexpr uint32_t kUdpHeaderLength = 8;   // The headers end with it where its checksum is asked for.
constexpr uint32_t kHeaderLengthMax = 128; // Of what JavaScript writes before a payload.
constexpr uint32_t kFrameMinLength = 60;   // Ethernet's minimum, without the frame check sequence.
constexpr uint16_t kVlanIdMask = 0xfff;
constexpr int32_t kLongBurst = 4;          // Frames from which on a burst is worth copyPastCaches().

// The one's complement sum of RFC 1071 over `length` bytes, in network byte order, folded to 16 bits.
uint32_t sumOf(const uint8_t* bytes, uint32_t length) {
  uint64_t sum = 0;
  uint32_t i = 0;
  for (; i + 4 <= length; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, 4);
    sum += word;
  }
  if (i < length) {
    uint32_t word = 0;
    memcpy(&word, bytes + i, length - i);
    sum += word;
  }
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return rte_be_to_cpu_16(static_cast<uint16_t>(sum));
}

int32_t rxFlags(uint64_t flags) {
  // "None" means: not correct in the bytes, but known to be intact (a virtual port that never left the machine).
  const uint64_t ip = flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
  const uint64_t udp = flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
  int32_t result = 0;
  if (ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD || ip == RTE_MBUF_F_RX_IP_CKSUM_NONE) result |= kIpGood;
  if (ip == RTE_MBUF_F_RX_IP_CKSUM_BAD) result |= kIpBad;
  if (udp == RTE_MBUF_F_RX_L4_CKSUM_GOOD || udp == RTE_MBUF_F_RX_L4_CKSUM_NONE) result |= kUdpGood;
  if (udp == RTE_MBUF_F_RX_L4_CKSUM_BAD) result |= kUdpBad;
  return result;
}

// Whether what lies behind the Ethernet header would be right as an IPv4 header without options; whether it is one is for
// JavaScript to see. For ports that do not say: JavaScript would take 14 ns to sum it up.
bool isIpv4HeaderRight(const uint8_t* frame, uint32_t length) {
  return length >= kIpStart + kIpHeaderLength && frame[kIpStart] == 0x45 &&
         sumOf(frame + kIpStart, kIpHeaderLength) == 0xffff;
}

// A long frame comes in several buffers from cards whose buffers are shorter than ours: copies it into one, and gives the
// pieces back. Returns it as it is when there is no buffer, or none long enough.
rte_mbuf* joined(Queue& queue, rte_mbuf* frame) {
  rte_mbuf* whole = rte_pktmbuf_alloc(queue.pool);
  if (whole == nullptr) return frame;
  whole->data_off = 0;
  if (frame->pkt_len > rte_pktmbuf_tailroom(whole)) {
    rte_pktmbuf_free(whole);
    return frame;
  }
  uint8_t* to = rte_pktmbuf_mtod(whole, uint8_t*);
  for (const rte_mbuf* piece = frame; piece != nullptr; piece = piece->next) {
    memcpy(to, rte_pktmbuf_mtod(piece, const uint8_t*), piece->data_len);
    to += piece->data_len;
  }
  whole->data_len = static_cast<uint16_t>(frame->pkt_len);
  whole->pkt_len = frame->pkt_len;
  whole->ol_flags = frame->ol_flags;
  whole->vlan_tci = frame->vlan_tci;
  rte_pktmbuf_free(frame);
  queue.rxJoined++;
  return whole;
}

// Takes the tag off, where the port has not. Returns whether the frame is of the port's VLAN.
bool takeVlanTag(const Queue& queue, rte_mbuf* mbuf) {
  if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0) {
    if (mbuf->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN || rte_vlan_strip(mbuf) != 0) return false;
  }
  return (mbuf->vlan_tci & kVlanIdMask) == queue.vlanId;
}

// Has the port write the tag of its VLAN, or writes it between the Ethernet addresses and the type.
void addVlanTag(const Queue& queue, rte_mbuf* mbuf) {
  mbuf->vlan_tci = queue.vlanId;
  if (queue.insertVlan) {
    mbuf->ol_flags |= RTE_MBUF_F_TX_VLAN;
    return;
  }
  const uint8_t* addresses = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  uint8_t* frame = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(mbuf, RTE_VLAN_HLEN));
  memmove(frame, addresses, 2 * RTE_ETHER_ADDR_LEN);
  const uint16_t tag[] = {rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(queue.vlanId)};
  memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
  mbuf->l2_len = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
}

// Asks for a buffer's cache lines, to be written. The port, or the process at the other end of a shared-memory wire, had
// them last, so without this every store of the copy waits for a line: the copy takes twice as long on such a wire.
void prefetchForWrite(const rte_mbuf* mbuf, uint32_t length) {
  const uint8_t* bytes = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  for (uint32_t i = 0; i < length; i += RTE_CACHE_LINE_SIZE) {
#if defined(__x86_64__)
    asm volatile("prefetchw %0" : : "m"(bytes[i]));  // The builtin means a prefetch for reading on this processor.
#else
    __builtin_prefetch(bytes + i, 1, 3);
#endif
  }
}

// Copies past the caches. When another processor has the lines of `to`, this takes a quarter of the time of a plain copy,
// which has to fetch each line first; the other one then reads them from memory. So it is for long bursts only, where
// the sender is the slower end, and ends with storeFence(). `to` starts with a cache line.
void copyPastCaches(uint8_t* to, const uint8_t* from, uint32_t length) {
#if defined(__x86_64__)
  uint32_t i = 0;
  for (; i + 64 <= length; i += 64) {
    for (uint32_t k = i; k < i + 64; k += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + k),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k)));
    }
  }
  memcpy(to + i, from + i, length - i);
#else
  memcpy(to, from, length);
#endif
}

void storeFence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// Bytes before the payload, as the upper bits of the flags say; 0: as many as there are before IPv4's.
uint32_t headerLength(const TxWords& words) {
  const uint32_t named = static_cast<uint32_t>(words.flags) >> 8;
  return named == 0 ? kHeaderLength : named;
}

// The UDP checksum of a frame, from its own last 8 bytes of headers, whose field holds the pseudo-header's sum, and a payload.
uint16_t checksumOf(const uint8_t* udpHeader, const uint8_t* payload, uint32_t length) {
  uint32_t sum = sumOf(udpHeader, kUdpHeaderLength) + sumOf(payload, length);
  sum = (sum >> 16) + (sum & 0xffff);
  const uint16_t checksum = static_cast<uint16_t>(~sum);
  return rte_cpu_to_be_16(checksum == 0 ? 0xffff : checksum);  // Zero means: none.
}

// Puts the payload behind the headers: by reference, where it is wanted and can be, or as a copy. Returns what refers to it.
rte_mbuf* addPayload(Queue& queue, const TxWords& words, const uint8_t* payload, uint8_t* to, bool pastCaches) {
  if ((words.flags & kByReference) != 0) {
    rte_mbuf* reference = refer(queue, words.handle, payload, words.length);
    if (reference != nullptr) return reference;
  }
  if (pastCaches) {
    copyPastCaches(to, payload, words.length);
  } else {
    memcpy(to, payload, words.length);
  }
  return nullptr;
}

// Completes the frame whose headers JavaScript wrote. Returns false when its payload is not to be had.
bool complete(Queue& queue, rte_mbuf* mbuf, const TxWords& words, bool pastCaches) {
  uint8_t* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  const uint32_t header = headerLength(words);
  uint32_t length = header + words.length;
  if (header < kHeaderLength || header > kHeaderLengthMax || words.length > queue.dataRoom) return false;
  if (length > mbuf->buf_len - static_cast<uint32_t>(mbuf->data_off)) return false;
  const uint8_t* payload = nullptr;
  rte_mbuf* reference = nullptr;
  if (words.length > 0) {
    payload = regionTable->at(words.handle, words.offset, words.length);
    if (payload == nullptr) return false;
    reference = addPayload(queue, words, payload, frame + header, pastCaches);
  }
  if (words.flags & kUdpChecksum) {
    if (queue.offloadTx) {
      mbuf->l2_len = 14;
      mbuf->l3_len = header - kUdpHeaderLength - 14;
      mbuf->ol_flags |= (header == kHeaderLength ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) | RTE_MBUF_F_TX_UDP_CKSUM;
    } else {
      const uint8_t* bytes = reference == nullptr ? frame + header : payload;
      const uint16_t checksum = checksumOf(frame + header - kUdpHeaderLength, bytes, words.length);
      memcpy(frame + header - 2, &checksum, 2);
    }
  }
  if (reference == nullptr && length < kFrameMinLength) {
    memset(frame + length, 0, kFrameMinLength - length);
    length = kFrameMinLength;
  }
  mbuf->data_len = static_cast<uint16_t>(reference == nullptr ? length : header);
  mbuf->pkt_len = length;
  if (reference != nullptr) {
    mbuf->next = reference;
    mbuf->nb_segs = 2;
    queue.txByReference++;
  }
  if (queue.vlanId != 0) addVlanTag(queue, mbuf);
  return true;
}

}  // namespace

// receive(handle) → frames in the RX table, 0 to kBurst. Gives back the buffers of the burst before.
int32_t receive(int32_t handle) {
  Queue* queue = openQueueAt(handle);
  if (queue == nullptr) return 0;
  if (queue->rxCount > 0) rte_pktmbuf_free_bulk(queue->rx, static_cast<unsigned>(queue->rxCount));
  // net_vhost takes buffers for as many frames as are asked for and gives the rest back: so first no more than there are
  // likely to be.
  const int32_t look = RTE_MIN(kBurst, RTE_MAX(kFirstLook, 2 * queue->rxCount));
  int32_t received = rte_eth_rx_burst(queue->id, queue->queue, queue->rx, static_cast<uint16_t>(look));
  if (received == look && look < kBurst) {
    received += rte_eth_rx_burst(queue->id, queue->queue, queue->rx + received, static_cast<uint16_t>(kBurst - received));
  }
  queue->rxCount = received;
  for (int32_t i = 0; i < received; i++) rte_prefetch0(rte_pktmbuf_mtod(queue->rx[i], void*));
  int32_t count = 0;
  for (int32_t i = 0; i < received; i++) {
    rte_mbuf* mbuf = queue->rx[i];
    // JavaScript sees frames in one piece, in the queue's own memory.
    if (mbuf->nb_segs != 1 || mbuf->pool != queue->pool) {
      mbuf = queue->rx[i] = joined(*queue, mbuf);
      if (mbuf->nb_segs != 1 || mbuf->pool != queue->pool) {
        queue->rxUnsupported++;
        continue;
      }
    }
    if (queue->vlanId != 0 && !takeVlanTag(*queue, mbuf)) {
      queue->rxOtherVlan++;
      continue;
    }
    const uint8_t* frame = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    RxWords& words = queue->rxWords[count++];
    words.offset = static_cast<int32_t>(frame - queue->base);
    words.length = mbuf->data_len;
    words.flags = rxFlags(mbuf->ol_flags);
    words.sum = 0;
    if ((words.flags & (kIpGood | kIpBad)) == 0 && isIpv4HeaderRight(frame, mbuf->data_len)) words.flags |= kIpGood;
    if (queue->sumRx && mbuf->data_len >= kHeaderLength && (words.flags & kUdpGood) == 0) {
      words.sum = static_cast<int32_t>(sumOf(frame + kChecksumStart, mbuf->data_len - kChecksumStart));
      words.flags |= kSummed;
    }
  }
  return count;
}

// transmit(handle, count) → slots ready for the next call. Sends the backlog, then the frames of slots [0, count): the
// TX table names their payloads, flags ask for a UDP checksum whose field holds the pseudo-header's sum. What the ring
// does not take stays behind as backlog and takes up slots. count is at most what the call before returned.
int32_t transmit(int32_t handle, int32_t wanted) {
  Queue* queue = openQueueAt(handle);
  if (queue == nullptr) return 0;
  const int32_t count = RTE_MIN(wanted, RTE_MIN(queue->slotCount, kBurst - queue->backlogCount));
  const bool pastCaches = queue->lendsBuffers && count >= kLongBurst;
  int32_t backlog = queue->backlogCount;
  for (int32_t i = 0; i < count; i++) {
    if (i + 1 < count && !pastCaches) {
      const TxWords& next = queue->txWords[i + 1];
      const uint32_t copied = (next.flags & kByReference) != 0 ? 0 : next.length;
      prefetchForWrite(queue->slots[i + 1], RTE_MIN(kHeaderLength + copied, queue->dataRoom));
    }
    if (complete(*queue, queue->slots[i], queue->txWords[i], pastCaches)) {
      queue->backlog[backlog++] = queue->slots[i];
    } else {
      rte_pktmbuf_free(queue->slots[i]);
      queue->txInvalid++;
    }
  }
  if (pastCaches) storeFence();
  int32_t sent = 0;
  if (backlog > 0) {
    uint16_t ready = static_cast<uint16_t>(backlog);
    if (queue->offloadTx) {
      ready = rte_eth_tx_prepare(queue->id, queue->queue, queue->backlog, ready);
      if (ready == 0) {  // The port will never take this frame.
        rte_pktmbuf_free(queue->backlog[0]);
        queue->txInvalid++;
        sent = 1;
      }
    }
    if (ready > 0) sent = rte_eth_tx_burst(queue->id, queue->queue, queue->backlog, ready);
    backlog -= sent;
    queue->txBackPressure += backlog;
    if (sent > 0) memmove(queue->backlog, queue->backlog + sent, static_cast<size_t>(backlog) * sizeof(rte_mbuf*));
  }
  queue->backlogCount = backlog;
  if (count > 0 && !refill(*queue, count)) {
    queue->txNoBuffers += count;
    // The unused slots move down, the used ones are gone until a later call finds some.
    queue->slotCount -= count;
    for (int32_t i = 0; i < queue->slotCount; i++) {
      queue->slots[i] = queue->slots[i + count];
      queue->txWords[i].frame = queue->txWords[i + count].frame;
    }
  } else if (queue->slotCount < kBurst) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(queue->pool);
    if (mbuf != nullptr) {
      mbuf->data_off = kTxDataOffset;
      queue->txWords[queue->slotCount].frame = static_cast<int32_t>(rte_pktmbuf_mtod(mbuf, uint8_t*) - queue->base);
      queue->slots[queue->slotCount++] = mbuf;
    }
  }
  return RTE_MIN(queue->slotCount, kBurst - backlog);
}

}  // namespace aeron_bypass::dpdk
