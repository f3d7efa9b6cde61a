/** What stands beside the figures in every report. */

export interface Remark {
  readonly title: string;
  readonly text: string;
}

/** What each figure counts. */
export const COUNTED: readonly Remark[] = [
  {
    title: 'Messages a second',
    text: 'Messages that the receiving application got and whose sequence number it compared, from the end of warm-up to the end of the window, by its own clock. Sending alone does not count, and what is lost is not received.',
  },
  {
    title: 'Round trip',
    text: 'From the pinging application to the echoing application and back, through both drivers each way. With one message in flight the next leaves when the answer is there. At a rate each message has a time when it is due, and its round trip begins then, even if it leaves later: a stall is charged to every message it delays (no coordinated omission).',
  },
  {
    title: 'Packets a second',
    text: 'Datagrams of 64 bytes of payload that the receiver took, with a sequence number in each. The bare stack builds and checks Ethernet, IPv4 and UDP headers and demultiplexes by port; raw C on DPDK does the same headers in C; there is no Aeron in either.',
  },
  {
    title: 'Processor time',
    text: 'User and system time of all processes of both sides in the window, by the kernel’s accounts, per million messages received (or round trips). All but a few contestants spin, so it is close to two cores times the time a message takes.',
  },
  {
    title: 'Memory',
    text: 'Resident pages of all processes of both sides at the end of the window. Pages in files that two processes map count twice; hugepages do not count.',
  },
  {
    title: 'Cold start',
    text: 'Full speed is reached with the first tenth of a second that has 90 % of the messages that the second half of the run has on average, and counts from the start of the processes: loading Node or the JVM, DPDK and the connection included.',
  },
];

/** Where a comparison flatters us. */
export const FLATTERING: readonly Remark[] = [
  {
    title: 'System calls are dear in a virtual machine',
    text: 'An empty one takes 200 ns and more on the kind of machine this was written on, some times what it takes on bare metal. Whoever avoids the kernel gains more here than there.',
  },
  {
    title: 'A wire in shared memory is not a cable',
    text: 'The DPDK wire (net_virtio_user and net_vhost) copies packets between two processes. It has no link rate, no bus and no card behind it, and its latency is that of the caches. Loopback, which the kernel contestants use, is no cable either.',
  },
  {
    title: 'The official driver does not use UDP GSO',
    text: 'Generic segmentation offload alone makes a kernel sender ten times as fast on loopback and veth, where nobody ever splits the segments. So every figure of the DPDK wire stands beside our kernel transport with GSO, the one without, and the official C driver; compare with all three. On a real card GSO gains less.',
  },
  {
    title: 'One thread a side',
    text: 'Driver and client share one thread, in our contestants and in the official ones, pinned to a core and never idle. That is the best layout for two cores; an official driver with three threads on cores of their own would gain throughput that this machine has no cores for.',
  },
  {
    title: 'Reading one figure',
    text: 'A shared machine has moods that last minutes. Compare within a run, look at the lowest and highest round, and repeat what you rely on.',
  },
];

export function toParagraphs(remarks: readonly Remark[]): string {
  return remarks.map(({ title, text }) => `* **${title}.** ${text}`).join('\n');
}
