/** The wires that the demo and the benchmark compare, as plans for {@link runWire}. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { sharedMemoryWire } from '../../device/dpdk/shared-memory-wire.ts';
import type { SideConfig } from './side-messages.ts';
import type { WirePlan } from './wire-run.ts';

/** Both sides get the same buffers on every wire, so that only the wire differs. */
const DRIVER_PROPERTIES = [
  '-Daeron.threading.mode=INVOKER',
  '-Daeron.socket.so_rcvbuf=2m',
  '-Daeron.socket.so_sndbuf=2m',
  '-Daeron.rcv.initial.window.length=2m',
  '-Daeron.network.publication.max.messages.per.send=16',
];
/** Small enough for a log to stay in a processor's cache: measured 1.3 times as fast as 4 MiB, on either wire. */
const TERM_LENGTH = '512k';
const STREAM_ID = 1001;

/** Two drivers on kernel sockets over the loopback interface. */
export async function kernelWire(): Promise<WirePlan> {
  const ports = [await freeUdpPort(), await freeUdpPort()];
  return {
    name: 'kernel',
    device: 'lo',
    sideConfig: (side, folder) => ({
      ...udpChannels(
        side,
        ports.map((port) => `127.0.0.1:${port}`),
      ),
      directory: join(folder, String(side)),
      driverArguments: [`-Daeron.dir=${join(folder, String(side))}`, ...DRIVER_PROPERTIES],
    }),
  };
}

/** Two drivers, each owning one DPDK port of a wire in shared memory. */
export function dpdkWire(useHugepages: boolean): WirePlan {
  const addresses = ['10.77.0.1', '10.77.0.2'];
  const { device } = sharedMemoryWire({ role: 'a', socketPath: '', useHugepages });
  return {
    name: 'dpdk',
    device,
    sideConfig: (side, folder) => ({
      ...udpChannels(
        side,
        addresses.map((address) => `${address}:20121`),
      ),
      directory: join(folder, String(side)),
      driverArguments: [
        ...sharedMemoryWire({
          role: side === 0 ? 'a' : 'b',
          socketPath: join(folder, 'wire.sock'),
          useHugepages,
        }).ealArguments,
        '--',
        `-Daeron.dir=${join(folder, String(side))}`,
        `-Daeron.dpdk.local.ipv4.address=${addresses[side]}/24`,
        ...DRIVER_PROPERTIES,
      ],
    }),
  };
}

/** One driver, on the first side; the second side is a client process of it. */
export function ipcWire(): WirePlan {
  return {
    name: 'ipc',
    device: 'shared memory',
    sideConfig: (side, folder) => ({
      directory: join(folder, '0'),
      driverArguments: side === 0 ? [`-Daeron.dir=${join(folder, '0')}`, ...DRIVER_PROPERTIES] : null,
      cpu: cpuOf(side),
      publishChannel: `aeron:ipc?term-length=${TERM_LENGTH}`,
      publishStreamId: STREAM_ID + side,
      subscribeChannel: 'aeron:ipc',
      subscribeStreamId: STREAM_ID + 1 - side,
    }),
  };
}

type Channels = Omit<SideConfig, 'directory' | 'driverArguments'>;

function udpChannels(side: 0 | 1, endpoints: readonly string[]): Channels {
  return {
    cpu: cpuOf(side),
    publishChannel: `aeron:udp?endpoint=${endpoints[1 - side]}|term-length=${TERM_LENGTH}`,
    publishStreamId: STREAM_ID,
    subscribeChannel: `aeron:udp?endpoint=${endpoints[side]}`,
    subscribeStreamId: STREAM_ID,
  };
}

/** A core a side where there are two. */
function cpuOf(side: 0 | 1): number | null {
  return availableParallelism() >= 2 ? side : null;
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
