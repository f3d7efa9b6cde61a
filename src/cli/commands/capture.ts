import { CAPTURE_RING_LENGTH_MAX, SNAP_LENGTH_MAX } from '../../capture/capture-file.ts';
import type { CapturedFrame } from '../../capture/capture-reader.ts';
import { type CaptureOutput, PcapngOutput, TextOutput } from '../capture/capture-output.ts';
import { CaptureSession } from '../capture/capture-session.ts';
import { decodeFrame } from '../capture/decoded-frame.ts';
import { type FrameFilter, parseFilter } from '../capture/frame-filter.ts';
import { type Command, defineCommand } from '../command.ts';
import { DIR } from '../options.ts';
import { directoryOf } from '../station.ts';

const MIB = 1 << 20;

export const capture: Command = defineCommand({
  usage: 'capture [options]',
  about: `Shows the Ethernet frames of a running driver that owns a DPDK port, or writes them to a file for Wireshark, tshark
and their kin (pcapng). The driver never waits for it: frames that find no room are dropped here, and counted.
A filter is made of: host ADDRESS, port NUMBER, src and dst before them; in, out; arp, ip, ip6, udp, icmp, icmp6, igmp;
aeron, data, pad, setup, sm, nak, rttm, err, res, rsp_setup; stream ID, session ID; and, or, not, ( ).`,
  options: {
    dir: DIR,
    write: { type: 'text', short: 'w', value: 'file', help: 'write a pcapng file; "-" is standard output' },
    filter: { type: 'text', short: 'f', value: 'expression', help: 'only frames that it is true of' },
    count: {
      type: 'integer',
      short: 'c',
      value: 'n',
      default: 0,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      help: 'end after so many frames; 0: go on until Ctrl-C',
    },
    seconds: {
      type: 'integer',
      value: 'n',
      default: 0,
      min: 0,
      max: 31_536_000,
      help: 'end after so many seconds; 0: go on until Ctrl-C',
    },
    'snap-length': {
      type: 'integer',
      short: 's',
      value: 'bytes',
      default: SNAP_LENGTH_MAX,
      min: 64,
      max: SNAP_LENGTH_MAX,
      help: 'keep so much of each frame',
    },
    buffer: {
      type: 'integer',
      short: 'B',
      value: 'MiB',
      default: 16,
      min: 1,
      max: CAPTURE_RING_LENGTH_MAX / MIB,
      help: 'memory for frames on their way, for each network agent; rounded up to a power of two',
    },
  },
  examples: [
    'aeron-bypass capture',
    "aeron-bypass capture -w /tmp/driver.pcapng --filter 'stream 1001 and (setup or sm or nak)'",
    'aeron-bypass capture -w - | tshark --enable-heuristic aeron_udp -r -',
  ],
  takesWords: false,
  run: async (values) => {
    const filter = values.filter === null ? null : parseFilter(values.filter);
    const snapLength = values['snap-length'];
    const ringLength = 2 ** Math.ceil(Math.log2(values.buffer * MIB));
    const directory = directoryOf(values.dir);
    const session = await CaptureSession.attach(directory, { ringLength, snapLength });
    try {
      const output =
        values.write === null
          ? new TextOutput(process.stdout)
          : await PcapngOutput.open(values.write, snapLength);
      process.stderr.write(`capturing from the driver in ${directory}\n`);
      const tally = await record(session, output, filter, values.count, values.seconds);
      await output.end(session.reader);
      process.stderr.write(`${summary(tally, session)}\n`);
      return 0;
    } finally {
      session.close();
    }
  },
});

interface Tally {
  seen: number;
  kept: number;
  endedByDriver: boolean;
}

/** Takes frames until there are `countMax` (0: any number), time is up, a signal comes, or the driver ends. */
async function record(
  session: CaptureSession,
  output: CaptureOutput,
  filter: FrameFilter | null,
  countMax: number,
  seconds: number,
): Promise<Tally> {
  const tally: Tally = { seen: 0, kept: 0, endedByDriver: false };
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const onFrame = (frame: CapturedFrame): boolean => {
    const decoded = decodeFrame(frame.bytes);
    tally.seen++;
    if (filter === null || filter({ ...decoded, isOut: frame.isOut })) {
      tally.kept++;
      output.add(frame, decoded);
    }
    return countMax === 0 || tally.kept < countMax;
  };
  const deadlineMs = seconds === 0 ? Number.POSITIVE_INFINITY : Date.now() + 1000 * seconds;
  try {
    for (;;) {
      session.reader.poll(onFrame);
      await output.flush();
      if (isStopped || Date.now() >= deadlineMs || (countMax > 0 && tally.kept >= countMax)) return tally;
      if (await session.pause()) continue;
      tally.endedByDriver = true;
      return tally;
    }
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function summary({ seen, kept, endedByDriver }: Tally, { reader }: CaptureSession): string {
  let dropped = 0;
  for (let ring = 0; ring < reader.ringCount; ring++) dropped += reader.counts(ring).dropped;
  const end = endedByDriver ? ' The driver has ended.' : '';
  return `${kept} frames kept of ${seen} seen, ${dropped} dropped for lack of room.${end}`;
}
