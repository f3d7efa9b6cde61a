import { appendFileSync, existsSync, renameSync, statSync } from 'node:fs';
import type { Command, MalformedCommand } from '../../cnc/commands.ts';
import type { DriverEvent } from '../../cnc/events.ts';
import type { Clock } from '../../concurrent/clock.ts';

/** Names of events that are not what their command or event is called here. */
const OFFICIAL_NAMES: Readonly<Record<string, string>> = {
  CMD_IN_CLIENT_KEEPALIVE: 'CMD_IN_KEEPALIVE_CLIENT',
  CMD_IN_ADD_RECEIVE_DESTINATION: 'CMD_IN_ADD_RCV_DESTINATION',
  CMD_IN_REMOVE_RECEIVE_DESTINATION: 'CMD_IN_REMOVE_RCV_DESTINATION',
  CMD_OUT_OPERATION_SUCCESS: 'CMD_OUT_ON_OPERATION_SUCCESS',
  CMD_OUT_UNAVAILABLE_IMAGE: 'CMD_OUT_ON_UNAVAILABLE_IMAGE',
  CMD_OUT_UNAVAILABLE_COUNTER: 'CMD_OUT_ON_UNAVAILABLE_COUNTER',
  CMD_OUT_CLIENT_TIMEOUT: 'CMD_OUT_ON_CLIENT_TIMEOUT',
};

/** Which events are logged, and where. Plain data. */
export interface EventLogConfig {
  /** Names, beginnings of names that end with `*`, `all`, or `admin`: everything but frames and keepalives. */
  readonly events: readonly string[];
  readonly disabledEvents: readonly string[];
  /** `''`: standard output. */
  readonly filename: string;
  /** A file that has become so long gets another name, and a new one begins; 0: none does. Bytes. */
  readonly fileLengthMax: number;
}

/** What a driver hears, says and does, a line each, for people. Every line is written before the driver goes on. */
export class EventLog {
  private readonly config: EventLogConfig;
  private readonly clock: Clock;
  private readonly write: (line: string) => void;

  /** `write` is for tests. */
  constructor(config: EventLogConfig, clock: Clock, write: (line: string) => void = lineWriter(config)) {
    this.config = config;
    this.clock = clock;
    this.write = write;
  }

  /** Whether an event of this name is wanted. */
  logs(name: string): boolean {
    const { events, disabledEvents } = this.config;
    return events.some((wanted) => covers(wanted, name)) && !disabledEvents.some((off) => covers(off, name));
  }

  /** Writes an event, wanted or not. */
  log(name: string, text: string): void {
    this.write(`[${(this.clock.epochMs / 1000).toFixed(3)}] ${name}: ${text}\n`);
  }

  onCommand(command: Command | MalformedCommand): void {
    this.logFields('CMD_IN', command);
  }

  onEvent(event: DriverEvent): void {
    this.logFields('CMD_OUT', event);
  }

  private logFields(prefix: string, { type, ...fields }: Command | MalformedCommand | DriverEvent): void {
    const snake = `${prefix}_${type.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    this.record(OFFICIAL_NAMES[snake] ?? snake, fields);
  }

  /** Writes an event, if it is wanted. */
  record(name: string, fields: object): void {
    if (!this.logs(name)) return;
    const words = Object.entries(fields).map(([key, value]) => `${key}=${formatField(value)}`);
    this.log(name, words.join(' '));
  }
}

/** Null when nothing is to be logged: then nobody looks for a log. */
export function openEventLog(config: EventLogConfig, clock: Clock): EventLog | null {
  return config.events.length === 0 ? null : new EventLog(config, clock);
}

function covers(wanted: string, name: string): boolean {
  if (wanted === 'all') return true;
  if (wanted === 'admin') return !name.startsWith('FRAME_') && name !== 'CMD_IN_KEEPALIVE_CLIENT';
  if (wanted === 'SEND_NAK_MESSAGE') return name === 'NAK_SENT'; // As it was called once.
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
}

function formatField(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** File descriptor 1 of the process, whichever thread writes: a line goes out whole. */
function lineWriter({ filename, fileLengthMax }: EventLogConfig): (line: string) => void {
  if (filename === '') return (line) => appendFileSync(1, line);
  if (fileLengthMax === 0) return (line) => appendFileSync(filename, line);
  return (line) => {
    appendFileSync(filename, line);
    if (statSync(filename, { throwIfNoEntry: false })!.size >= fileLengthMax) putAside(filename);
  };
}

/** Gives a file the first free of the names `.0`, `.1` … that start with its own. */
function putAside(filename: string): void {
  let index = 0;
  while (existsSync(`${filename}.${index}`)) index++;
  renameSync(filename, `${filename}.${index}`);
}
