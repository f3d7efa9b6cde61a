import { type CheckedFinding, examine } from '../../doctor/examine.ts';
import { loadConfiguration } from '../../driver/configuration.ts';
import { Host } from '../../host/host.ts';
import { MAPPED_FILES } from '../../memory/shared-files.ts';
import { readNetworkCards, readNetworkView } from '../../nic/network-card.ts';
import { messageOf } from '../../util/errors.ts';
import { type Command, defineCommand } from '../command.ts';
import { JSON_OUTPUT } from '../options.ts';

export const doctor: Command = defineCommand({
  usage: 'doctor [options] [-- [EAL arguments --] [-Dname=value …] [file.properties …]]',
  about: `Looks at this machine as a driver would that is started with what follows "--": cards, IOMMU, hugepages, rights,
memory for logs, socket buffers, CPUs. Says of each what it found, why that matters and what to do. Changes nothing
without --fix. Exit code 1: a problem is left.`,
  options: {
    fix: {
      type: 'flag',
      help: 'do what is safe: reserve hugepages, load vfio-pci, raise limits of socket buffers',
    },
    json: JSON_OUTPUT,
  },
  examples: [
    'aeron-bypass doctor',
    'sudo aeron-bypass doctor --fix -- -a 0000:01:00.0 -- -Daeron.dpdk.local.ipv4.address=10.0.0.1/24',
  ],
  takesWords: true,
  run: async (values, words) => {
    const host = new Host();
    const look = (): CheckedFinding[] =>
      examine({
        host,
        options: loadConfiguration({ env: process.env, args: words }),
        cards: readNetworkCards(host, readNetworkView(host, [])),
        usableBytes: (folder) => MAPPED_FILES.usableSpace(folder),
        isRoot: process.getuid?.() === 0,
      });
    let findings = look();
    const repairs = values.fix ? repair(findings, host) : [];
    if (repairs.length > 0) findings = look();
    if (values.json) {
      const shown = findings.map(({ repair: _, ...finding }) => finding);
      process.stdout.write(`${JSON.stringify({ findings: shown, repairs })}\n`);
    } else {
      process.stdout.write(textOf(findings, repairs));
    }
    return findings.some(({ severity }) => severity === 'problem') ? 1 : 0;
  },
});

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
