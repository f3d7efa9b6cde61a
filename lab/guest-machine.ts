import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { LabFiles } from './cache.ts';
import type { CardModel } from './models.ts';
import { ROOT } from './root.ts';

/** How a guest differs from an ordinary one. */
export interface GuestOptions {
  /** `on`: with interrupt remapping, which VFIO asks for. */
  readonly iommu: 'on' | 'without interrupt remapping' | 'off';
  /** Pages of 2 MiB that are reserved at start. */
  readonly hugepages: number;
  readonly memoryMiB: number;
  /** Whether systemd is the guest's first process, and runs the scenario as a service. */
  readonly hasSystemd: boolean;
  /** Kernel modules that the guest does not have. */
  readonly hiddenModules: readonly string[];
  /** The guest loses its power when its console says `LAB-CUT:` and this name. `''`: it does not. */
  readonly cutAt: string;
  readonly limitSeconds: number;
}

export const ORDINARY: GuestOptions = {
  iommu: 'on',
  hugepages: 160,
  memoryMiB: 1280,
  hasSystemd: false,
  hiddenModules: [],
  cutAt: '',
  limitSeconds: 600,
};

/** How a guest ended. */
export interface Outcome {
  /** `cut`: where it should lose power. `broken`: the lab, not what it ran. */
  readonly kind: 'passed' | 'failed' | 'cut' | 'timeout' | 'broken';
  /** One line; of one that passed `''` or a note. */
  readonly reason: string;
}

/** The cards' Ethernet addresses, in PCI order 01:00.0, 02:00.0, 03:00.0. The first two share a cable. */
export const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03'] as const;

/** QEMU ends with (value << 1) | 1 of what the guest wrote. Small values are taken: 1 is QEMU's own failure. */
const PASSED = (0x10 << 1) | 1;
const FAILED = (0x11 << 1) | 1;
const NEVER_UP = (0x12 << 1) | 1;
const OUTPUT_LINES = 15;

const running = new Set<ChildProcess>();

/** Ends every guest at once, for when this process ends. */
export function killGuests(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Boots a guest, runs `command` in it as root in this checkout, and ends it. `folder` is /lab/out there and stays: what
 * the command leaves in it, and console.log.
 */
export async function runGuest(
  files: LabFiles,
  model: CardModel,
  command: readonly string[],
  folder: string,
  options: GuestOptions,
  onLine: (line: string) => void,
): Promise<Outcome> {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['status', 'failure']) fs.rmSync(join(folder, name), { force: true });
  const words = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const facts = `LAB_MODEL=${model.name} LAB_KERNEL_DRIVER=${model.kernelDriver} LAB_LIMIT=${options.limitSeconds}`;
  // On a busy machine DPDK's start takes minutes in a guest.
  const env = `export ${facts} NODE=${process.execPath} AERON_NETWORK_START_TIMEOUT=600s`;
  fs.writeFileSync(join(folder, 'run.sh'), `${env}\nexec ${words.join(' ')}\n`);

  const errors = fs.openSync(join(folder, 'qemu.log'), 'w');
  // The kernel ends the guest when this process ends, however that comes about.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', files.qemu, ...argumentsOf(files, model, folder, options)],
    {
      env: files.env,
      stdio: ['ignore', 'pipe', errors],
    },
  );
  fs.closeSync(errors);
  running.add(child);
  let cut = false;
  let timedOut = false;
  const tail: string[] = [];
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.limitSeconds * 1000);
  const console = fs.openSync(join(folder, 'console.log'), 'a');
  fs.writeSync(console, `---- ${new Date().toISOString()} ${command.join(' ')}\n`);
  let rest = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    fs.writeSync(console, chunk);
    const lines = (rest + chunk.toString('latin1')).split(/\r*\n/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (options.cutAt !== '' && line.trim() === `LAB-CUT: ${options.cutAt}`) {
        cut = true;
        child.kill('SIGKILL');
      }
      tail.push(line);
      if (tail.length > OUTPUT_LINES) tail.shift();
      onLine(line);
    }
  });
  const code = await new Promise<number | Error>((resolve) => {
    child.once('error', resolve);
    child.once('close', (status) => resolve(status ?? -1));
  });
  clearTimeout(timer);
  running.delete(child);
  fs.closeSync(console);
  if (cut) return { kind: 'cut', reason: '' };
  if (timedOut) {
    return {
      kind: 'timeout',
      reason: `not done after ${options.limitSeconds} s; last line: ${tail.at(-1) ?? ''}`,
    };
  }
  return outcomeOf(code, folder, tail);
}

function outcomeOf(code: number | Error, folder: string, tail: readonly string[]): Outcome {
  const read = (name: string): string => {
    const path = join(folder, name);
    return fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim() : '';
  };
  const status = read('status');
  if (code === PASSED && status === '0') return { kind: 'passed', reason: '' };
  if (code === FAILED) return { kind: 'failed', reason: read('failure') || `ended with status ${status}` };
  if (code === NEVER_UP) {
    return {
      kind: 'broken',
      reason: tail.find((line) => line.startsWith('LAB-BROKEN')) ?? 'the guest never came up',
    };
  }
  if (code === 0)
    return { kind: 'broken', reason: `the guest's kernel panicked or reset; last line: ${tail.at(-1)}` };
  const why = code instanceof Error ? code.message : read('qemu.log') || `status ${code}`;
  return { kind: 'broken', reason: `QEMU failed: ${why}` };
}

/** Three cards, each behind a port of its own so that each has its own IOMMU group; no other network. */
function argumentsOf(files: LabFiles, model: CardModel, folder: string, options: GuestOptions): string[] {
  const isIommuOn = options.iommu !== 'off';
  const remapping = options.iommu === 'on' ? 'on' : 'off';
  const cards = MACS.flatMap((mac, i) => [
    ...['-netdev', `hubport,id=net${i},hubid=${i < 2 ? 0 : 1}`],
    ...['-device', `pcie-root-port,id=port${i},chassis=${i + 1},slot=${i + 1}`],
    '-device',
    `${model.device},netdev=net${i},mac=${mac},bus=port${i},romfile=${isIommuOn ? model.iommuOptions : ''}`,
  ]);
  const share = (path: string, tag: string, more: string): string[] => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none${more}`,
  ];
  const kernelArguments = [
    // On a busy machine the guest's clock stutters, and the kernel takes its timer for broken when it tries it out.
    'console=ttyS0 panic=-1 quiet mitigations=off nokaslr no_timer_check nowatchdog',
    isIommuOn ? 'intel_iommu=on' : '',
    `lab.hugepages=${options.hugepages}`,
    `lab.hidden=${options.hiddenModules.join(',')}`,
    `lab.start=${join(ROOT, 'lab/guest/start.sh')}`,
    `lab.folder=${ROOT}`,
    options.hasSystemd ? 'lab.init=systemd' : '',
  ];
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    // Emulation alone: what calls itself /dev/kvm in a virtual machine may not run a kernel.
    ...['-M', 'q35,kernel-irqchip=off', '-accel', 'tcg,thread=multi', '-cpu', 'Nehalem'],
    ...['-smp', '2', '-m', String(options.memoryMiB)],
    ...files.dataFolders.flatMap((path) => ['-L', path]),
    ...(isIommuOn ? ['-device', `intel-iommu,intremap=${remapping},caching-mode=on,aw-bits=48`] : []),
    ...cards,
    ...share('/', 'host', ',readonly=on,multidevs=remap'),
    ...share(folder, 'out', ''),
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
    ...['-kernel', files.kernel, '-initrd', files.initrd, '-append', kernelArguments.join(' ')],
  ];
}
