import { execFileSync } from 'node:child_process';
import { chownSync, lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, messageOf } from '../util/errors.ts';

/** Whom a driver that root started becomes. `''`: stays as it is. */
export interface DriverUser {
  readonly user: string;
  /** `''`: the user's own. */
  readonly group: string;
}

/**
 * Makes this process, all threads of it, another user's, who keeps what is open and has no capability left; `directory` and
 * what is in it become theirs. Does nothing when no user is named, or when the process is not root's: then it has no right
 * to give up.
 * @throws ConfigurationError for a user or group that does not exist, or in a worker thread, which cannot do that.
 */
export function changeUser({ user, group }: DriverUser, directory: string): void {
  if ((user === '' && group === '') || process.getuid!() !== 0) return;
  if (process.setuid === undefined) {
    throw new ConfigurationError(
      `aeron.dpdk.user=${user}: a worker thread cannot change the user of the process. Launch the driver from the main thread.`,
    );
  }
  try {
    const userId = user === '' ? 0 : idsOf('-u', user)[0]!;
    process.setgid!(group === '' ? idsOf('-g', user)[0]! : group);
    const groupId = process.getgid!();
    // The groups of root go too.
    process.setgroups!(user === '' ? [groupId] : [groupId, ...idsOf('-G', user)]);
    giveAway(directory, userId, groupId);
    // With root's user id every capability goes, in every thread.
    if (userId !== 0) process.setuid(userId);
  } catch (error) {
    throw new ConfigurationError(
      `aeron.dpdk.user=${user} and aeron.dpdk.group=${group}: ${lastLine(messageOf(error))}. Name a user and a group that exist.`,
      { cause: error },
    );
  }
}

/** By the system's own tool, which knows users of directory services too. */
function idsOf(option: '-u' | '-g' | '-G', user: string): number[] {
  return execFileSync('id', [option, '--', user], { encoding: 'utf8', stdio: 'pipe' }).split(' ').map(Number);
}

/** Without what was called; why it failed comes last. */
function lastLine(message: string): string {
  return message.trim().split('\n').at(-1)!;
}

function giveAway(directory: string, userId: number, groupId: number): void {
  chownSync(directory, userId, groupId);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) giveAway(path, userId, groupId);
    else lchownSync(path, userId, groupId);
  }
}
