import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { TestContext } from 'node:test';
import { Host, type ProgramResult } from '../../src/host/host.ts';

/** A card of a {@link FakeMachine}. */
export interface FakeCard {
  readonly address: string;
  readonly vendorId: string;
  readonly deviceId: string;
  /** The kernel driver that knows it. */
  readonly kernelDriver: string;
  readonly bus?: 'pci' | 'vmbus';
  readonly classCode?: string;
  readonly numaNode?: number;
  readonly iommuGroup?: number;
  /** Whether a virtio device stands between it and its interface. */
  readonly isVirtio?: boolean;
  readonly virtualFunctions?: number;
  /** Name and hardware address of its interface; without one its driver makes none. */
  readonly interface?: { readonly name: string; readonly mac: string };
}

interface FakeAddress {
  readonly family: 'inet' | 'inet6';
  readonly local: string;
  readonly prefixlen: number;
  readonly [field: string]: unknown;
}

/** An interface as it is now. */
interface FakeInterface {
  readonly index: number;
  name: string;
  readonly mac: string;
  mtu: number;
  isUp: boolean;
  master: string | null;
  addresses: FakeAddress[];
}

type FakeRoute = Readonly<Record<string, unknown>> & { readonly dst: string; readonly dev: string };

/** Every change a test may let fail: `write <path>` and `<program> <arguments>`. */
type Fault = (change: string) => void;

const NET_CLASS = '{f8615163-df3e-46c5-913f-f2d2f965ed0e}';
const OK: ProgramResult = { status: 0, stdout: '', stderr: '' };

/**
 * A machine made of files: sysfs and procfs as far as the readers look, and of the kernel what binding needs, as a naive
 * model. Drivers take and leave cards by writes to their files, interfaces come and go with them, `ip` and `modprobe` do what
 * they do. Its files are gone when the test ends.
 */
export class FakeMachine extends Host {
  readonly folder: string;
  /** Whether vfio has a switch for doing without an IOMMU. */
  hasNoIommuMode = false;
  /** Drivers that refuse any card, by the code they refuse with; without a word when that is empty. */
  refusals: Map<string, string> = new Map();
  routes: FakeRoute[] = [];
  /** Called before each change; what it throws is what the change fails with. */
  fault: Fault = () => {};
  /** Every change, in order. */
  readonly changes: string[] = [];
  private readonly cards: readonly FakeCard[];
  private availableModules: readonly string[] = [];
  private readonly interfaces = new Map<string, FakeInterface>();
  private readonly drivers = new Map<string, string>();
  private readonly overrides = new Map<string, string>();
  private nextIndex = 2;

  constructor(t: TestContext, cards: readonly FakeCard[]) {
    // In memory where there is a folder that is: tests make hundreds of machines.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'aeron-bypass-machine-'));
    super(folder);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    this.folder = folder;
    this.cards = cards;
    this.file('/proc/sys/kernel/osrelease', '6.1.0-fake');
    this.file('/proc/sys/kernel/random/boot_id', 'boot-1');
    this.setModules('vfio-pci', 'vfio_iommu_type1', 'uio_pci_generic');
    for (const card of cards) this.plug(card);
    this.boot();
  }

  /** The modules that `modprobe` finds, apart from those of the cards' drivers. */
  setModules(...names: string[]): void {
    this.availableModules = names;
    const lines = names.map((name) => `kernel/drivers/${name}.ko.xz:`);
    this.file('/lib/modules/6.1.0-fake/modules.dep', lines.join('\n'));
  }

  /** Puts a file there, with its folders. */
  file(path: string, text: string): void {
    const full = join(this.folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, `${text}\n`);
  }

  /** Puts a relative symbolic link there, as sysfs has them. */
  link(path: string, target: string): void {
    const full = join(this.folder, path);
    mkdirSync(dirname(full), { recursive: true });
    rmSync(full, { force: true });
    symlinkSync(relative(dirname(full), join(this.folder, target)), full);
  }

  /** Puts a symbolic link there that says `text`, as those of `/proc/…/fd`, which need not lead anywhere. */
  mark(path: string, text: string): void {
    const full = join(this.folder, path);
    mkdirSync(dirname(full), { recursive: true });
    symlinkSync(text, full);
  }

  /** What `ip` would print of an interface: to be changed by the test before it starts. */
  interface(name: string): FakeInterface {
    const found = [...this.interfaces.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`no interface ${name}`);
    return found;
  }

  driverOf(address: string): string | null {
    return this.drivers.get(address) ?? null;
  }

  /** All that binding may change and restoring must bring back. */
  snapshot(): unknown {
    return structuredClone({
      drivers: Object.fromEntries([...this.drivers].sort()),
      overrides: Object.fromEntries([...this.overrides].sort()),
      interfaces: [...this.interfaces.values()]
        .map(({ index, ...rest }) => rest)
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
      routes: this.routes.map((route) => JSON.stringify(route)).sort(),
      noIommu: this.text('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'),
    });
  }

  /** Forgets what a power cut makes it forget: every card is with its kernel driver again, its interface bare. */
  reboot(): void {
    for (const address of [...this.drivers.keys()]) this.detach(address);
    for (const { address } of this.cards) this.setOverride(address, '');
    for (const module of this.availableModules) {
      rmSync(join(this.folder, '/sys/module', module.replaceAll('-', '_')), { recursive: true, force: true });
    }
    rmSync(join(this.folder, '/sys/module/vfio'), { recursive: true, force: true });
    this.routes = [];
    this.file('/proc/sys/kernel/random/boot_id', `boot-${this.nextIndex}`);
    this.boot();
  }

  override write(path: string, text: string): void {
    this.change(`write ${path} ${text.trim()}`);
    const value = text.trim();
    const driver = /^\/sys\/bus\/(?:pci|vmbus)\/drivers\/([^/]+)\/(bind|unbind)$/.exec(path);
    const override = /^\/sys\/bus\/(?:pci|vmbus)\/devices\/([^/]+)\/driver_override$/.exec(path);
    if (!this.exists(path)) throw errno('ENOENT', path);
    if (driver?.[2] === 'unbind') {
      if (this.driverOf(value) !== driver[1]) throw errno('ENODEV', path);
      this.detach(value);
    } else if (driver?.[2] === 'bind') this.bind(value, driver[1]!, path);
    else if (override !== null) this.setOverride(override[1]!, value);
    else if (/\/drivers_probe$/.test(path)) this.probe(value);
    else super.write(path, `${value === '1' ? 'Y' : value === '0' ? 'N' : value}\n`);
  }

  override run(program: string, args: readonly string[]): ProgramResult {
    if (program === 'ip' && args[0] === '-json') return this.show(args);
    this.change([program, ...args].join(' '));
    if (program === 'modprobe') return this.modprobe(args);
    if (program === 'ip') return this.ip(args.filter((word) => word !== '-4' && word !== '-6'));
    return { status: 127, stdout: '', stderr: `${program}: not found` };
  }

  private change(what: string): void {
    this.changes.push(what);
    this.fault(what);
  }

  private boot(): void {
    for (const card of this.cards)
      if (this.driverOf(card.address) === null) this.attach(card, card.kernelDriver);
  }

  private plug(card: FakeCard): void {
    const bus = card.bus ?? 'pci';
    const home = homeOf(card);
    this.link(`/sys/bus/${bus}/devices/${card.address}`, home);
    this.file(`/sys/bus/${bus}/drivers_probe`, '');
    this.link(`${home}/subsystem`, `/sys/bus/${bus}`);
    if (bus === 'vmbus') this.file(`${home}/class_id`, NET_CLASS);
    this.file(`${home}/vendor`, `0x${card.vendorId}`);
    this.file(`${home}/device`, `0x${card.deviceId}`);
    this.file(`${home}/class`, `0x${card.classCode ?? '020000'}`);
    this.file(`${home}/driver_override`, '(null)');
    this.file(`${home}/numa_node`, String(card.numaNode ?? -1));
    this.file(`${home}/sriov_numvfs`, String(card.virtualFunctions ?? 0));
    if (card.iommuGroup !== undefined) this.group(card, card.iommuGroup, 'DMA-FQ');
    this.driver(bus, card.kernelDriver);
  }

  private group(card: FakeCard, group: number, type: string): void {
    const folder = `/sys/kernel/iommu_groups/${group}`;
    this.link(`${homeOf(card)}/iommu_group`, folder);
    this.file(`${folder}/type`, type);
    this.link(`${folder}/devices/${card.address}`, homeOf(card));
  }

  private driver(bus: string, name: string): void {
    for (const file of ['bind', 'unbind']) this.file(`/sys/bus/${bus}/drivers/${name}/${file}`, '');
  }

  private card(address: string): FakeCard | undefined {
    return this.cards.find((card) => card.address === address);
  }

  private bind(address: string, driver: string, path: string): void {
    const card = this.card(address);
    const override = this.overrides.get(address) ?? '';
    const isMatch = override === '' ? card?.kernelDriver === driver : override === driver;
    if (card === undefined || !isMatch) throw errno('ENODEV', path);
    if (this.driverOf(address) !== null) throw errno('EBUSY', path);
    const refusal = this.refusals.get(driver);
    if (refusal === '') return;
    if (refusal !== undefined) throw errno(refusal, path);
    const isNoIommu = this.text('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode') === 'Y';
    if (driver === 'vfio-pci' && card.iommuGroup === undefined && !isNoIommu) throw errno('EINVAL', path);
    this.attach(card, driver);
  }

  private probe(address: string): void {
    const card = this.card(address);
    if (card === undefined || this.driverOf(address) !== null) return;
    const driver = this.overrides.get(address) ?? '';
    if (driver === '' || driver === card.kernelDriver) this.attach(card, card.kernelDriver);
  }

  private attach(card: FakeCard, driver: string): void {
    const bus = card.bus ?? 'pci';
    this.drivers.set(card.address, driver);
    this.link(`${homeOf(card)}/driver`, `/sys/bus/${bus}/drivers/${driver}`);
    this.link(`/sys/bus/${bus}/drivers/${driver}/${card.address}`, homeOf(card));
    if (driver !== card.kernelDriver || card.interface === undefined) return;
    const parent = card.isVirtio === true ? `${homeOf(card)}/virtio0` : homeOf(card);
    if (card.isVirtio === true) {
      this.link(`${parent}/subsystem`, '/sys/bus/virtio');
      this.link(`${parent}/driver`, '/sys/bus/virtio/drivers/virtio_net');
    }
    const { name, mac } = card.interface;
    const home = `${parent}/net/${name}`;
    this.link(`${home}/device`, parent);
    this.file(`${home}/speed`, '10000');
    this.file(`${home}/carrier`, '1');
    this.link(`/sys/class/net/${name}`, home);
    const index = this.nextIndex++;
    this.interfaces.set(card.address, {
      index,
      name,
      mac,
      mtu: 1500,
      isUp: false,
      master: null,
      addresses: [],
    });
  }

  private detach(address: string): void {
    const card = this.card(address)!;
    const driver = this.driverOf(address)!;
    this.drivers.delete(address);
    rmSync(join(this.folder, homeOf(card), 'driver'), { force: true });
    rmSync(join(this.folder, `/sys/bus/${card.bus ?? 'pci'}/drivers/${driver}/${address}`), { force: true });
    const gone = this.interfaces.get(address);
    if (gone === undefined) return;
    this.interfaces.delete(address);
    this.routes = this.routes.filter(({ dev }) => dev !== gone.name);
    rmSync(join(this.folder, `/sys/class/net/${card.interface!.name}`), { force: true });
    const parent = card.isVirtio === true ? 'virtio0' : 'net';
    rmSync(join(this.folder, homeOf(card), parent), { recursive: true, force: true });
  }

  private setOverride(address: string, driver: string): void {
    if (driver === '') this.overrides.delete(address);
    else this.overrides.set(address, driver);
    this.file(`${homeOf(this.card(address)!)}/driver_override`, driver === '' ? '(null)' : driver);
  }

  private modprobe(args: readonly string[]): ProgramResult {
    for (const module of args.filter((word) => !word.startsWith('-') && !word.includes('='))) {
      const isKernels = this.cards.some(({ kernelDriver }) => kernelDriver === module);
      if (!isKernels && !this.availableModules.includes(module)) {
        return { status: 1, stdout: '', stderr: `modprobe: FATAL: Module ${module} not found in directory` };
      }
      this.file(`/sys/module/${module.replaceAll('-', '_')}/initstate`, 'live');
      if (!isKernels) this.driver(module === 'uio_hv_generic' ? 'vmbus' : 'pci', module);
      if (module !== 'vfio-pci') continue;
      this.file('/sys/module/vfio/initstate', 'live');
      if (this.hasNoIommuMode && !this.exists('/sys/module/vfio/parameters')) {
        this.file('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'N');
      }
    }
    return OK;
  }

  private show(args: readonly string[]): ProgramResult {
    const isOfFamily = (route: FakeRoute): boolean => route.dst.includes(':') === (args[1] === '-6');
    const answer =
      args[1] === 'address'
        ? [...this.interfaces.values()].map(({ index, name, mac, mtu, isUp, master, addresses }) => ({
            ifindex: index,
            ifname: name,
            flags: isUp ? ['BROADCAST', 'UP', 'LOWER_UP'] : ['BROADCAST'],
            mtu,
            address: mac,
            ...(master === null ? {} : { master }),
            addr_info: addresses,
          }))
        : this.routes.filter(isOfFamily).map((route) => ({ flags: [], ...route }));
    return { ...OK, stdout: JSON.stringify(answer) };
  }

  private ip([object, verb, ...words]: readonly string[]): ProgramResult {
    const after = (word: string): string | undefined => words[words.indexOf(word) + 1 || words.length];
    const one = [...this.interfaces.values()].find(({ name }) => name === after('dev'));
    if (one === undefined) return { status: 1, stdout: '', stderr: `Cannot find device "${after('dev')}"` };
    if (object === 'link' && verb === 'set') return this.setLink(one, words.slice(2));
    if (object === 'address' && verb === 'replace') {
      const [local = '', prefix = ''] = words[0]!.split('/');
      const family = local.includes(':') ? 'inet6' : 'inet';
      one.addresses = one.addresses.filter((address) => address.local !== local);
      const scope = after('scope') ?? 'global';
      const [label, broadcast] = [after('label'), after('broadcast')];
      const dynamic = after('valid_lft') === undefined ? {} : { dynamic: true };
      const lifetimes = {
        valid_life_time: Number(after('valid_lft') ?? 0xffffffff),
        preferred_life_time: Number(after('preferred_lft') ?? 0xffffffff),
      };
      one.addresses.push({
        family,
        local,
        prefixlen: Number(prefix),
        ...(broadcast === undefined ? {} : { broadcast }),
        scope,
        ...dynamic,
        ...(words.includes('noprefixroute') ? { noprefixroute: true } : {}),
        ...(label === undefined ? {} : { label }),
        ...lifetimes,
      });
      return OK;
    }
    if (object === 'route' && verb === 'replace') return this.replaceRoute(one, words, after);
    return { status: 255, stdout: '', stderr: 'Command line is not complete.' };
  }

  private setLink(one: FakeInterface, words: readonly string[]): ProgramResult {
    const [what, value = ''] = words;
    if (what === 'up') one.isUp = true;
    else if (what === 'mtu') one.mtu = Number(value);
    else if (what === 'master') one.master = value;
    else if (what === 'name') one.name = value;
    else if (what === 'down') {
      one.isUp = false;
      one.addresses = one.addresses.filter(({ family }) => family === 'inet');
      this.routes = this.routes.filter(({ dev }) => dev !== one.name);
    } else
      return {
        status: 255,
        stdout: '',
        stderr: `Error: either "dev" is duplicate, or "${what}" is garbage.`,
      };
    return OK;
  }

  private replaceRoute(
    one: FakeInterface,
    words: readonly string[],
    after: (word: string) => string | undefined,
  ): ProgramResult {
    if (!one.isUp) return { status: 2, stdout: '', stderr: 'Error: Device for nexthop is not up.' };
    const gateway = after('via');
    if (gateway !== undefined && one.addresses.length === 0) {
      return { status: 2, stdout: '', stderr: 'Error: Nexthop has invalid gateway.' };
    }
    const [dst = '', metric] = [words[0], after('metric')];
    const route = {
      dst,
      ...(gateway === undefined ? {} : { gateway }),
      dev: one.name,
      protocol: after('protocol') ?? 'boot',
      ...(after('scope') === undefined ? {} : { scope: after('scope') }),
      ...(metric === undefined ? {} : { metric: Number(metric) }),
    };
    this.routes = this.routes.filter((other) => other.dst !== dst || other.dev !== one.name);
    this.routes.push(route);
    return OK;
  }
}

function homeOf({ address, bus }: FakeCard): string {
  return bus === 'vmbus' ? `/sys/devices/VMBUS:00/${address}` : `/sys/devices/pci0000:00/${address}`;
}

function errno(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
