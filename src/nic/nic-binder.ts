import type { Host } from '../host/host.ts';
import { readModuleState } from '../host/kernel-module.ts';
import { readNetworkInterfaces } from '../host/network-interface.ts';
import { readPciDevice } from '../host/pci-device.ts';
import { readFileUsers } from '../host/process.ts';
import type { RemoteSession } from '../host/remote-session.ts';
import { AeronError, messageOf } from '../util/errors.ts';
import type { Binding, CardRecord } from './binding.ts';
import { bindingSteps, loadAction, releaseSteps } from './binding-steps.ts';
import { type BindOptions, chooseBinding, findCard, userDriverOf } from './choose-binding.ts';
import {
  deviceFiles,
  type NetworkCard,
  type NetworkView,
  readNetworkCards,
  readNetworkView,
} from './network-card.ts';
import type { NicState } from './nic-state.ts';
import { perform, type Sleep } from './perform.ts';
import { type Action, deviceFolder, formatAction, type Step } from './step.ts';

/** The modules that DPDK needs beside the kernel driver of a card it shares. */
const VERBS_MODULES: Readonly<Record<string, string>> = {
  mlx5_core: 'mlx5_ib',
  mlx4_core: 'mlx4_ib',
  mana: 'mana_ib',
};

/** What a {@link NicBinder} works with. */
export interface NicTools {
  readonly host: Host;
  readonly state: NicState;
  /** Connections that must not be cut. */
  readonly sessions: readonly RemoteSession[];
  readonly sleep: Sleep;
  /** The time, ISO 8601. */
  readonly now: () => string;
  /** Takes a line for the user. */
  readonly tell: (line: string) => void;
  /** Only tell what would be done. */
  readonly isDryRun: boolean;
}

/**
 * Takes cards from the kernel and gives them back. The state file has what a card was like before the first step, and before
 * each step that it begins: whatever happens between any two of them, {@link restore} finds out of it.
 */
export class NicBinder {
  private readonly tools: NicTools;

  constructor(tools: NicTools) {
    this.tools = tools;
  }

  /** Gives a card to a program. Throws AeronError, and then the card is as it was, or the message says what is left to do. */
  async bind(text: string, options: BindOptions): Promise<void> {
    const { state, tell, host } = this.tools;
    let { card, cards, view } = this.look(text);
    const driver = userDriverOf(card, options);
    const earlier = state.find(card.address);
    if (card.isForUser && (earlier === null || earlier.phase === 'bound')) {
      if (card.driver === driver) return tell(`${driver} has ${card.address} already.`);
      const how = `Give it back first: aeron-bypass nic unbind ${card.address}.`;
      throw new AeronError('NIC_BOUND', `${card.driver} has ${card.address}, not ${driver}. ${how}`);
    }
    if (earlier !== null) {
      // From before a reboot, or interrupted: what it recorded comes back first, to be recorded anew.
      await this.giveBack(earlier);
      if (!this.tools.isDryRun) ({ card, cards, view } = this.look(text));
    }
    if (card.dpdkDriver?.path === 'bifurcated') return this.share(card, options);
    const { binding, notes } = chooseBinding(host, card, cards, view, options);
    for (const note of notes) tell(`# ${note}`);
    await this.take({ ...binding, ...this.stamp() });
    tellHowToStart(card, binding, tell);
  }

  /** Gives a card back to the kernel, with the configuration it had if that was recorded. */
  async unbind(text: string): Promise<void> {
    const { state, tell } = this.tools;
    const { card } = this.look(text);
    const binding = state.find(card.address);
    if (binding !== null) return this.giveBack(binding);
    if (!card.isForUser)
      return tell(`${card.address} is with ${card.driver ?? 'no driver'}: nothing to give back.`);
    await this.release(card);
  }

  /** Gives back every card that is recorded, those of interrupted bindings too, or the named ones. */
  async restore(texts: readonly string[]): Promise<void> {
    const { state, tell } = this.tools;
    const named = texts.map((text) => this.recorded(text));
    const bindings = texts.length === 0 ? [...state.bindings] : [...new Set(named)];
    if (bindings.length === 0) return tell(`${state.path} records no card: nothing to give back.`);
    for (const binding of bindings) await this.giveBack(binding);
  }

  private look(text: string): { card: NetworkCard; cards: NetworkCard[]; view: NetworkView } {
    const { host, sessions } = this.tools;
    const view = readNetworkView(host, sessions);
    const cards = readNetworkCards(host, view);
    return { card: findCard(cards, text), cards, view };
  }

  /** By the name its interface had as well: that is gone. */
  private recorded(text: string): Binding {
    const { state } = this.tools;
    const found = state.bindings.find(({ cards }) =>
      cards.some(
        ({ address, interfaces }) =>
          address === text || address === `0000:${text}` || interfaces.some(({ name }) => name === text),
      ),
    );
    if (found !== undefined) return found;
    const names = state.bindings.flatMap(({ cards }) => cards.map(({ address }) => address)).join(', ');
    throw new AeronError(
      'NIC_NOT_FOUND',
      `${state.path} records no card "${text}". It has: ${names || 'none'}.`,
    );
  }

  private stamp(): Pick<Binding, 'recordedAt' | 'bootId'> {
    return { recordedAt: this.tools.now(), bootId: this.bootId() };
  }

  private bootId(): string {
    return this.tools.host.text('/proc/sys/kernel/random/boot_id') ?? '';
  }

  private async take(binding: Binding): Promise<void> {
    const { state, tell } = this.tools;
    const own = this.withFirstMode(binding);
    const steps = bindingSteps(own);
    if (this.tools.isDryRun) return this.show(`record in ${state.path}`, steps, ({ do: actions }) => actions);
    state.add(own);
    for (const [i, step] of steps.entries()) {
      own.startedSteps = i + 1;
      state.save();
      try {
        await this.performAll(step.do);
      } catch (error) {
        await this.rollBack(own, step, error);
      }
    }
    own.phase = 'bound';
    state.save();
    const addresses = own.cards.map(({ address }) => address).join(', ');
    tell(
      `${own.driver} has ${addresses}. What was there before is in ${state.path}, for "aeron-bypass nic restore".`,
    );
  }

  /** Several bindings without an IOMMU: what was before the first is what comes back. */
  private withFirstMode(binding: Binding): Binding {
    const first = this.tools.state.bindings.find(({ noIommuBefore }) => noIommuBefore !== null);
    if (binding.noIommuBefore === null || first === undefined) return binding;
    return { ...binding, noIommuBefore: first.noIommuBefore };
  }

  private async rollBack(binding: Binding, step: Step, error: unknown): Promise<never> {
    const problems = await this.undo(binding);
    const what = `could not ${step.what}: ${messageOf(error)}.`;
    if (problems.length === 0)
      throw new AeronError('NIC_BIND', `${what} Everything is as it was.`, { cause: error });
    const left = `Not everything could be put back: ${problems.join('; ')}. "aeron-bypass nic restore" tries again.`;
    throw new AeronError('NIC_BIND', `${what} ${left}`, { cause: error });
  }

  private async giveBack(binding: Binding): Promise<void> {
    const { state, tell } = this.tools;
    const addresses = binding.cards.map(({ address }) => address).join(', ');
    if (binding.cards.every((card) => !this.tools.host.exists(deviceFolder(card)))) {
      tell(`${addresses} is not in this machine any more: its record is dropped.`);
      if (!this.tools.isDryRun) state.remove(binding);
      return;
    }
    for (const card of binding.cards) this.refuseInUse(card);
    const steps = this.stepsToUndo(binding);
    if (this.tools.isDryRun) return this.show(`give back ${addresses}`, steps, ({ undo }) => undo);
    binding.phase = 'restoring';
    state.save();
    const problems = await this.undo(binding);
    if (problems.length > 0) {
      const text = `${addresses}: ${problems.join('; ')}. Its record stays: correct what is wrong and run "aeron-bypass nic restore".`;
      throw new AeronError('NIC_RESTORE', text);
    }
    const drivers = binding.cards.map(
      ({ address, kernelDriver }) => `${address}: ${kernelDriver ?? 'no driver'}`,
    );
    tell(`Given back: ${drivers.join(', ')}.`);
  }

  /** The begun steps, last first. After a reboot an interface that has addresses was configured by the system. */
  private stepsToUndo(binding: Binding): Step[] {
    const steps = bindingSteps(binding).slice(0, binding.startedSteps).reverse();
    if (binding.bootId === this.bootId()) return steps;
    const configured = readNetworkInterfaces(this.tools.host)
      .filter(({ addresses }) => addresses.some(({ scope }) => scope !== 'link'))
      .map(({ name }) => name);
    return steps.filter(({ interfaceName = '' }) => !configured.includes(interfaceName));
  }

  /** Undoes what can be undone, and drops the record when that was all. Returns what went wrong. */
  private async undo(binding: Binding): Promise<string[]> {
    const problems: string[] = [];
    for (const step of this.stepsToUndo(binding)) {
      for (const action of step.undo) {
        try {
          await perform(this.tools.host, action, this.tools.sleep);
        } catch (error) {
          problems.push(messageOf(error));
        }
      }
    }
    if (problems.length === 0) this.tools.state.remove(binding);
    return problems;
  }

  /** Gives back a card that nobody recorded: another program has bound it. */
  private async release(card: NetworkCard): Promise<void> {
    const { host, tell, isDryRun } = this.tools;
    const record: CardRecord = { ...card, kernelDriver: null, interfaces: [] };
    this.refuseInUse(record);
    const steps = releaseSteps(record, card.driver!);
    if (isDryRun) return this.show('nothing is recorded of it', steps, ({ do: actions }) => actions);
    for (const step of steps) await this.performAll(step.do);
    const driver = host.linkName(`${deviceFolder(record)}/driver`);
    tell(`Given back: ${card.address}: ${driver ?? 'no driver'}. Its configuration was not recorded.`);
  }

  /** A kernel driver that shares its card with DPDK: nothing is taken. */
  private async share(card: NetworkCard, { force }: BindOptions): Promise<void> {
    const { address, driver, hazards } = card;
    if (hazards.length > 0 && !force) {
      const text = hazards.map((hazard) => hazard.text).join('; it ');
      throw new AeronError(
        'NIC_UNSAFE',
        `${address} ${text}, and DPDK would take what arrives. --force goes on.`,
      );
    }
    const modules = ['ib_uverbs', VERBS_MODULES[driver ?? ''] ?? 'mlx5_ib'];
    for (const module of modules) {
      if (readModuleState(this.tools.host, module) !== 'missing') continue;
      const how = 'Install the extra modules of the kernel and rdma-core.';
      throw new AeronError(
        'NIC_NO_MODULE',
        `the kernel has no module ${module}, which DPDK needs beside ${driver}. ${how}`,
      );
    }
    const step: Step = {
      what: `load ${modules.join(' and ')} beside ${driver}`,
      do: modules.map((module) => loadAction(module)),
      undo: [],
    };
    if (this.tools.isDryRun) return this.show('nothing to record', [step], ({ do: actions }) => actions);
    await this.performAll(step.do);
    this.tools.tell(`${address} stays with ${driver}, which shares it with DPDK: nothing to unbind.`);
  }

  /** VFIO lets a card go only when no program has it open: the write would wait for ever. */
  private refuseInUse(card: Pick<CardRecord, 'bus' | 'address'>): void {
    const { host } = this.tools;
    const device = card.bus === 'pci' ? readPciDevice(host, card.address) : null;
    const files = deviceFiles(host, { ...card, driver: null, iommuGroup: device?.iommuGroup ?? null });
    const [user] = readFileUsers(host, files);
    if (user === undefined) return;
    throw new AeronError(
      'NIC_IN_USE',
      `process ${user.pid} (${user.name}) has ${card.address} in use, by ${user.path}. Stop it first.`,
    );
  }

  private async performAll(actions: readonly Action[]): Promise<void> {
    for (const action of actions) await perform(this.tools.host, action, this.tools.sleep);
  }

  private show(first: string, steps: readonly Step[], actionsOf: (step: Step) => readonly Action[]): void {
    const { tell } = this.tools;
    tell(`# ${first}`);
    for (const step of steps) {
      const actions = actionsOf(step);
      if (actions.length === 0) continue;
      tell(`# ${actionsOf(step) === step.undo ? 'undo: ' : ''}${step.what}`);
      for (const action of actions) tell(formatAction(action));
    }
  }
}

/** The address that was the card's is the one the driver needs. */
function tellHowToStart(card: NetworkCard, binding: Binding, tell: (line: string) => void): void {
  const [one] = binding.cards[0]!.interfaces;
  const address = one?.addresses.find(({ family }) => family === 'inet');
  const gateway = one?.routes.find(({ destination }) => destination === 'default')?.hops[0]?.gateway;
  const local = address === undefined ? '<address>/<prefix>' : `${address.address}/${address.prefixLength}`;
  const router = gateway == null ? '' : ` -Daeron.dpdk.gateway.ipv4.address=${gateway}`;
  const allow = card.bus === 'pci' ? `-a ${card.address} --` : '--';
  tell(`# then: aeron-bypass driver ${allow} -Daeron.dpdk.local.ipv4.address=${local}${router}`);
}
