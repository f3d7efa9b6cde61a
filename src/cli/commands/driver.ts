import { loadConfiguration } from '../../driver/configuration.ts';
import { MediaDriver } from '../../driver/media-driver.ts';
import { SETTINGS } from '../../driver/settings.ts';
import { unknownSettings } from '../../driver/unknown-settings.ts';
import { version } from '../version.ts';

/**
 * `aeron-bypass driver`: runs a media driver until a signal or a client ends it. The arguments have the form of the
 * official drivers, which {@link loadConfiguration} takes apart.
 */
export async function driver(args: string[]): Promise<number> {
  const startMs = performance.now();
  // What stands before `--` is for DPDK, even where it looks like an option of ours.
  const own = args.slice(args.indexOf('--') + 1);
  if (own.includes('-h') || own.includes('--help')) {
    process.stdout.write(help());
    return 0;
  }
  if (own.includes('-v') || own.includes('--version')) {
    process.stdout.write(`aeron-bypass ${version()}\n`);
    return 0;
  }

  const options = loadConfiguration({ env: process.env, args });
  for (const sentence of unknownSettings({ env: process.env, args })) {
    process.stderr.write(`aeron-bypass driver: ${sentence}\n`);
  }
  // Listens before anybody is told that the driver is there.
  const signalled = firstSignal();
  const mediaDriver = await MediaDriver.launch(options);
  const readyMs = Math.round(performance.now() - startMs);
  process.stdout.write(
    `aeron-bypass ${version()}: driver ready after ${readyMs} ms, ` +
      `directory ${mediaDriver.directory}, pid ${process.pid}\n`,
  );
  await Promise.race([signalled, mediaDriver.terminated]);
  process.stdout.write('Shutting down driver...\n');
  await mediaDriver.close();
  return 0;
}

/** Resolves when a signal asks for the end; the same signal once more ends the process at once. */
function firstSignal(): Promise<unknown> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return Promise.race(signals.map((signal) => new Promise((resolve) => process.once(signal, resolve))));
}

function help(): string {
  const settings = Object.values(SETTINGS);
  const width = Math.max(...settings.map(({ property }) => property.length));
  const rows = settings.map((setting) => {
    const fallback = setting.default === '' ? '' : ` (default: ${setting.default})`;
    return `  ${setting.property.padEnd(width)}  ${setting.help}${fallback}\n`;
  });
  return `Usage: aeron-bypass driver [EAL arguments --] [-Dname=value …] [file.properties …]

Runs a media driver until SIGINT or SIGTERM. With EAL arguments, or an address for it, the driver owns a DPDK port;
otherwise it uses the kernel's sockets. Settings come from environment variables, then property files, then -D, the
last one wins. An environment variable is the name below in capitals, with "_" for ".": AERON_DIR is aeron.dir.

Options:
  -Dname=value   a setting
  -v, --version  print the version
  -h, --help     print this

Settings:
${rows.join('')}
Examples:
  aeron-bypass driver
  aeron-bypass driver -Daeron.dir=/dev/shm/mine -Daeron.threading.mode=SHARED low-latency.properties
  AERON_DPDK_LOCAL_IPV4_ADDRESS=10.0.0.1/24 aeron-bypass driver -a 0000:01:00.0 --
`;
}
