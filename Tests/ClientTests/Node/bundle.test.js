// The file that browsers get is the modules that people read; small, and whole.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {gzipSync} from 'node:zlib';

const root = new URL('../../../', import.meta.url);
const client = new URL('Sources/Gateway/Client/', root);
const read = name => readFileSync(new URL(name, client), 'utf8');

test('tidings.js is what scripts/bundle makes of src/', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  execFileSync(new URL('scripts/bundle', root).pathname, [join(folder, 'tidings.js')]);
  assert.equal(read('tidings.js'), readFileSync(join(folder, 'tidings.js'), 'utf8'), 'run scripts/bundle');
  rmSync(folder, {recursive: true});
  const bundled = readFileSync(new URL('scripts/bundle', root), 'utf8').match(/^modules=\((.*)\)/m)[1].split(' ');
  const there = readdirSync(new URL('src/', client)).map(name => name.replace('.js', '')).filter(name => name !== 'index');
  assert.deepEqual([...bundled].sort(), there.sort(), 'scripts/bundle names every module');
});

test('it has the same public names as the modules and the type declarations, and imports nothing', async () => {
  const bundled = await import(new URL('tidings.js', client));
  const modules = await import(new URL('src/index.js', client));
  assert.deepEqual(Object.keys(bundled), Object.keys(modules));
  const declared = [...read('tidings.d.ts').matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(bundled).sort());
  assert.doesNotMatch(read('tidings.js'), /^import/m);
});

test('it is at most 15 KB gzipped', () => {
  const size = gzipSync(read('tidings.js'), {level: 9}).length;
  console.log(`tidings.js: ${size} bytes gzipped`);
  assert.ok(size <= 15 * 1024, `${size} bytes`);
});

test('it installs from its folder and its package says where things are', () => {
  const {exports, files, type} = JSON.parse(read('package.json'));
  assert.equal(type, 'module');
  for (const name of [...Object.values(exports['.']), ...files]) assert.ok(read(name).length > 0);
});
