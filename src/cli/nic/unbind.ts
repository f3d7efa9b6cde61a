import { type Command, defineCommand, UsageError } from '../command.ts';
import { BINDER_OPTIONS, CARD_WORD, withBinder } from './binder.ts';

export const unbind: Command = defineCommand({
  usage: 'nic unbind [options] <card>',
  about: `Gives a card back to the kernel, with the addresses, routes, MTU and state it had when "nic bind" took it. A card
that another program has bound goes to whichever driver knows it.`,
  options: { ...BINDER_OPTIONS },
  examples: ['aeron-bypass nic unbind 0000:01:00.0', 'aeron-bypass nic unbind --dry-run 0000:01:00.0'],
  takesWords: true,
  run: async (values, words) => {
    const [card] = words;
    if (card === undefined || words.length > 1) throw new UsageError(`expected one ${CARD_WORD}`);
    return withBinder(values, (binder) => binder.unbind(card));
  },
});
