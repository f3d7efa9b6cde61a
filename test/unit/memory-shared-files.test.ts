import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAPPED_FILES } from '../../src/memory/shared-files.ts';

test('should make a directory with those it is in, and take one that is there', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'shared-files-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const _ of [1, 2]) MAPPED_FILES.makeDirectory(join(root, 'a', 'b', 'c'));
  assert.ok(existsSync(join(root, 'a', 'b', 'c')));
});

test('should refuse at once a directory that its file system cannot hold', () => {
  assert.throws(() => MAPPED_FILES.makeDirectory('/proc/aeron-bypass/x'), { code: 'ENOENT' });
});
