/**
 * A subscription that says when it listens and when an image comes or goes, until its standard input ends or it is stopped.
 *
 *   node listening-subscriber.js <embedded | client> <directory> <channel> <stream id>
 */
import { Station } from '../../src/cli/station.ts';

const [, , mode, directory = '', channel = '', stream] = process.argv;
const station = await Station.open({ dir: directory, embedded: mode === 'embedded' });
const subscription = await station.aeron.addSubscription(channel, Number(stream), {
  onAvailableImage: () => console.log('image came'),
  onUnavailableImage: () => console.log('image went'),
});
console.log('LISTENING');
await station.run(() => subscription.poll(() => {}, 10));
await station.close();
