/**
 * Publishes checked messages, as CheckedPublisher.java does: dir= channel= stream= count= seed= producer= maxLength=
 * exclusive= [destinations=].
 */
import { Aeron } from '../../src/client/aeron.ts';
import { CheckedMessageWriter } from '../support/checked-message.ts';
import { Arguments } from './arguments.ts';
import { Progress } from './progress.ts';

const args = new Arguments(process.argv.slice(2));
const channel = args.text('channel');
const count = args.number('count');
const stream = { seed: args.number('seed'), maxLength: args.number('maxLength') };
const writer = new CheckedMessageWriter(stream, args.number('producer'));
const buffer = Buffer.alloc(stream.maxLength);
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

const aeron = await Aeron.connect({ directory: args.text('dir') });
const publication = args.flag('exclusive')
  ? await aeron.addExclusivePublication(channel, args.number('stream'))
  : await aeron.addPublication(channel, args.number('stream'));
for (const destination of args.list('destinations')) await publication.addDestination(destination);
console.log('READY');

const connecting = new Progress(`a subscriber on ${channel}`);
while (!publication.isConnected) {
  if (connecting.isPauseDue(0)) await connecting.pause();
}
const publishing = new Progress(`the publication limit of ${channel}`);
let bytes = 0;
for (let index = 0; index < count; index++) {
  const length = writer.write(view, 0, index);
  bytes += length;
  for (;;) {
    const result = publication.offer(buffer, 0, length);
    if (result >= 0) break;
    if (publication.isClosed) throw new Error(`offer: the publication is closed (${result})`);
    if (publishing.isPauseDue(0)) await publishing.pause();
  }
  if (publishing.isPauseDue(1)) await publishing.pause();
}
const position = publication.position;
await publication.close();
await aeron.close();
console.log(JSON.stringify({ role: 'publisher', sent: count, bytes, position }));
