import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ROOT } from './root.ts';

/** What the guest can load, with what these need: file systems, kernel drivers of the cards, and what binds them away. */
const MODULES = [
  'virtio_pci 9p 9pnet_virtio overlay',
  'e1000 e1000e igb virtio_net vmxnet3',
  'vfio-pci vfio_iommu_type1 uio_pci_generic',
  'tun veth dummy 8021q',
]
  .join(' ')
  .split(' ');

const APPLETS = 'sh mount modprobe mkdir cp sed dd poweroff switch_root'.split(' ');
const INIT = join(ROOT, 'lab/guest/init.sh');

/** Builds the initrd of an unpacked kernel beside it, unless it is there. Returns its path. */
export function buildInitrd(root: string, version: string): string {
  const init = fs.readFileSync(INIT);
  const key = createHash('sha256').update(init).update(MODULES.join()).digest('hex').slice(0, 12);
  const initrd = join(root, `initrd-${key}.gz`);
  if (fs.existsSync(initrd)) return initrd;

  const folder = `${initrd}.${process.pid}`;
  const modules = join(folder, 'lib/modules', version);
  for (const name of ['bin', 'proc', 'sys', 'dev']) fs.mkdirSync(join(folder, name), { recursive: true });
  fs.copyFileSync(join(root, 'bin/busybox'), join(folder, 'bin/busybox'));
  for (const name of APPLETS) fs.symlinkSync('busybox', join(folder, 'bin', name));
  fs.copyFileSync(join(root, 'bin/kmod'), join(folder, 'kmod'));
  fs.writeFileSync(join(folder, 'init'), init, { mode: 0o755 });
  depmod(root, root, version);
  for (const file of withDependencies(join(root, 'lib/modules', version))) {
    fs.mkdirSync(join(modules, dirname(file)), { recursive: true });
    fs.copyFileSync(join(root, 'lib/modules', version, file), join(modules, file));
    if (file.endsWith('.xz')) execFileSync('xz', ['-d', join(modules, file)]);
    else if (file.endsWith('.gz')) {
      fs.writeFileSync(join(modules, file.slice(0, -3)), gunzipSync(fs.readFileSync(join(modules, file))));
      fs.rmSync(join(modules, file));
    }
  }
  depmod(root, folder, version);
  const files = execFileSync('find', ['.'], { cwd: folder });
  const busybox = join(root, 'bin/busybox');
  const archive = execFileSync(busybox, ['cpio', '-o', '-H', 'newc'], {
    cwd: folder,
    input: files,
    stdio: ['pipe', 'pipe', 'ignore'],
    maxBuffer: 1 << 28,
  });
  fs.writeFileSync(`${folder}.gz`, gzipSync(archive, { level: 1 }));
  fs.renameSync(`${folder}.gz`, initrd);
  fs.rmSync(folder, { recursive: true });
  return initrd;
}

/** The files of {@link MODULES} and of all modules they need, relative to `modules`. */
function withDependencies(modules: string): Set<string> {
  const table = join(modules, 'modules.dep');
  const lines = fs.readFileSync(table, 'utf8').trim().split('\n');
  const files = new Set<string>();
  for (const name of MODULES) {
    const pattern = new RegExp(`/${name.replaceAll(/[-_]/g, '[-_]')}\\.ko(\\.[xg]z)?:`);
    for (const file of (lines.find((line) => pattern.test(line)) ?? '').split(/:? /)) {
      if (file !== '') files.add(file.replace(/:$/, ''));
    }
  }
  return files;
}

/** Writes the tables that modprobe reads. kmod is depmod when it is called so. */
function depmod(root: string, base: string, version: string): void {
  const { status, stderr } = spawnSync(join(root, 'bin/kmod'), ['-b', base, version], {
    argv0: 'depmod',
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`depmod: ${stderr}`);
}
