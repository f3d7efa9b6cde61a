/** `aeron-bypass demo`: messages over a wire that the kernel never touches, next to kernel sockets in the same run. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { reserveHugepages } from '../../device/dpdk/shared-memory-wire.ts';
import { ADDON_FOLDER } from '../../native/addons.ts';
import { renderPlot, renderTable } from './report.ts';
import { type RunLengths, runWire, type WirePlan, type WireResult } from './wire-run.ts';
import { dpdkWire, ipcWire, kernelWire } from './wires.ts';

const MESSAGE_LENGTH = 288;
const FULL: RunLengths = {
  warmUpMs: 3_000,
  roundTripMs: 10_000,
  throughputMs: 10_000,
  messageLength: MESSAGE_LENGTH,
};
const QUICK: RunLengths = {
  warmUpMs: 1_000,
  roundTripMs: 2_000,
  throughputMs: 3_000,
  messageLength: MESSAGE_LENGTH,
};
/** 2 MiB pages for two ports' packet pools. */
const HUGEPAGES = 256;

export const DEMO_HELP = `aeron-bypass demo [--quick] [--json]

Starts two drivers, sends checked messages between them, first back and forth, then one way as fast as they go:
once over a DPDK wire in shared memory, once over kernel UDP sockets.

  --quick   ends within 30 seconds
  --json    prints one JSON document instead of a table
`;

/** Runs the demo. Returns the exit code: 0 when every message arrived once, whole and in order. */
export async function demo(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(DEMO_HELP);
    return 0;
  }
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const lengths = values.quick ? QUICK : FULL;
  const wires: WireResult[] = [];
  for (const plan of [bypassOrIpc(say), await kernelWire()]) {
    say(`\n${plan.name} (${plan.device})`);
    wires.push(await runWire(plan, lengths, progressLine(plan.name)));
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ wires }, null, 2)}\n`);
  else process.stdout.write(`\n${renderTable(wires)}\n\n${renderPlot(wires)}\n`);
  return wires.every(isPerfect) ? 0 : 1;
}

function bypassOrIpc(say: (line: string) => void): WirePlan {
  if (!existsSync(new URL('dpdk.node', ADDON_FOLDER))) {
    say(
      'No DPDK here, so IPC stands in for the DPDK wire. To get it: sudo apt-get install -y libdpdk-dev && npm run setup',
    );
    return ipcWire();
  }
  const hugepages = reserveHugepages(HUGEPAGES);
  say(
    hugepages.reserved
      ? `Packet memory is on hugepages (${HUGEPAGES} of 2 MiB).`
      : `Packet memory is on ordinary pages: ${hugepages.reason}`,
  );
  return dpdkWire(hugepages.reserved);
}

function isPerfect(wire: WireResult): boolean {
  return wire.messages > 0 && wire.lost + wire.duplicated + wire.reordered + wire.corrupted === 0;
}

/** Live on a terminal: one line, rewritten. Elsewhere a line a phase. */
function progressLine(name: string): (phase: string) => void {
  let last = '';
  return (phase) => {
    const kind = phase.replace(/[\d,]+/g, '');
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  ${name}: ${phase}`);
    else if (kind !== last) process.stderr.write(`  ${name}: ${kind.trim()}\n`);
    last = kind;
  };
}
