/** `npm run lab`: real PCI network cards, bound, driven and given back in a virtual machine. See docs/internals/lab.md. */
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/util/errors.ts';
import { LabError, type LabFiles, prepareLab } from './cache.ts';
import { killGuests, ORDINARY, type Outcome, runGuest } from './guest-machine.ts';
import { type CardModel, MODELS, modelMissing } from './models.ts';
import { ROOT } from './root.ts';
import type { Boot, Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';

const DEFAULT_MODEL = 'e1000e';

const USAGE = `Usage: npm run lab -- [options]
  --list             the models and scenarios there are
  --model NAME       model of the cards (${DEFAULT_MODEL}); may be repeated
  --all              every scenario on every model
  --full             every scenario; else those that end within ten minutes and have the others' parts in them
  --scenario NAME    this scenario alone; may be repeated
  --script FILE      instead: run FILE as root in a guest with three cards; arguments for it after --
  --iommu MODE       of the guest of --script: on, off, or no-remapping (on)
  --hugepages N      of the guest of --script, 2 MiB each (${ORDINARY.hugepages})
  --limit SECONDS    that a guest may take (${ORDINARY.limitSeconds}, of some scenarios more)
  --out FOLDER       where consoles and results go (lab-results)
  --qemu PROGRAM     another qemu-system-x86_64
  --verbose          show the guests' consoles
  --help
`;

const IOMMU_MODES = { on: 'on', off: 'off', 'no-remapping': 'without interrupt remapping' } as const;

function parse() {
  try {
    return parseArgs({
      options: {
        list: { type: 'boolean', default: false },
        model: { type: 'string', multiple: true, default: [] },
        all: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        scenario: { type: 'string', multiple: true, default: [] },
        script: { type: 'string', default: '' },
        iommu: { type: 'string', default: 'on' },
        hugepages: { type: 'string', default: String(ORDINARY.hugepages) },
        limit: { type: 'string', default: '' },
        out: { type: 'string', default: 'lab-results' },
        qemu: { type: 'string', default: '' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    });
  } catch (error) {
    return usageError(messageOf(error));
  }
}

function usageError(message: string): never {
  process.stderr.write(`${message}\n\n${USAGE}`);
  return process.exit(2);
}

function say(text: string): void {
  process.stderr.write(`lab: ${text}\n`);
}

function named<Item extends { readonly name: string }>(
  items: readonly Item[],
  names: readonly string[],
): Item[] {
  return names.map(
    (name) =>
      items.find((item) => item.name === name) ??
      usageError(`"${name}" is none of ${items.map((item) => item.name).join(', ')}`),
  );
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0
    ? value
    : usageError(`${option} ${text}: a whole number from 1 on`);
}

const { values: options, positionals } = parse();
const out = resolve(options.out);
const limit = options.limit === '' ? {} : { limitSeconds: wholeNumber('--limit', options.limit) };

interface Result {
  readonly model: string;
  readonly scenario: Scenario;
  readonly outcome: Outcome | { readonly kind: 'not available'; readonly reason: string };
  readonly seconds: number;
}

async function main(): Promise<number> {
  if (options.help) process.stdout.write(USAGE);
  else if (options.list) list();
  else if (options.script !== '') return await runScript(prepareLab(options.qemu, say));
  else return await runScenarios(prepareLab(options.qemu, say));
  return 0;
}

function list(): void {
  process.stdout.write(`models: ${MODELS.map(({ name }) => name).join(', ')}\n\n`);
  for (const { name, title, models, isOnRequest } of SCENARIOS) {
    const notes = [...(models ?? []), ...(isOnRequest ? ['on request'] : [])].join(', ');
    process.stdout.write(`${name.padEnd(24)}${title}${notes && ` (${notes})`}\n`);
  }
}

async function runScript(files: LabFiles): Promise<number> {
  const iommu = IOMMU_MODES[options.iommu as keyof typeof IOMMU_MODES];
  if (iommu === undefined) usageError(`--iommu ${options.iommu}: on, off or no-remapping`);
  const [model] = named(MODELS, [options.model[0] ?? DEFAULT_MODEL]);
  const missing = modelMissing(model!, files);
  if (missing !== '') throw new LabError(missing);
  const script = resolve(options.script);
  if (!fs.existsSync(script)) usageError(`there is no ${script}`);
  const interpreter = /\.m?js$/.test(script) ? [process.execPath] : script.endsWith('.sh') ? ['bash'] : [];
  const outcome = await runGuest(
    files,
    model!,
    [...interpreter, script, ...positionals],
    join(out, `script-${process.pid}`),
    { ...ORDINARY, iommu, hugepages: wholeNumber('--hugepages', options.hugepages), ...limit },
    (line) => process.stdout.write(`${line}\n`),
  );
  say(
    `${outcome.kind}${outcome.reason && `: ${outcome.reason}`}; console and results in ${join(out, `script-${process.pid}`)}`,
  );
  return outcome.kind === 'passed' ? 0 : 1;
}

async function runScenarios(files: LabFiles): Promise<number> {
  const models = options.all
    ? MODELS
    : named(MODELS, options.model.length > 0 ? options.model : [DEFAULT_MODEL]);
  const scenarios =
    options.scenario.length > 0
      ? named(SCENARIOS, options.scenario)
      : SCENARIOS.filter(({ isOnRequest }) => options.all || options.full || !isOnRequest);
  for (const { name, models: fitting } of scenarios) {
    if (options.scenario.length === 0 || !fitting || models.some((model) => fitting.includes(model.name)))
      continue;
    usageError(`${name} is for ${fitting.join(' and ')} only: --model ${fitting[0]}`);
  }
  const results: Result[] = [];
  for (const model of models) {
    for (const scenario of scenarios) {
      if (scenario.models && !scenario.models.includes(model.name)) continue;
      const result = await runScenario(files, model, scenario);
      say(lineOf(result));
      results.push(result);
    }
  }
  process.stdout.write(`\n${results.map(lineOf).join('\n')}\n`);
  const bad = results.filter(({ outcome }) => outcome.kind !== 'passed' && outcome.kind !== 'not available');
  const ran = results.filter(({ outcome }) => outcome.kind !== 'not available');
  process.stdout.write(`\n${ran.length - bad.length} of ${ran.length} passed; consoles are in ${out}\n`);
  return bad.length === 0 && ran.length > 0 ? 0 : 1;
}

async function runScenario(files: LabFiles, model: CardModel, scenario: Scenario): Promise<Result> {
  const start = performance.now();
  const missing = modelMissing(model, files) || programMissing(scenario);
  const outcome =
    missing === ''
      ? await runBoots(files, model, scenario)
      : { kind: 'not available' as const, reason: missing };
  return { model: model.name, scenario, outcome, seconds: (performance.now() - start) / 1000 };
}

function programMissing({ needs }: Scenario): string {
  return needs === undefined || fs.existsSync(needs)
    ? ''
    : `there is no ${needs} here, and so none in the guest`;
}

/** All starts of a scenario, each finding what the one before left, up to the first that goes wrong. */
async function runBoots(files: LabFiles, model: CardModel, scenario: Scenario): Promise<Outcome> {
  const folder = join(out, model.name, scenario.name);
  fs.rmSync(folder, { recursive: true, force: true });
  for (const [i, boot] of scenario.boots.entries()) {
    const guestOptions = { ...ORDINARY, ...boot.options, ...limit };
    const outcome = await runGuest(files, model, commandOf(boot), folder, guestOptions, (line) => {
      if (options.verbose) process.stderr.write(`${line}\n`);
    });
    const nth = scenario.boots.length > 1 ? `start ${i + 1}: ` : '';
    if (guestOptions.cutAt !== '' && outcome.kind === 'passed') {
      return {
        kind: 'failed',
        reason: `${nth}never came to ${guestOptions.cutAt}, where it should lose power`,
      };
    }
    if (outcome.kind !== 'passed' && outcome.kind !== 'cut')
      return { ...outcome, reason: nth + outcome.reason };
  }
  const { isPassed, note } = scenario.check?.(folder) ?? { isPassed: true, note: '' };
  return { kind: isPassed ? 'passed' : 'failed', reason: note };
}

function commandOf({ program: [name, ...args] }: Boot): string[] {
  return [process.execPath, join(ROOT, 'dist/lab/guest', `${name}.js`), ...args];
}

function lineOf({ model, scenario, outcome, seconds }: Result): string {
  const note = outcome.reason === '' ? '' : `; ${outcome.reason}`;
  const text = outcome.kind === 'passed' ? scenario.title + note : outcome.reason;
  return `${model.padEnd(12)}${scenario.name.padEnd(24)}${outcome.kind.padEnd(15)}${seconds.toFixed(0).padStart(4)} s  ${text}`;
}

process.once('exit', killGuests);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
