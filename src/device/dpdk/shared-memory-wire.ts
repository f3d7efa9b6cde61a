export { type HugepageReservation, reserveHugepages } from './hugepages.ts';

export interface SharedMemoryWireOptions {
  /** Each side once. Either may start first, and either may be restarted; side a waits at its start for side b. */
  readonly role: 'a' | 'b';
  /**
   * A path both sides can reach, short enough for a Unix socket (107 bytes); side a makes it. Side b looks for it once a
   * second, so it should not start much before that.
   */
  readonly socketPath: string;
  readonly useHugepages: boolean;
  /** Frames under way in each direction; a power of two up to 32768. 1024 when left out. */
  readonly ringLength?: number;
  /** Queue pairs, the same at both sides: queue i of one is queue i of the other. 1 when left out. */
  readonly queues?: number;
}

/** One side of a wire. */
export interface SharedMemoryWire {
  /** What the wire is made of, to show. */
  readonly device: string;
  /** EAL arguments of the process that owns this side, as its port 0. */
  readonly ealArguments: string[];
}

/** Enough for the packet buffers of one port with rings of some thousand frames. */
const MEMORY_MIB = 256;

/**
 * A wire between two processes of this machine, in shared memory: DPDK's `net_virtio_user` at side a and `net_vhost` at
 * side b. Side a lends its packet memory to side b, which copies in and out of it; a Unix socket carries the set-up.
 *
 * Chosen over `net_memif`, which is as fast (see `docs/internals/bypass.md`) but takes the process at one end down when
 * the other ends amid a burst. Here a side that dies shows as link down at the other, and b reconnects when a returns.
 */
export function sharedMemoryWire(options: SharedMemoryWireOptions): SharedMemoryWire {
  const { role, socketPath, useHugepages, ringLength = 1024, queues = 1 } = options;
  const port =
    role === 'a'
      ? `net_virtio_user0,path=${socketPath},server=1,queue_size=${ringLength},packed_vq=1,in_order=1,mrg_rxbuf=0${
          queues > 1 ? `,queues=${queues},cq=1` : '' // More than one are set up over a control queue.
        }`
      : `net_vhost0,iface=${socketPath},client=1${queues > 1 ? `,queues=${queues}` : ''}`;
  // In pieces of memory that the other side can map: one file for all of it.
  const memory = useHugepages
    ? ['--in-memory', '--single-file-segments']
    : ['--no-huge', '--no-shconf', '-m', String(MEMORY_MIB)];
  return {
    device: 'net_virtio_user ↔ net_vhost',
    ealArguments: ['--no-pci', ...memory, '--iova-mode=va', `--vdev=${port}`],
  };
}
