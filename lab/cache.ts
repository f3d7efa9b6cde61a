import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../src/util/errors.ts';
import { buildInitrd } from './initrd.ts';

/** What the lab cannot do without, where it is not installed. */
const PACKAGES = ['qemu-system-x86', 'seabios', 'kmod', 'busybox-static'];

/** Of the kernel's package: the flavour for real machines. The one for clouds lacks 9p and most cards. */
const KERNEL = 'linux-image-amd64';

/** Where each QEMU of the host or the cache looks for firmware. */
const DATA_FOLDERS = ['usr/share/qemu', 'usr/share/seabios', 'usr/lib/ipxe/qemu'];

/** Most of a kernel is for screens, sound and cameras. */
const UNPACK = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner \
  --exclude '*/drivers/gpu/*' --exclude '*/sound/*' --exclude '*/drivers/media/*'`;

/** All that a guest is started from. */
export interface LabFiles {
  readonly qemu: string;
  readonly env: NodeJS.ProcessEnv;
  /** QEMU's folders of firmware. */
  readonly dataFolders: readonly string[];
  readonly kernel: string;
  readonly initrd: string;
  /** Network cards and other devices this QEMU has. */
  readonly devices: ReadonlySet<string>;
}

/** Why the lab cannot run here. */
export class LabError extends Error {}

/**
 * Downloads what is missing into the user's cache and unpacks it there. Nothing is installed; only the first run takes
 * time. `qemu` names another QEMU to use, `''` for the one of the distribution.
 * @throws LabError when this machine cannot have the packages.
 */
export function prepareLab(qemu: string, say: (text: string) => void): LabFiles {
  if (process.arch !== 'x64')
    throw new LabError(`the lab emulates x86-64 and this machine is ${process.arch}.`);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'aeron-bypass', 'lab');
  const packages = packagesToUnpack();
  const key = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12);
  const root = join(cache, key);
  if (!fs.existsSync(root)) unpack(packages, root, say);
  const env = {
    ...process.env,
    PATH: `${join(root, 'usr/bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: [join(root, 'usr/lib/x86_64-linux-gnu'), process.env.LD_LIBRARY_PATH]
      .filter(Boolean)
      .join(':'),
    QEMU_MODULE_DIR: join(root, 'usr/lib/x86_64-linux-gnu/qemu'),
  };
  const program = qemu || 'qemu-system-x86_64';
  const help = spawnSync(program, ['-device', 'help'], { env, encoding: 'utf8' });
  if (help.status !== 0) {
    throw new LabError(`cannot run ${program}: ${help.error ? messageOf(help.error) : help.stderr.trim()}`);
  }
  const version = fs.readdirSync(join(root, 'lib/modules'))[0]!;
  return {
    qemu: program,
    env,
    dataFolders: [root, '/'].flatMap((base) => DATA_FOLDERS.map((folder) => join(base, folder))),
    kernel: join(root, 'boot', `vmlinuz-${version}`),
    initrd: buildInitrd(root, version),
    devices: new Set([...help.stdout.matchAll(/^name "([^"]+)"/gm)].map(([, name]) => name!)),
  };
}

/** The kernel and whatever the other packages need that is not installed here, as name=version. */
function packagesToUnpack(): string[] {
  try {
    return planned();
  } catch {
    run('apt-get', ['-q', 'update']);
    return planned();
  }
}

function planned(): string[] {
  const depends = run('apt-cache', ['depends', '--no-recommends', '--no-suggests', KERNEL]);
  const image = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (image === undefined)
    throw new LabError(`there is no package ${KERNEL}; the lab needs Debian's archive.`);
  const plan = run('apt-get', ['install', '-s', '--no-install-recommends', '--reinstall', ...PACKAGES]);
  const names = [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(
    ([, name, version]) => `${name}=${version}`,
  );
  return [image, ...names].sort();
}

/** Into a folder beside it first: a download that stopped half-way is no cache. */
function unpack(packages: readonly string[], root: string, say: (text: string) => void): void {
  say(`unpacking ${packages.length} Debian packages to ${root}, once`);
  const scratch = `${root}.${process.pid}`;
  const downloads = join(scratch, 'downloads');
  fs.mkdirSync(downloads, { recursive: true });
  try {
    run('apt-get', ['-q', 'download', ...packages], downloads);
    // Older packages have /bin and /lib, newer ones /usr/bin and /usr/lib.
    for (const name of ['bin', 'lib', 'sbin']) {
      fs.mkdirSync(join(scratch, 'usr', name), { recursive: true });
      fs.symlinkSync(join('usr', name), join(scratch, name));
    }
    for (const name of fs.readdirSync(downloads))
      run('sh', ['-c', UNPACK, 'sh', join(downloads, name), scratch]);
    fs.rmSync(downloads, { recursive: true });
    fs.renameSync(scratch, root);
  } catch (error) {
    if (!fs.existsSync(root)) throw error; // Else somebody else was faster.
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], cwd?: string): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    throw new LabError(`${program} ${args.slice(0, 3).join(' ')} …: ${messageOf(error)}`);
  }
}
