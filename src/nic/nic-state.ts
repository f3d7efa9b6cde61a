import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { AeronError, codeOf, messageOf } from '../util/errors.ts';
import type { Binding, CardRecord, InterfaceRecord } from './binding.ts';

/** Where bindings are recorded unless told otherwise: survives a reboot, one file for people to read. */
export const DEFAULT_STATE_PATH = '/var/lib/aeron-bypass/nic.json';

const VERSION = 1;

/**
 * The file of bindings. Every change is on disk before it returns: written beside, synchronised, and renamed over the old
 * one, so that a power cut leaves the one or the other. Between {@link lock} and {@link unlock} no other process changes it.
 */
export class NicState {
  readonly path: string;
  private list: Binding[] = [];

  constructor(path: string) {
    this.path = path;
  }

  get bindings(): readonly Binding[] {
    return this.list;
  }

  /** The binding a card is part of, or null. */
  find(address: string): Binding | null {
    return this.list.find(({ cards }) => cards.some((card) => card.address === address)) ?? null;
  }

  /** Reads the file; nothing is bound where there is none. Throws AeronError `NIC_STATE` for one that is not ours. */
  load(): void {
    if (!existsSync(this.path)) {
      this.list = [];
      return;
    }
    try {
      const { version, bindings } = JSON.parse(readFileSync(this.path, 'utf8')) as Record<string, unknown>;
      if (version !== VERSION || !Array.isArray(bindings))
        throw new Error(`version ${version}, not ${VERSION}`);
      for (const binding of bindings) checkBinding(binding as Binding);
      this.list = bindings as Binding[];
    } catch (error) {
      throw new AeronError(
        'NIC_STATE',
        `${this.path} is no record of bindings that this version can read: ${messageOf(error)}. ` +
          'Correct it, or move it away and give cards back with "aeron-bypass nic unbind".',
        { cause: error },
      );
    }
  }

  add(binding: Binding): void {
    this.list.push(binding);
    this.save();
  }

  remove(binding: Binding): void {
    this.list = this.list.filter((other) => other !== binding);
    this.save();
  }

  /** Writes what was changed in a binding. */
  save(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    const text = `${JSON.stringify({ version: VERSION, bindings: this.list }, null, 2)}\n`;
    const beside = `${this.path}.new`;
    const fd = openSync(beside, 'w', 0o644);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, this.path);
    const folder = openSync(dirname(this.path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Throws AeronError `NIC_BUSY` while another process has it. The lock of one that died is taken over. */
  lock(pid: number): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    const path = `${this.path}.lock`;
    for (let attempts = 0; attempts < 2; attempts++) {
      try {
        const fd = openSync(path, 'wx');
        writeSync(fd, `${pid}\n`);
        closeSync(fd);
        return;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        const owner = readFileSync(path, 'utf8').trim();
        if (owner !== '' && existsSync(`/proc/${owner}`)) {
          const text = `process ${owner} is binding or restoring cards. Wait for it, or stop it and run "aeron-bypass nic restore".`;
          throw new AeronError('NIC_BUSY', text);
        }
        rmSync(path, { force: true });
      }
    }
  }

  unlock(): void {
    rmSync(`${this.path}.lock`, { force: true });
  }
}

const NAME = /^\w[\w.@-]*$/;
const WORD = /^[\w:][\w.:/ -]*$/;

/** What is given to the kernel later is checked here, once: names, numbers and addresses, no options and no paths. */
function checkBinding({ cards, driver, noIommuBefore, startedSteps }: Binding): void {
  expect(NAME.test(driver), `driver "${driver}"`);
  expect(noIommuBefore === null || /^[YN]$/.test(noIommuBefore), `noIommuBefore "${noIommuBefore}"`);
  expect(Number.isInteger(startedSteps) && startedSteps >= 0, `startedSteps ${startedSteps}`);
  expect(Array.isArray(cards) && cards.length > 0, 'no cards');
  for (const card of cards) checkCard(card);
}

function checkCard({ bus, address, kernelDriver, driverOverride, interfaces }: CardRecord): void {
  expect(/^(?:pci|vmbus)$/.test(bus), `bus "${bus}"`);
  expect(/^[0-9a-f][0-9a-f:.-]*$/.test(address), `card "${address}"`);
  for (const name of [kernelDriver, driverOverride]) {
    expect(name === null || NAME.test(name), `driver "${name}" of ${address}`);
  }
  for (const one of interfaces) checkInterface(one);
}

function checkInterface({ name, mac, mtu, master, addresses, routes }: InterfaceRecord): void {
  expect(NAME.test(name), `interface "${name}"`);
  expect(/^[0-9a-f:]*$/.test(mac), `hardware address "${mac}" of ${name}`);
  expect(Number.isInteger(mtu), `MTU ${mtu} of ${name}`);
  expect(master === null || NAME.test(master), `master "${master}" of ${name}`);
  for (const { address, broadcast, scope, label, prefixLength } of addresses) {
    const isWell = isIP(address) !== 0 && Number.isInteger(prefixLength) && WORD.test(scope);
    expect(isWell, `address "${address}/${prefixLength}" of ${name}`);
    expect(broadcast === null || isIP(broadcast) !== 0, `broadcast address "${broadcast}" of ${name}`);
    expect(label === null || WORD.test(label), `label "${label}" of ${name}`);
  }
  for (const { destination, table, protocol, scope, source, metric, mtu: routeMtu, hops } of routes) {
    const words = [destination, table, protocol, scope, source];
    for (const { gateway, interfaceName } of hops) words.push(gateway, interfaceName);
    for (const number of [metric, routeMtu]) {
      expect(number === null || Number.isInteger(number), `"${number}" of a route of ${name}`);
    }
    for (const word of words) expect(word === null || WORD.test(word), `"${word}" of a route of ${name}`);
  }
}

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
