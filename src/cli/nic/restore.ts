import { type Command, defineCommand } from '../command.ts';
import { BINDER_OPTIONS, withBinder } from './binder.ts';

export const restore: Command = defineCommand({
  usage: 'nic restore [options] [card …]',
  about: `Gives back every card that "nic bind" has recorded, or the named ones (by PCI address, or the name the interface had),
with the configuration they had; also after a bind that was interrupted, and after a reboot.`,
  options: { ...BINDER_OPTIONS },
  examples: ['aeron-bypass nic restore', 'aeron-bypass nic restore --dry-run eth1'],
  takesWords: true,
  run: async (values, words) => withBinder(values, (binder) => binder.restore(words)),
});
