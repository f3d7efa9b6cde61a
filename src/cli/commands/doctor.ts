import { type CheckedFinding, chooseCards, examine } from '../../doctor/examine.ts';
import { diagnose, failedLayer } from '../../doctor/probe/diagnose.ts';
import type { Layer } from '../../doctor/probe/evidence.ts';
import { openGround } from '../../doctor/probe/open-ground.ts';
import { readInterface, readPeer } from '../../doctor/probe/peer.ts';
import { probe } from '../../doctor/probe/prober.ts';
import { loadConfiguration } from '../../driver/configuration.ts';
import type { DriverOptions } from '../../driver/driver-options.ts';
import { Host } from '../../host/host.ts';
import { MAPPED_FILES } from '../../memory/shared-files.ts';
import { readNetworkCards, readNetworkView } from '../../nic/network-card.ts';
import { messageOf } from '../../util/errors.ts';
import { type Command, defineCommand } from '../command.ts';
import { JSON_OUTPUT, STREAM } from '../options.ts';

/** Exit codes. */
const PROBLEM = 1;
const LAYER_FAILED = 3;

export const doctor: Command = defineCommand({
  usage: 'doctor [options] [-- [EAL arguments --] [-Dname=value …] [file.properties …]]',
  about: `Looks at this machine as a driver would that is started with what follows "--": cards, IOMMU, hugepages, rights,
memory for logs, socket buffers, MTU, CPUs. Says of each what it found, why that matters and what to do. Changes nothing
without --fix.

With --peer it then looks for the way to a receiver, as that driver would send: link, neighbour (ARP, or neighbour
discovery), ICMP echo, path MTU against aeron.mtu.length, and, where the peer has a port, Aeron's setup frame and status
message. It names the layer that fails. Over DPDK it opens the port itself, so no driver may have it. Subscribers at the
peer see an image come and go. Ends within a minute.

Exit code 1: a problem is left; 3: a layer of the way to the peer fails.`,
  options: {
    fix: {
      type: 'flag',
      help: 'do what is safe: reserve hugepages, load vfio-pci, raise limits of socket buffers',
    },
    peer: {
      type: 'text',
      short: 'p',
      value: 'address[:port]',
      help: 'look for the way to this host, and to the receiver at that port',
    },
    interface: {
      type: 'text',
      value: 'address',
      help: 'address of this machine to speak from (10.0.0.1/24)',
    },
    stream: { ...STREAM, help: "stream that the peer's subscriber has" },
    json: JSON_OUTPUT,
  },
  examples: [
    'aeron-bypass doctor',
    'aeron-bypass doctor --peer 10.0.0.2:40123 --stream 1001',
    'sudo aeron-bypass doctor --fix -- -a 0000:01:00.0 -- -Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
    'sudo aeron-bypass doctor --peer 10.0.0.2:40123 -- -a 0000:01:00.0 -- -Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
  ],
  takesWords: true,
  run: async (values, words) => {
    const host = new Host();
    const options = loadConfiguration({ env: process.env, args: words });
    const look = (): CheckedFinding[] =>
      examine({
        host,
        options,
        cards: readNetworkCards(host, readNetworkView(host, [])),
        usableBytes: (folder) => MAPPED_FILES.usableSpace(folder),
        isRoot: process.getuid?.() === 0,
      });
    let findings = look();
    const repairs = values.fix ? repair(findings, host) : [];
    if (repairs.length > 0) findings = look();
    const way =
      values.peer === null
        ? null
        : await lookForPeer(host, options, values.peer, values.interface, values.stream);
    if (way !== null) findings = [...findings, ...way.findings];
    if (values.json) {
      const shown = findings.map(({ repair: _, ...finding }) => finding);
      const ofPeer = way === null ? {} : { failedLayer: way.failed };
      process.stdout.write(`${JSON.stringify({ findings: shown, repairs, ...ofPeer })}\n`);
    } else {
      const layer = way === null ? '' : `${verdictOf(way, values.peer ?? '')}\n`;
      process.stdout.write(textOf(findings, repairs) + layer);
    }
    if (way !== null && (way.failed !== null || way.wasStopped)) return LAYER_FAILED;
    return findings.some(({ severity }) => severity === 'problem') ? PROBLEM : 0;
  },
});

interface Way {
  readonly findings: readonly CheckedFinding[];
  readonly failed: Layer | null;
  readonly wasStopped: boolean;
}

/** Asks the layers one after the other. SIGINT and SIGTERM end it after the question that is being asked. */
async function lookForPeer(
  host: Host,
  options: DriverOptions,
  peer: string,
  interfaceText: string | null,
  streamId: number,
): Promise<Way> {
  const localAddress = interfaceText === null ? null : readInterface(interfaceText);
  const question = { ...(await readPeer(peer)), streamId, mtuLength: options.mtuLength };
  const cards = readNetworkCards(host, readNetworkView(host, []));
  const ground = openGround(host, options, chooseCards(cards, options.ealArguments), question, localAddress);
  let wasStopped = false;
  const stop = (): void => {
    wasStopped = true;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const findings = diagnose(await probe(ground, question, () => wasStopped));
    return { findings, failed: failedLayer(findings), wasStopped };
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    ground.close();
  }
}

function verdictOf({ failed, wasStopped }: Way, peer: string): string {
  if (failed !== null) return `the way to ${peer} fails at: ${failed}`;
  return wasStopped ? `stopped before the way to ${peer} was known` : `the way to ${peer} is open`;
}

interface RepairResult {
  readonly command: string;
  /** Empty when it worked. */
  readonly error: string;
}

function repair(findings: readonly CheckedFinding[], host: Host): RepairResult[] {
  return findings.flatMap((finding) => {
    if (finding.repair === undefined) return [];
    const { text: command } = finding.repair;
    try {
      finding.repair.apply(host);
      return [{ command, error: '' }];
    } catch (error) {
      return [{ command, error: messageOf(error) }];
    }
  });
}

const MARKS = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' } as const;

function textOf(findings: readonly CheckedFinding[], repairs: readonly RepairResult[]): string {
  const done = repairs.map(
    ({ command, error }) =>
      `${error === '' ? 'did' : 'FAILED'}: ${command}${error === '' ? '' : ` (${error})`}`,
  );
  const width = Math.max(...findings.map(({ check }) => check.length));
  const rows = findings.flatMap(({ severity, check, what, why, fix }) => {
    const indent = ' '.repeat(MARKS.ok.length + width + 4);
    const head = `${MARKS[severity]}  ${check.padEnd(width)}  ${what}`;
    return severity === 'ok' ? [head] : [head, `${indent}why: ${why}`, `${indent}fix: ${fix}`];
  });
  const count = (wanted: string): number => findings.filter(({ severity }) => severity === wanted).length;
  return `${[...done, ...rows, `${count('problem')} problems, ${count('warning')} warnings`].join('\n')}\n`;
}
