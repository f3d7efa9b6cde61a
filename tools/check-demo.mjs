/** Checks a document of `npm run demo -- --json`: both wires ran, and every message arrived once, in order, whole. */
import { readFileSync } from 'node:fs';

const { wires } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const name of ['dpdk', 'kernel']) {
  const wire = wires.find((candidate) => candidate.name === name);
  if (wire === undefined) throw new Error(`the document has no wire "${name}"`);
  if (!(wire.messages > 0)) throw new Error(`${name}: no message was carried`);
  for (const fault of ['lost', 'duplicated', 'reordered', 'corrupted']) {
    if (wire[fault] !== 0) throw new Error(`${name}: ${wire[fault]} messages ${fault}`);
  }
}
