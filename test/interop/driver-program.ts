/** Our driver until a signal, a client's request or the end of standard input: the driver's own command line. */
import { loadConfiguration } from '../../src/driver/configuration.ts';
import { MediaDriver } from '../../src/driver/media-driver.ts';

const driver = await MediaDriver.launch(loadConfiguration({ env: {}, args: process.argv.slice(2) }));
console.log('READY');

await new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve).once('SIGINT', resolve);
  void driver.terminated.then(resolve);
  // The test that started this program holds the other end: without it the driver would outlive a killed test.
  process.stdin.once('end', resolve).resume();
});
await driver.close();
process.exit(0);
