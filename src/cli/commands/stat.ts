import type { CncFile } from '../../cnc/cnc-file.ts';
import { CounterType } from '../../cnc/counter-types.ts';
import { type CounterInfo, CountersReader } from '../../concurrent/counters.ts';
import { ENTER_SCREEN, LEAVE_SCREEN, type Painter, painter, redraw } from '../../util/ansi.ts';
import { messageOf } from '../../util/errors.ts';
import { CncView } from '../cnc-view.ts';
import { type Command, defineCommand } from '../command.ts';
import { formatCount } from '../format.ts';
import { DIR, JSON_OUTPUT } from '../options.ts';
import { directoryOf, usable } from '../station.ts';

/** A driver that has shown no life for so long is marked. */
const HEARTBEAT_AGE_MAX_MS = 10_000;

/** Rows above the counters. */
const TITLE_ROWS = 2;

/** The counters that belong to one stream: their key holds registration id, session id, stream id and channel. */
const STREAM_TYPES: readonly number[] = [
  CounterType.PUBLISHER_LIMIT,
  CounterType.SENDER_POSITION,
  CounterType.RECEIVER_HWM,
  CounterType.SUBSCRIBER_POSITION,
  CounterType.RECEIVER_POSITION,
  CounterType.SENDER_LIMIT,
  CounterType.PER_IMAGE,
  CounterType.PUBLISHER_POSITION,
  CounterType.SENDER_BPE,
  CounterType.SENDER_NAKS_RECEIVED,
  CounterType.RECEIVER_NAKS_SENT,
];

const filter = (help: string) =>
  ({ type: 'text', value: 'regex', help: `only counters whose ${help}` }) as const;

export const stat: Command = defineCommand({
  usage: 'stat [options]',
  about: `Shows the counters of a driver: on a terminal redrawn in place until Ctrl-C, with their change in a second;
elsewhere once. A filter is a regular expression that must be found.`,
  options: {
    dir: DIR,
    interval: {
      type: 'integer',
      short: 'i',
      value: 'ms',
      default: 1000,
      min: 50,
      max: 3_600_000,
      help: 'time between two looks',
    },
    once: { type: 'flag', help: 'print once and end' },
    json: { ...JSON_OUTPUT, help: 'print once, as JSON' },
    type: filter('type id matches'),
    identity: filter('system counter id or registration id matches'),
    session: filter('session id matches; streams only'),
    stream: filter('stream id matches; streams only'),
    channel: filter('channel matches; streams only'),
  },
  examples: [
    'aeron-bypass stat',
    "aeron-bypass stat --type '^[1-5]$' --stream 1001 --once",
    'aeron-bypass stat --json',
  ],
  takesWords: false,
  run: async (values) => {
    const directory = directoryOf(values.dir);
    const isWanted = wantedCounters(values);
    const view = new CncView(directory);
    try {
      if (values.json) {
        process.stdout.write(`${JSON.stringify(snapshot(view.current(), directory, isWanted))}\n`);
      } else if (values.once || !process.stdout.isTTY) {
        const { driver, counters } = snapshot(view.current(), directory, isWanted);
        process.stdout.write(`${[title(driver), ...rowsOf(counters, null, 0)].join('\n')}\n`);
      } else {
        await watch(view, directory, isWanted, values.interval);
      }
      return 0;
    } finally {
      view.close();
    }
  },
});

interface Filters {
  readonly type: string | null;
  readonly identity: string | null;
  readonly session: string | null;
  readonly stream: string | null;
  readonly channel: string | null;
}

type Predicate = (counter: CounterEntry) => boolean;

/** Filters as the official statistics tool has them. */
function wantedCounters(filters: Filters): Predicate {
  const matcher = (name: keyof Filters): RegExp | null => {
    const text = filters[name];
    return text === null ? null : usable(`--${name}`, () => new RegExp(text));
  };
  const tests: [RegExp | null, (counter: CounterEntry) => string | null][] = [
    [matcher('type'), (counter) => `${counter.typeId}`],
    [matcher('identity'), (counter) => counter.identity],
    [matcher('session'), (counter) => (counter.stream === null ? null : `${counter.stream.sessionId}`)],
    [matcher('stream'), (counter) => (counter.stream === null ? null : `${counter.stream.streamId}`)],
    [matcher('channel'), (counter) => counter.stream?.channel ?? null],
  ];
  return (counter) =>
    tests.every(
      ([regex, text]) => regex === null || regex.test(text(counter) ?? '') === (text(counter) !== null),
    );
}

interface CounterEntry {
  readonly id: number;
  readonly typeId: number;
  readonly value: number;
  readonly label: string;
  readonly registrationId: number;
  readonly ownerId: number;
  /** What the filter "identity" looks at. */
  readonly identity: string;
  readonly stream: { readonly sessionId: number; readonly streamId: number; readonly channel: string } | null;
}

interface DriverState {
  readonly directory: string;
  readonly cncVersion: string;
  readonly pid: number;
  readonly startTimestampMs: number;
  /** Negative when the driver has ended in an orderly way. */
  readonly heartbeatAgeMs: number;
}

interface Snapshot {
  readonly driver: DriverState;
  readonly counters: readonly CounterEntry[];
}

function snapshot(cnc: CncFile, directory: string, isWanted: Predicate): Snapshot {
  const heartbeatMs = cnc.toDriver.consumerHeartbeatMs();
  const { version, pid, startTimestampMs } = cnc;
  const counters: CounterEntry[] = [];
  new CountersReader(cnc.countersMetadata, cnc.countersValues).forEach((counter) => {
    const entry = entryOf(counter);
    if (isWanted(entry)) counters.push(entry);
  });
  return {
    driver: {
      directory,
      cncVersion: `${(version >> 16) & 0xff}.${(version >> 8) & 0xff}.${version & 0xff}`,
      pid,
      startTimestampMs,
      heartbeatAgeMs: heartbeatMs < 0 ? -1 : Math.max(0, Math.round(Date.now() - heartbeatMs)),
    },
    counters,
  };
}

function entryOf({ id, typeId, value, label, key, registrationId, ownerId }: CounterInfo): CounterEntry {
  const isStream = STREAM_TYPES.includes(typeId);
  const channelLength = isStream ? Math.max(0, Math.min(key.readInt32LE(16), key.length - 20)) : 0;
  const stream = isStream
    ? {
        sessionId: key.readInt32LE(8),
        streamId: key.readInt32LE(12),
        channel: key.toString('latin1', 20, 20 + channelLength),
      }
    : null;
  const identity = typeId === CounterType.SYSTEM ? key.readInt32LE(0) : registrationId;
  return { id, typeId, value, label, registrationId, ownerId, identity: `${identity}`, stream };
}

function title({ directory, cncVersion, pid, heartbeatAgeMs }: DriverState): string {
  const heartbeat = heartbeatAgeMs < 0 ? 'has ended' : `heartbeat ${formatCount(heartbeatAgeMs)} ms ago`;
  return `driver in ${directory}: CnC ${cncVersion}, pid ${pid}, ${heartbeat}`;
}

/** A row a counter, with its change per second when an earlier look is given. */
function rowsOf(
  counters: readonly CounterEntry[],
  before: ReadonlyMap<string, number> | null,
  seconds: number,
): string[] {
  const cells = counters.map((counter) => {
    const earlier = before?.get(keyOf(counter));
    const change = earlier === undefined ? 0 : Math.round((counter.value - earlier) / seconds);
    return {
      id: `${counter.id}`,
      value: formatCount(counter.value),
      change: change === 0 ? '' : `${change > 0 ? '+' : ''}${formatCount(change)}/s`,
      label: counter.label,
    };
  });
  const idWidth = Math.max(4, ...cells.map(({ id }) => id.length));
  const valueWidth = Math.max(16, ...cells.map(({ value }) => value.length));
  const changeWidth = before === null ? 0 : Math.max(14, ...cells.map(({ change }) => change.length)) + 1;
  return cells.map(
    ({ id, value, change, label }) =>
      `${id.padStart(idWidth)}: ${value.padStart(valueWidth)}${change.padStart(changeWidth)} - ${label}`,
  );
}

/** A counter's id is used again: the label tells its uses apart. */
function keyOf({ id, label }: CounterEntry): string {
  return `${id} ${label}`;
}

/** Redraws the counters until a signal asks for the end. */
async function watch(
  view: CncView,
  directory: string,
  isWanted: Predicate,
  intervalMs: number,
): Promise<void> {
  const paint = painter(true, process.env.NO_COLOR);
  let before: Map<string, number> | null = null;
  let beforeMs = 0;
  const draw = (): void => {
    const nowMs = performance.now();
    let lines: string[];
    try {
      const { driver, counters } = snapshot(view.current(), directory, isWanted);
      const shown = thatFit(counters);
      const hidden = counters.length - shown.length;
      const note = hidden === 0 ? '' : paint('dim', `${hidden} of value 0 are hidden: there is no room`);
      lines = [paintedTitle(driver, paint), note, ...rowsOf(shown, before, (nowMs - beforeMs) / 1000)];
      before = new Map(counters.map((counter) => [keyOf(counter), counter.value]));
      beforeMs = nowMs;
    } catch (error) {
      lines = [paint('red', messageOf(error))];
      before = null;
    }
    process.stdout.write(redraw(fitted(lines)));
  };

  process.stdout.write(ENTER_SCREEN);
  const timer = setInterval(draw, intervalMs);
  process.stdout.on('resize', draw);
  try {
    draw();
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  } finally {
    clearInterval(timer);
    process.stdout.off('resize', draw);
    process.stdout.write(LEAVE_SCREEN);
  }
}

function paintedTitle(driver: DriverState, paint: Painter): string {
  const isAlive = driver.heartbeatAgeMs >= 0 && driver.heartbeatAgeMs <= HEARTBEAT_AGE_MAX_MS;
  return paint(isAlive ? 'bold' : 'red', `${title(driver)}, ${new Date().toLocaleTimeString('en-GB')}`);
}

/** All counters, or where there is no room for all those that have counted something. */
function thatFit(counters: readonly CounterEntry[]): readonly CounterEntry[] {
  const { rows = 24 } = process.stdout;
  return counters.length + TITLE_ROWS < rows ? counters : counters.filter(({ value }) => value !== 0);
}

/** Cuts lines to the terminal. Those of the title carry colours and are left alone. */
function fitted(lines: readonly string[]): string[] {
  const { columns = 80, rows = 24 } = process.stdout;
  const cut = lines.map((line, i) => (i < TITLE_ROWS ? line : line.slice(0, columns - 1)));
  if (cut.length < rows) return cut;
  const hidden = cut.length - (rows - 2);
  return [...cut.slice(0, rows - 2), `… ${hidden} more: make the terminal higher, or filter`];
}
