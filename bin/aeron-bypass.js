#!/usr/bin/env node
import { start } from './start.js';

await start('aeron-bypass', process.argv.slice(2));
