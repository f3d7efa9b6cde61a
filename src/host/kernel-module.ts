import type { Host } from './host.ts';

/** Where a module of the running kernel is: in use (or built in), on disk, or nowhere. */
export type ModuleState = 'loaded' | 'available' | 'missing';

/** Modules are the same under `-` and `_`. */
export function readModuleState(host: Host, name: string): ModuleState {
  if (host.exists(moduleFolder(name))) return 'loaded';
  const release = host.text('/proc/sys/kernel/osrelease') ?? '';
  const wanted = moduleName(name);
  const isIn = (file: string): boolean =>
    (host.text(`/lib/modules/${release}/${file}`) ?? '').split('\n').some((line) => {
      const file = /([^/:]+)\.ko(?:\.\w+)?(?::|$)/.exec(line)?.[1];
      return file !== undefined && moduleName(file) === wanted;
    });
  // Some that are built in have no folder in sysfs.
  if (isIn('modules.builtin')) return 'loaded';
  return isIn('modules.dep') ? 'available' : 'missing';
}

/** The value a loaded module has for a parameter, or null. */
export function readModuleParameter(host: Host, name: string, parameter: string): string | null {
  return host.text(`${moduleFolder(name)}/parameters/${parameter}`);
}

/** Where sysfs shows a loaded module. */
export function moduleFolder(name: string): string {
  return `/sys/module/${moduleName(name)}`;
}

function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}
