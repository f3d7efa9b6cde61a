import type { Host } from '../host/host.ts';
import { readNetworkInterfaces } from '../host/network-interface.ts';
import { codeOf, messageOf } from '../util/errors.ts';
import { type Action, type CardName, deviceFolder, formatAction } from './step.ts';

/** Waits for so many milliseconds. */
export type Sleep = (ms: number) => Promise<void>;

const INTERFACE_WAIT_MS = 30_000;
const INTERFACE_POLL_MS = 100;

/** Does one action. Throws an error that has the line of a shell that fails, and what was said. */
export async function perform(host: Host, action: Action, sleep: Sleep): Promise<void> {
  switch (action.kind) {
    case 'write':
      return write(host, action);
    case 'run':
      return run(host, action);
    case 'awaitInterface':
      return awaitInterface(host, action, sleep);
    case 'expectDriver': {
      const driver = host.linkName(`${deviceFolder(action.card)}/driver`);
      if (driver !== action.driver) throw failed(action, `${driver ?? 'no driver'} has it`);
    }
  }
}

function write(host: Host, action: Action & { kind: 'write' }): void {
  const { path, text, onlyIf, onlyIfNot } = action;
  if (onlyIf !== undefined && !host.exists(onlyIf)) return;
  if (onlyIfNot !== undefined && host.exists(onlyIfNot)) return;
  try {
    host.write(path, `${text}\n`);
  } catch (error) {
    throw failed(action, `${messageOf(error)}${hintOf(path, codeOf(error))}`, error);
  }
}

function run(host: Host, action: Action & { kind: 'run' }): void {
  if (action.onlyIfNot !== undefined && host.exists(action.onlyIfNot)) return;
  const [program, ...args] = action.words;
  const { status, stderr } = host.run(program, args);
  if (status !== 0 && action.mayFail !== true) throw failed(action, stderr || `it ended with ${status}`);
}

/** What an error number of the kernel means where it is met. */
function hintOf(path: string, code: string): string {
  if (path.endsWith('/enable_unsafe_noiommu_mode') && code === 'ENOENT') {
    return '. This kernel was built without CONFIG_VFIO_NOIOMMU: use --driver uio_pci_generic';
  }
  if (path.endsWith('/vfio-pci/bind') && code === 'EINVAL') {
    return '. vfio-pci has no IOMMU for it: "dmesg" says more';
  }
  const isForbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return isForbidden ? '. It takes root, on the host itself; Secure Boot locks some of it ("dmesg")' : '';
}

/** By its hardware address where that stayed, else the only one of the card. Devices are renamed by udev meanwhile. */
async function awaitInterface(
  host: Host,
  action: Action & { kind: 'awaitInterface' },
  sleep: Sleep,
): Promise<void> {
  const { card, name, mac } = action;
  for (let waitedMs = 0; ; waitedMs += INTERFACE_POLL_MS) {
    const found = interfacesOf(host, card);
    const one =
      found.find((candidate) => candidate.mac === mac) ?? (found.length === 1 ? found[0] : undefined);
    if (one?.name === name) return;
    if (one !== undefined) {
      host.run('udevadm', ['settle', '--timeout=10']);
      const current = interfacesOf(host, card).find(({ index }) => index === one.index)?.name;
      if (current === name || current === undefined) continue;
      return rename(host, action, current);
    }
    if (waitedMs >= INTERFACE_WAIT_MS) throw failed(action, `none came in ${INTERFACE_WAIT_MS / 1000} s`);
    await sleep(INTERFACE_POLL_MS);
  }
}

function rename(host: Host, action: Action & { kind: 'awaitInterface' }, from: string): void {
  for (const words of [['down'], ['name', action.name]]) {
    const { status, stderr } = host.run('ip', ['link', 'set', 'dev', from, ...words]);
    if (status !== 0) throw failed(action, `it is ${from} and cannot be renamed: ${stderr}`);
  }
}

function interfacesOf(host: Host, { bus, address }: CardName): ReturnType<typeof readNetworkInterfaces> {
  return readNetworkInterfaces(host).filter((one) => one.bus === bus && one.deviceAddress === address);
}

function failed(action: Action, why: string, cause?: unknown): Error {
  return new Error(`"${formatAction(action).replace(/^# /, '')}": ${why}`, { cause });
}
