import { CounterType } from '../../cnc/counter-types.ts';
import type { CountersManager } from '../../concurrent/counters.ts';
import { ConfigurationError } from '../../util/errors.ts';
import type { HostLookup } from '../conductor/name-resolver.ts';

const COLUMNS = 3;
const ROWS_MAX = 1024;
/** Values of a row's counter, which tests set. Anything else looks the name itself up. */
const DISABLED = -1;
const USE_INITIAL = 0;
const USE_RE_RESOLUTION = 1;

interface Row {
  readonly initialHost: string;
  readonly reResolutionHost: string;
  readonly counterId: number;
}

/**
 * Looks other names up in place of those in a table, `name,initial host,re-resolution host|…`, as a counter of each row
 * says: 0 the first host, 1 the second, -1 neither. For tests of names that move.
 * @throws ConfigurationError when the table cannot be read.
 */
export function csvTableLookup(table: string, counters: CountersManager, lookup: HostLookup): HostLookup {
  const lines = table.split('|');
  if (table === '' || lines.length > ROWS_MAX) {
    throw new ConfigurationError(
      `AERON_NAME_RESOLVER_INIT_ARGS has ${table === '' ? 0 : lines.length} rows, a CSV table has 1 to ${ROWS_MAX}: ` +
        'name,initial host,re-resolution host|…',
    );
  }
  const rows = new Map<string, Row>();
  for (const line of lines) {
    const columns = line.split(',');
    const [name = '', initialHost = '', reResolutionHost = ''] = columns;
    if (columns.length !== COLUMNS || columns.includes('')) {
      throw new ConfigurationError(
        `AERON_NAME_RESOLVER_INIT_ARGS: "${line}" is not name,initial host,re-resolution host.`,
      );
    }
    rows.set(name, {
      initialHost,
      reResolutionHost,
      counterId: allocate(counters, name, initialHost, reResolutionHost),
    });
  }
  return (host, callback) => {
    const row = rows.get(host);
    if (row === undefined) {
      lookup(host, callback);
      return;
    }
    switch (counters.value(row.counterId)) {
      case DISABLED:
        callback('disabled by its counter', '');
        break;
      case USE_INITIAL:
        lookup(row.initialHost, callback);
        break;
      case USE_RE_RESOLUTION:
        lookup(row.reResolutionHost, callback);
        break;
      default:
        lookup(host, callback);
    }
  };
}

function allocate(counters: CountersManager, name: string, initial: string, reResolution: string): number {
  const bytes = Buffer.from(name);
  const key = Buffer.alloc(4 + bytes.length);
  key.writeInt32LE(bytes.length);
  bytes.copy(key, 4);
  return counters.allocate({
    typeId: CounterType.NAME_RESOLVER_CSV_ENTRY,
    label: `NameEntry{name='${name}', initialResolutionHost='${initial}', reResolutionHost='${reResolution}'}`,
    key,
  });
}
