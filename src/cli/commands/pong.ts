import { ControlledPollAction } from '../../client/fragment-handler.ts';
import { NoOpIdleStrategy } from '../../concurrent/idle-strategy.ts';
import { type Command, defineCommand } from '../command.ts';
import { DIR, EMBEDDED } from '../options.ts';
import { PING_OPTIONS } from '../ping-options.ts';
import { DONE, Station } from '../station.ts';

const FRAGMENT_LIMIT = 64;

export const pong: Command = defineCommand({
  usage: 'pong [options]',
  about: `Sends back what "aeron-bypass ping" sends, until Ctrl-C. Keeps one core busy.`,
  options: {
    ...PING_OPTIONS,
    dir: DIR,
    embedded: EMBEDDED,
  },
  examples: ['aeron-bypass pong --embedded'],
  takesWords: false,
  run: async (values) => {
    const station = await Station.open(values);
    try {
      const pings = await station.aeron.addSubscription(values['ping-channel'], values['ping-stream']);
      const pongs = await station.aeron.addExclusivePublication(
        values['pong-channel'],
        values['pong-stream'],
      );
      if (process.stderr.isTTY) process.stderr.write(`answering ${pings} on ${pongs}; Ctrl-C ends\n`);
      await station.run(() => (pings.isConnected ? DONE : 0));
      // What cannot be sent back yet is delivered again in the next cycle.
      const echo = (buffer: Buffer, offset: number, length: number): ControlledPollAction =>
        pongs.offer(buffer, offset, length) < 0 ? ControlledPollAction.ABORT : ControlledPollAction.CONTINUE;
      await station.run(() => pings.controlledPoll(echo, FRAGMENT_LIMIT), new NoOpIdleStrategy());
      return 0;
    } finally {
      await station.close();
    }
  },
});
