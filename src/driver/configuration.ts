import { defaultAeronDirectory } from '../cnc/cnc-file.ts';
import { COUNTER_METADATA_LENGTH, COUNTER_VALUE_LENGTH } from '../concurrent/counters.ts';
import { IDLE_STRATEGY_NAMES } from '../concurrent/idle-strategy.ts';
import { FRAME_ALIGNMENT, HEADER_LENGTH } from '../protocol/frame.ts';
import { formatDuration, formatSize, parseDurationNs, parseSize } from '../uri/units.ts';
import { isPowerOfTwo } from '../util/bits.ts';
import { ConfigurationError, messageOf } from '../util/errors.ts';
import { formatIpv4, parseIpv4 } from '../util/ipv4.ts';
import { parseCommandLine, readPropertyFile } from './command-line.ts';
import { parseDpdkIpv6 } from './dpdk-ipv6.ts';
import { dpdkPorts } from './dpdk-ports.ts';
import type { DriverOptions, Ipv4Interface, PortRange } from './driver-options.ts';
import { parseGroupTag } from './group-tag.ts';
import { parseResolverAddress, splitHostAndPort } from './names/resolver-address.ts';
import { parseNeighbour, parseRoute, transportKind } from './network-agent-config.ts';
import { environmentName, SETTINGS, type Setting, type SettingKind } from './settings.ts';

/** The rest is for the file's metadata and its padding to a page. */
const CNC_LENGTH_MAX = 2_000_000_000;

/** Where settings come from. What is left out counts as empty. */
export interface ConfigurationInput {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `[EAL arguments --] [-Dname=value …] [file.properties …]` */
  readonly args?: readonly string[];
}

/** A setting as it was written, and by whom. */
export interface Written {
  readonly text: string;
  /** `AERON_DIR`, `-Daeron.dir`, `aeron.dir in x.properties`. */
  readonly where: string;
}

/**
 * Reads the driver's settings: environment, then property files in their order, then `-D` options; later ones win, an
 * empty value takes the default back. Names that mean nothing here are ignored, as the official drivers do;
 * `unknownSettings` finds those that were likely meant to.
 * @throws ConfigurationError for a value that cannot be used, alone or beside the others.
 */
export function loadConfiguration({ env = {}, args = [] }: ConfigurationInput = {}): DriverOptions {
  const written = writtenSettings({ env, args });
  const options: Record<string, unknown> = { ealArguments: parseCommandLine(args).ealArguments };
  for (const [key, setting] of Object.entries(SETTINGS)) options[key] = settingValue(setting, written);
  return validate(options as unknown as DriverOptions);
}

/**
 * Everything that was written, settings of ours or not, by the name of its environment variable.
 * @throws ConfigurationError for an argument or a property file that cannot be read.
 */
export function writtenSettings({ env = {}, args = [] }: ConfigurationInput): ReadonlyMap<string, Written> {
  const { propertyFiles, defines } = parseCommandLine(args);
  const written = new Map<string, Written>();
  for (const [name, text = ''] of Object.entries(env)) written.set(name, { text, where: name });
  for (const file of propertyFiles) {
    for (const [name, text] of readPropertyFile(file)) write(written, name, text, `${name} in ${file}`);
  }
  for (const [name, text] of defines) write(written, name, text, `-D${name}`);
  return written;
}

/** A property stands for the variable of the same name in capitals, so both are one key; and for what Java calls it. */
function write(written: Map<string, Written>, name: string, text: string, where: string): void {
  const known = Object.values(SETTINGS).find(({ property }) => property === name);
  written.set(environmentName(known ?? { property: name }), { text, where });
}

function settingValue(setting: Setting, written: ReadonlyMap<string, Written>): unknown {
  const { text, where } = written.get(environmentName(setting)) ?? { text: '', where: '' };
  if (text === '') return parse(setting, setting.default);
  try {
    return parse(setting, text);
  } catch (error) {
    throw new ConfigurationError(`${where}=${text}: ${messageOf(error)}`, { cause: error });
  }
}

function parse(setting: Setting, text: string): unknown {
  switch (setting.kind) {
    case 'string':
      return text;
    case 'bool':
      return parseBool(text);
    case 'int':
      return inRange(setting, parseInteger(text));
    case 'int64':
      return text === '' ? null : parseGroupTag(text);
    case 'fraction':
      return parseFraction(text);
    case 'size':
      return inRange(setting, parseSize(text));
    case 'duration':
      return inRange(setting, parseDurationNs(text));
    case 'enum':
      return setting.isOpen === true ? (setting.values![text] ?? text) : oneOf(setting.values!, text);
    case 'idleStrategy':
      // What is none of these a module may register.
      return IDLE_STRATEGIES[text] ?? text;
    case 'list':
      return parseList(text);
    case 'portRange':
      return parsePortRange(text);
    case 'ipv4':
      return text === '' ? 0 : ipv4(text);
    case 'ipv4Interface':
      return text === '' ? null : parseIpv4Interface(text);
  }
}

/** Names of idle strategies in C and Java, and ours. */
const IDLE_STRATEGIES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(IDLE_STRATEGY_NAMES.map((name) => [name, name])),
  ...idleStrategyNames('noop', 'no_op', 'NoOpIdleStrategy'),
  ...idleStrategyNames('spin', 'busy_spinning', 'BusySpinIdleStrategy'),
  ...idleStrategyNames('yield', 'yielding', 'YieldingIdleStrategy'),
  ...idleStrategyNames('sleep-ns', 'sleeping', 'SleepingIdleStrategy'),
  ...idleStrategyNames('sleep-ms', 'sleeping_ms', 'SleepingMillisIdleStrategy'),
  ...idleStrategyNames('backoff', 'backoff', 'BackoffIdleStrategy'),
};

function idleStrategyNames(name: string, symbol: string, javaClass: string): Record<string, string> {
  return { [`aeron_idle_strategy_${symbol}`]: name, [`org.agrona.concurrent.${javaClass}`]: name };
}

function parseBool(text: string): boolean {
  const word = text.toLowerCase();
  if (word === 'true' || word === 'on' || word === '1') return true;
  if (word === 'false' || word === 'off' || word === '0') return false;
  throw new Error('expected true or false');
}

function parseInteger(text: string): number {
  if (!/^[-+]?\d{1,16}$/.test(text)) throw new Error('expected an integer');
  return Number(text);
}

function parseFraction(text: string): number {
  if (!/^\d(\.\d{1,9})?$/.test(text) || Number(text) > 1) throw new Error('expected a number from 0 to 1');
  return Number(text);
}

function inRange({ min = 0, max = Number.MAX_SAFE_INTEGER }: Setting, value: number): number {
  if (value < min || value > max) throw new Error(`outside ${min} … ${max}`);
  return value;
}

function oneOf(values: Readonly<Record<string, string>>, text: string): string {
  if (Object.hasOwn(values, text)) return values[text]!;
  throw new Error(`expected one of ${Object.keys(values).join(', ')}`);
}

/** As many as the official driver takes of the longest list, that of bootstrap neighbours. */
const LIST_LENGTH_MAX = 20;

function parseList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.length > LIST_LENGTH_MAX) throw new Error(`expected at most ${LIST_LENGTH_MAX} names`);
  return names.filter((name) => name !== '');
}

function parsePortRange(text: string): PortRange {
  const [low, high] = /^(\d{1,5})[ ]+(\d{1,5})$/.exec(text.trim())?.slice(1).map(Number) ?? [];
  if (low === undefined || high === undefined || high > 65535 || low > high || (low === 0 && high !== 0)) {
    throw new Error('expected "low high", two ports from 1 to 65535, or "0 0"');
  }
  return { low, high };
}

function ipv4(text: string): number {
  const address = parseIpv4(text);
  if (address === null) throw new Error('expected an IPv4 address such as 10.0.0.1');
  return address;
}

function parseIpv4Interface(text: string): Ipv4Interface {
  const [, address, prefix] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(text) ?? [];
  const prefixLength = prefix === undefined ? null : Number(prefix);
  if (address === undefined || (prefixLength ?? 0) > 32)
    throw new Error('expected an address such as 10.0.0.1/24');
  return { address: ipv4(address), prefixLength };
}

/**
 * Checks what no setting can say alone, and fills in what depends on others.
 * @throws ConfigurationError naming the settings and their values.
 */
export function validate(options: DriverOptions): DriverOptions {
  powerOfTwo('termBufferLength', options, 0);
  powerOfTwo('ipcTermBufferLength', options, 0);
  powerOfTwo('filePageSize', options, 0);
  powerOfTwo('conductorBufferLength', options, 768);
  powerOfTwo('clientsBufferLength', options, 128);
  for (const key of ['mtuLength', 'ipcMtuLength'] as const) {
    holdsData(key, options);
    multipleOf(FRAME_ALIGNMENT, key, options);
  }
  multipleOf(COUNTER_VALUE_LENGTH, 'countersBufferLength', options);
  multipleOf(8, 'errorBufferLength', options);
  checkCncLength(options);
  longer('clientLivenessTimeoutNs', 'timerIntervalNs', options);
  longer('publicationUnblockTimeoutNs', 'clientLivenessTimeoutNs', options);
  if (options.publicationReservedSessionIdLow > options.publicationReservedSessionIdHigh) {
    fail(
      'publicationReservedSessionIdLow',
      options,
      'is above',
      'publicationReservedSessionIdHigh',
      'Swap them.',
    );
  }
  if (options.transport !== 'none') {
    socketHolds('socketSoRcvbuf', 'rcvInitialWindowLength', options);
    socketHolds('socketSoSndbuf', 'mtuLength', options);
  }
  checkIdleStrategies(options);
  checkResolver(options);
  checkNetworkAgents(options);
  checkDpdk(options);
  return options.dir === '' ? { ...options, dir: defaultAeronDirectory() } : options;
}

type NumberKey = {
  [K in keyof DriverOptions]: DriverOptions[K] extends number ? K : never;
}[keyof DriverOptions] &
  keyof typeof SETTINGS;

function named(key: NumberKey, options: DriverOptions): string {
  return `${SETTINGS[key].property}=${options[key]}`;
}

function fail(
  key: NumberKey,
  options: DriverOptions,
  relation: string,
  other: NumberKey,
  advice: string,
): never {
  throw new ConfigurationError(`${named(key, options)} ${relation} ${named(other, options)}. ${advice}`);
}

function powerOfTwo(key: NumberKey, options: DriverOptions, trailer: number): void {
  if (isPowerOfTwo(options[key] - trailer)) return;
  const below = 2 ** Math.floor(Math.log2(options[key] - trailer));
  const plus = trailer === 0 ? '' : ` plus ${trailer}`;
  throw new ConfigurationError(
    `${named(key, options)} is not a power of two${plus}. Use ${below + trailer} or ${2 * below + trailer}.`,
  );
}

function holdsData(key: NumberKey, options: DriverOptions): void {
  if (options[key] > HEADER_LENGTH) return;
  throw new ConfigurationError(`${named(key, options)} has no room for data. Use 64 or more.`);
}

function multipleOf(unit: number, key: NumberKey, options: DriverOptions): void {
  const value = options[key];
  if (value % unit === 0) return;
  const below = value - (value % unit);
  throw new ConfigurationError(
    `${named(key, options)} is not a multiple of ${unit}. Use ${below} or ${below + unit}.`,
  );
}

/** Offsets in the CnC file are 32-bit integers, for us and for every client. */
function checkCncLength(options: DriverOptions): void {
  const { conductorBufferLength, clientsBufferLength, countersBufferLength, errorBufferLength } = options;
  const metadataPerValue = COUNTER_METADATA_LENGTH / COUNTER_VALUE_LENGTH;
  const countersLength = countersBufferLength * (1 + metadataPerValue);
  const length = conductorBufferLength + clientsBufferLength + countersLength + errorBufferLength;
  if (length <= CNC_LENGTH_MAX) return;
  throw new ConfigurationError(
    `the buffers of the CnC file take ${length} bytes together, ${CNC_LENGTH_MAX} are possible. Lower ` +
      `${named('countersBufferLength', options)}, which counts five times, or the other buffers.`,
  );
}

function longer(key: NumberKey, other: NumberKey, options: DriverOptions): void {
  if (options[key] > options[other]) return;
  fail(key, options, 'is not more than', other, `Raise the first or lower the second (both in nanoseconds).`);
}

/** The system doubles what it is asked for, and official drivers compare with what they got. */
function socketHolds(key: NumberKey, content: NumberKey, options: DriverOptions): void {
  if (options[key] === 0 || options[content] <= 2 * options[key]) return;
  fail(content, options, 'does not fit into', key, `Set ${SETTINGS[key].property}=${options[content]}.`);
}

function checkResolver({ resolverName, resolverInterface, resolverBootstrapNeighbors }: DriverOptions): void {
  if (resolverInterface === '') return;
  const { resolverName: name, resolverInterface: where, resolverBootstrapNeighbors: neighbors } = SETTINGS;
  if (!/^[\x21-\x7e]{1,512}$/.test(resolverName)) {
    throw new ConfigurationError(
      `${where.property}=${resolverInterface} needs ${name.property}, up to 512 ASCII characters: ` +
        `resolverName is required when resolverInterface is set, and is "${resolverName}".`,
    );
  }
  checkedBy(where.property, resolverInterface, parseResolverAddress);
  for (const neighbor of resolverBootstrapNeighbors) {
    checkedBy(neighbors.property, neighbor, splitHostAndPort);
  }
}

function checkedBy<Value>(property: string, text: Value, read: (text: Value) => unknown): void {
  try {
    read(text);
  } catch (error) {
    throw new ConfigurationError(`${property}: ${messageOf(error)}.`, { cause: error });
  }
}

function checkIdleStrategies(options: DriverOptions): void {
  if (options.driverDynamicLibraries.length > 0) return;
  for (const [key, { kind, property }] of Object.entries(SETTINGS)) {
    const name = options[key as keyof typeof SETTINGS];
    if (kind !== 'idleStrategy' || IDLE_STRATEGY_NAMES.includes(String(name))) continue;
    throw new ConfigurationError(
      `${property}=${name}: expected one of ${Object.keys(IDLE_STRATEGIES).join(', ')}. ` +
        'Modules of AERON_DRIVER_DYNAMIC_LIBRARIES can register others.',
    );
  }
}

function checkNetworkAgents(options: DriverOptions): void {
  const { networkAgents, threadingMode } = options;
  if (networkAgents === 1 || threadingMode === 'DEDICATED' || threadingMode === 'SHARED_NETWORK') return;
  throw new ConfigurationError(
    `${named('networkAgents', options)} needs as many threads, and ${SETTINGS.threadingMode.property}=${threadingMode} ` +
      `has one. Use ${SETTINGS.threadingMode.property}=SHARED_NETWORK, or ${SETTINGS.networkAgents.property}=1.`,
  );
}

/** What Linux takes for the name of an interface, of which EAL takes neither commas nor equals signs. */
const INTERFACE_NAME = /^[\w.-]{1,15}$/;

function checkTap(options: DriverOptions): void {
  const { dpdkTap, dpdkFurtherPorts, networkAgents } = options;
  if (dpdkTap === '') return;
  if (!INTERFACE_NAME.test(dpdkTap) || dpdkTap === '.' || dpdkTap === '..') {
    throw new ConfigurationError(
      `${SETTINGS.dpdkTap.property}=${dpdkTap} is no name of an interface: 1 to 15 letters, digits, ".", "_" or "-".`,
    );
  }
  if (networkAgents > 1 || dpdkFurtherPorts.length > 0) {
    throw new ConfigurationError(
      `${SETTINGS.dpdkTap.property}=${dpdkTap} needs one network agent and one port, and ${SETTINGS.networkAgents.property}=` +
        `${networkAgents}, ${SETTINGS.dpdkFurtherPorts.property}=${dpdkFurtherPorts.join(',')}. Set them to 1 and nothing.`,
    );
  }
}

function checkDpdk(options: DriverOptions): void {
  checkTap(options);
  for (const route of options.dpdkRoutes) checkedBy(SETTINGS.dpdkRoutes.property, route, parseRoute);
  for (const neighbour of options.dpdkNeighbours) {
    checkedBy(SETTINGS.dpdkNeighbours.property, neighbour, parseNeighbour);
  }
  checkedBy(SETTINGS.dpdkLocalIpv6Address.property, options, parseDpdkIpv6);
  const ports = dpdkPorts(options);
  if (transportKind(options) === 'dpdk' && ports.length === 0) {
    throw new ConfigurationError(
      'the DPDK transport has no address. Set AERON_DPDK_LOCAL_IPV4_ADDRESS, for instance to 10.0.0.1/24, or ' +
        'AERON_DPDK_LOCAL_IPV6_ADDRESS.',
    );
  }
  if (ports.length <= 1) return;
  const { networkAgents, dpdkRxInterruptSleepNs, dpdkFurtherPorts } = options;
  if (networkAgents === 1 && dpdkRxInterruptSleepNs === 0) return;
  throw new ConfigurationError(
    `aeron.dpdk.further.ports=${dpdkFurtherPorts.join(',')} needs one network agent that does not sleep, and ` +
      `${named('networkAgents', options)}, ${named('dpdkRxInterruptSleepNs', options)}. Set them to 1 and 0.`,
  );
}

/** Every setting with its value, a line each. */
export function formatConfiguration(options: DriverOptions): string {
  const lines = Object.entries(SETTINGS).map(([key, { property, kind }]) => {
    const value = options[key as keyof typeof SETTINGS];
    return `${property}=${format(kind, value)}\n`;
  });
  return lines.join('');
}

function format(kind: SettingKind, value: unknown): string {
  switch (kind) {
    case 'size':
      return formatSize(value as number);
    case 'duration':
      return formatDuration(value as number);
    case 'portRange':
      return `${(value as PortRange).low} ${(value as PortRange).high}`;
    case 'ipv4':
      return value === 0 ? '' : formatIpv4(value as number);
    case 'ipv4Interface': {
      const found = value as Ipv4Interface | null;
      if (found === null) return '';
      const prefix = found.prefixLength === null ? '' : `/${found.prefixLength}`;
      return `${formatIpv4(found.address)}${prefix}`;
    }
    default:
      return value === null ? '' : String(value);
  }
}
