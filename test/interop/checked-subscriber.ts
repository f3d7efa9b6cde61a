/** Verifies checked messages, as CheckedSubscriber.java does: dir= channel= stream= count= seed= producers= maxLength=. */
import { Aeron } from '../../src/client/aeron.ts';
import { FragmentAssembler } from '../../src/client/fragment-assembler.ts';
import { messageOf } from '../../src/util/errors.ts';
import { CheckedMessageVerifier } from '../support/checked-message.ts';
import { Arguments } from './arguments.ts';
import { Progress } from './progress.ts';

const FRAGMENT_LIMIT = 64;

const args = new Arguments(process.argv.slice(2));
const channel = args.text('channel');
const stream = { seed: args.number('seed'), maxLength: args.number('maxLength') };
const verifier = new CheckedMessageVerifier(stream, args.number('producers'), args.number('count'));
const assembler = new FragmentAssembler((buffer, offset, length) => {
  verifier.onMessage(new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength), offset, length);
});

const aeron = await Aeron.connect({ directory: args.text('dir') });
const subscription = await aeron.addSubscription(channel, args.number('stream'));
console.log('READY');

let trouble = '';
const progress = new Progress(`messages on ${channel}`);
try {
  while (!verifier.isComplete) {
    if (progress.isPauseDue(subscription.poll(assembler.handler, FRAGMENT_LIMIT))) await progress.pause();
  }
} catch (error) {
  trouble = messageOf(error);
}
// Anything that comes after the last message is one too many.
for (let i = 0; i < 100; i++) subscription.poll(assembler.handler, FRAGMENT_LIMIT);
await aeron.close();
verifier.finish();
console.log(JSON.stringify({ role: 'subscriber', bytes: verifier.bytes, ...verifier.summary(), trouble }));
