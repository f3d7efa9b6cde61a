/** `npm run demo`: sets everything up, then runs the demonstration with the arguments given. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const setup = fileURLToPath(new URL('setup.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [setup], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const { start } = await import('../bin/start.js');
await start('aeron-bypass', ['demo', ...process.argv.slice(2)]);
