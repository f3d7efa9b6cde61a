#!/usr/bin/env node
import { start } from './start.js';

await start('aeronmd-bypass', process.argv.slice(2));
