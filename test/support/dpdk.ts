import { existsSync } from 'node:fs';
import { loadDpdk } from '../../src/native/dpdk-addon.ts';
import { messageOf } from '../../src/util/errors.ts';

/** Why DPDK cannot be tested here, as node:test wants it for `skip`; false when it can. */
export const SKIP_WITHOUT_DPDK: string | false = (() => {
  try {
    loadDpdk();
    return false;
  } catch (error) {
    return messageOf(error);
  }
})();

/** Why a test that makes network namespaces cannot run here. */
export const SKIP_WITHOUT_ROOT: string | false =
  SKIP_WITHOUT_DPDK || (process.getuid?.() === 0 ? false : 'needs root: run "sudo npm test"');

/** Why a test over a tap device cannot run here. */
export const SKIP_WITHOUT_TAP: string | false = existsSync('/dev/net/tun')
  ? false
  : 'needs /dev/net/tun: run "modprobe tun"';

/** EAL arguments for virtual devices; those on ordinary pages work everywhere. */
export function virtualEal(
  virtualDevice: string,
  memory: 'ordinary pages' | 'hugepages' = 'ordinary pages',
): string[] {
  const where =
    memory === 'hugepages'
      ? ['--in-memory', '--single-file-segments']
      : ['--no-huge', '--no-shconf', '-m', '128'];
  return ['--no-pci', ...where, '--iova-mode=va', `--vdev=${virtualDevice}`];
}
