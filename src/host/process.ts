import type { Host } from './host.ts';

/** A process that has a file open. */
export interface FileUser {
  readonly pid: number;
  readonly name: string;
  readonly path: string;
}

/** A process and those that started it, up to init. Ends at what cannot be read. */
export function readAncestors(host: Host, pid: number): number[] {
  const found: number[] = [];
  for (let next = pid; next > 0 && !found.includes(next); next = parentOf(host, next)) found.push(next);
  return found;
}

export function readProcessName(host: Host, pid: number): string {
  return host.text(`/proc/${pid}/comm`) ?? '?';
}

/** A variable of the environment a process was started with, or null. */
export function readEnvironment(host: Host, pid: number, name: string): string | null {
  const entries = (host.text(`/proc/${pid}/environ`) ?? '').split('\0');
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
}

/** What the descriptors of a process lead to: paths, `socket:[12345]` …; empty without the right to look. */
export function readOpenFiles(host: Host, pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return host
    .names(folder)
    .map((fd) => host.target(`${folder}/${fd}`))
    .filter((target) => target !== null);
}

/** The processes that have one of `paths` open. */
export function readFileUsers(host: Host, paths: readonly string[]): FileUser[] {
  return host
    .names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) =>
      readOpenFiles(host, pid)
        .filter((path) => paths.includes(path))
        .slice(0, 1)
        .map((path) => ({ pid, name: readProcessName(host, pid), path })),
    );
}

/** In `pid (name) state ppid …` the name may have blanks and parentheses. */
function parentOf(host: Host, pid: number): number {
  const stat = host.text(`/proc/${pid}/stat`) ?? '';
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}
