// What the two raw programs share: arguments, messages, and the books of a counter and of a pinger. No wire in here.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kBurst = 64, kMessageMin = 16, kSampleCount = 36000 };
static const int64_t kMs = 1000000;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static int64_t nowNs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 * kMs + now.tv_nsec;
}

// ---- arguments: key=value words, as every side of the benchmark takes them

struct Run {
  const char* role;
  int side;
  int cpu;
  int ports[2];
  uint32_t messageLength;
  int64_t rate;  // Messages a second that a pinger has due; 0: one in flight.
  int64_t warmUpNs;
  int64_t durationNs;
  bool gso;
};

static const char* textOf(int count, char** words, const char* key, const char* otherwise) {
  const size_t length = strlen(key);
  for (int i = 1; i < count; i++) {
    if (strncmp(words[i], key, length) == 0 && words[i][length] == '=') return words[i] + length + 1;
  }
  return otherwise;
}

static int64_t numberOf(int count, char** words, const char* key) {
  return atoll(textOf(count, words, key, "0"));
}

// Pins the process, too.
static struct Run runOf(int count, char** words) {
  struct Run run = {
      .role = textOf(count, words, "role", ""),
      .side = (int)numberOf(count, words, "side"),
      .cpu = (int)numberOf(count, words, "cpu"),
      .messageLength = (uint32_t)numberOf(count, words, "messageLength"),
      .rate = numberOf(count, words, "rate"),
      .warmUpNs = numberOf(count, words, "warmUpMs") * kMs,
      .durationNs = numberOf(count, words, "durationMs") * kMs,
      .gso = numberOf(count, words, "gso") != 0,
  };
  sscanf(textOf(count, words, "ports", ""), "%d,%d", &run.ports[0], &run.ports[1]);
  if (run.messageLength < kMessageMin) {
    fprintf(stderr, "messageLength=%u is less than %d\n", run.messageLength, kMessageMin);
    exit(1);
  }
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(run.cpu, &cpus);
  if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) die("cannot pin to the CPU");
  setvbuf(stdout, NULL, _IOLBF, 1 << 16);
  return run;
}

static bool is(const struct Run* run, const char* role) { return strcmp(run->role, role) == 0; }

// ---- messages: sequence, time stamp (both little endian, as is every machine this runs on), constant bytes

static int64_t sequenceOf(const uint8_t* message) {
  int64_t sequence;
  memcpy(&sequence, message, 8);
  return sequence;
}

static int64_t stampOf(const uint8_t* message) {
  int64_t stamp;
  memcpy(&stamp, message + 8, 8);
  return stamp;
}

static void writeMessage(uint8_t* to, const uint8_t* prepared, uint32_t length, int64_t sequence, int64_t stamp) {
  memcpy(to, prepared, length);
  memcpy(to, &sequence, 8);
  memcpy(to + 8, &stamp, 8);
}

// ---- counter: what arrives, from the first message on

struct Counter {
  int64_t warmUpNs;
  int64_t durationNs;
  int64_t expected;
  int64_t messages;
  int64_t lost;
  int64_t firstNs;
  int64_t windowNs;  // 0 before the window.
  int64_t windowMessages;
  int64_t windowLost;
  int64_t sampledMessages;
  int sampleCount;
  int64_t samples[kSampleCount];
};

static void count(struct Counter* counter, const uint8_t* message) {
  const int64_t sequence = sequenceOf(message);
  if (sequence != counter->expected && sequence > counter->expected && counter->messages > 0) {
    counter->lost += sequence - counter->expected;
  }
  counter->expected = sequence + 1;
  counter->messages++;
}

static void printCounts(const struct Counter* counter, int64_t elapsedNs) {
  printf("{\"event\":\"result\",\"messages\":%ld,\"elapsedNs\":%ld,\"lost\":%ld,\"samples\":[",
         counter->messages - counter->windowMessages, elapsedNs, counter->lost - counter->windowLost);
  for (int i = 0; i < counter->sampleCount; i++) printf("%s%ld", i > 0 ? "," : "", counter->samples[i]);
  printf("]}\n");
}

// Sees to samples, window and result. Returns true when the result is out.
static bool updateCounter(struct Counter* counter, int64_t now) {
  if (counter->messages == 0) return false;
  if (counter->firstNs == 0) counter->firstNs = now;
  while (now - counter->firstNs >= 100 * kMs * (counter->sampleCount + 1) && counter->sampleCount < kSampleCount) {
    counter->samples[counter->sampleCount++] = counter->messages - counter->sampledMessages;
    counter->sampledMessages = counter->messages;
  }
  if (counter->windowNs == 0) {
    if (now - counter->firstNs < counter->warmUpNs) return false;
    counter->windowNs = now;
    counter->windowMessages = counter->messages;
    counter->windowLost = counter->lost;
    puts("{\"event\":\"window\"}");
  }
  if (now - counter->windowNs < counter->durationNs) return false;
  printCounts(counter, now - counter->windowNs);
  return true;
}

static struct Counter* newCounter(const struct Run* run) {
  struct Counter* counter = calloc(1, sizeof(*counter));
  counter->warmUpNs = run->warmUpNs;
  counter->durationNs = run->durationNs;
  return counter;
}

// ---- histogram: 64 buckets for each power of two, so at most 1.6 % off

enum { kBuckets = 64, kBucketBits = 6, kHistogramLength = kBuckets * 40 };

static int bucketOf(uint64_t ns) {
  if (ns < kBuckets) return (int)ns;
  const int shift = 63 - __builtin_clzll(ns) - kBucketBits;
  const int bucket = kBuckets * shift + (int)(ns >> shift);
  return bucket < kHistogramLength ? bucket : kHistogramLength - 1;
}

static uint64_t bucketEnd(int bucket) {
  if (bucket < kBuckets) return (uint64_t)bucket;
  const int shift = bucket / kBuckets - 1;
  return ((uint64_t)(bucket % kBuckets + kBuckets + 1) << shift) - 1;
}

// ---- pinger: finds out that the echo is there, then sends by the schedule, or one message after the other

enum { kConnectRetryMs = 10, kReplyWaitMs = 100, kDrainMs = 1000 };

struct Pinger {
  int64_t rate;
  int64_t startNs;  // Of the warm-up, with the first reply; 0 before.
  int64_t windowNs;
  int64_t endNs;
  int64_t sequence;
  int64_t scheduled;  // Messages of the schedule so far.
  int64_t lastSentNs;
  bool replied;  // To the last message.
  bool windowOpen;
  int64_t due;  // In the window, as are these.
  int64_t received;
  int64_t histogram[kHistogramLength];
  int64_t warmUpNs;
  int64_t durationNs;
};

static struct Pinger* newPinger(const struct Run* run) {
  struct Pinger* pinger = calloc(1, sizeof(*pinger));
  pinger->rate = run->rate;
  pinger->warmUpNs = run->warmUpNs;
  pinger->durationNs = run->durationNs;
  pinger->replied = true;
  return pinger;
}

// When the next message is due, or was: its time stamp.
static int64_t dueNs(const struct Pinger* pinger, int64_t now) {
  if (pinger->startNs == 0) return pinger->lastSentNs + kConnectRetryMs * kMs <= now ? now : INT64_MAX;
  if (pinger->rate > 0) return pinger->startNs + pinger->scheduled * 1000 * kMs / pinger->rate;
  return pinger->replied || pinger->lastSentNs + kReplyWaitMs * kMs <= now ? now : INT64_MAX;
}

// Whether a message is due; then it has to be sent with the sequence and the time stamp given.
static bool takeDue(struct Pinger* pinger, int64_t now, int64_t* sequence, int64_t* stamp) {
  const int64_t due = dueNs(pinger, now);
  if (due > now || (pinger->startNs != 0 && due >= pinger->endNs)) return false;
  if (pinger->startNs != 0 && due >= pinger->windowNs) {
    if (!pinger->windowOpen) puts("{\"event\":\"window\"}");
    pinger->windowOpen = true;
    pinger->due++;
  }
  if (pinger->startNs != 0) pinger->scheduled++;
  pinger->lastSentNs = now;
  pinger->replied = false;
  *sequence = pinger->sequence++;
  *stamp = due;
  return true;
}

static void takeReply(struct Pinger* pinger, int64_t now, const uint8_t* message) {
  if (pinger->startNs == 0) {
    pinger->startNs = now;
    pinger->windowNs = now + pinger->warmUpNs;
    pinger->endNs = pinger->windowNs + pinger->durationNs;
  }
  const bool isLast = sequenceOf(message) == pinger->sequence - 1;
  if (isLast) pinger->replied = true;
  const int64_t stamp = stampOf(message);
  // A reply that was given up is lost, though it comes.
  if (stamp < pinger->windowNs || (pinger->rate == 0 && !isLast)) return;
  pinger->histogram[bucketOf((uint64_t)(now - stamp))]++;
  pinger->received++;
}

// Returns true when the result is out.
static bool updatePinger(struct Pinger* pinger, int64_t now) {
  if (pinger->startNs == 0 || now < pinger->endNs) return false;
  // What the schedule holds is due, sent or not.
  const int64_t due = pinger->rate > 0 ? pinger->rate * (pinger->durationNs / kMs) / 1000 : pinger->due;
  if (pinger->received < due && now < pinger->endNs + kDrainMs * kMs) return false;
  printf("{\"event\":\"result\",\"messages\":%ld,\"elapsedNs\":%ld,\"lost\":%ld,\"histogram\":[", pinger->received,
         pinger->durationNs, due - pinger->received);
  const char* separator = "";
  for (int i = 0; i < kHistogramLength; i++) {
    if (pinger->histogram[i] == 0) continue;
    printf("%s[%lu,%ld]", separator, bucketEnd(i), pinger->histogram[i]);
    separator = ",";
  }
  printf("]}\n");
  return true;
}
