// The runtime the other tests stand on: its death is a real one, and its data outlives it.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../../tools/paths.mjs';
import { startRuntime } from '../../tools/runtime.mjs';

const DATABASES = [
  ['cart', 'DB', 'cart-db'], ['order', 'DB', 'orders-db'], ['offers', 'DB', 'offers-db'], ['vendors', 'DB', 'vendors-db'],
  ['notices', 'DB', 'notices-db'],
  ['fulfillment', 'DB', 'fulfillment-db'],
  ['fulfillment', 'STOCK_0', 'stock-db'], ['fulfillment', 'STOCK_1', 'stock-db'],
];

let rt;
before(async () => { rt = await startRuntime(); });
after(() => rt?.close());

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('every database has all its migrations, and on record as wrangler keeps it', async () => {
  for (const [worker, binding, folder] of DATABASES) {
    const files = (await readdir(path.join(ROOT, 'migrations', folder))).filter((file) => file.endsWith('.sql'));
    if (files.length === 0) continue;
    const rows = await rt.d1(worker, binding).all('SELECT name FROM d1_migrations');
    assert.deepEqual(rows.map(({ name }) => name).sort(), files.sort(), folder);
  }
});

test('a folder of data that is in use is refused to a second runtime', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'orderlane-shared-'));
  const first = await startRuntime({ persist: folder });
  try {
    await assert.rejects(startRuntime({ persist: folder }), /in use by process/);
    await first.kill();
    await first.restart();
  } finally {
    await first.close();
  }
  const again = await startRuntime({ persist: folder });
  await again.close();
  await rm(folder, { recursive: true });
});

test('an unknown worker is named, with those there are', async () => {
  await assert.rejects(rt.fetchWorker('nobody', '/'), /no worker "nobody"; there are .*gateway/);
});

test('kill ends the process and frees the port; restart brings back the same data and address', async () => {
  const db = rt.d1('cart', 'DB');
  await db.run('CREATE TABLE probe (word TEXT)');
  await db.run('INSERT INTO probe VALUES (?)', 'kept');
  const { url } = rt;
  const pid = rt.pid();
  assert.ok(alive(pid));

  await rt.kill();
  assert.ok(!alive(pid));
  await assert.rejects(fetch(url), (error) => error.cause.code === 'ECONNREFUSED');

  await rt.restart();
  assert.equal(rt.url, url);
  assert.notEqual(rt.pid(), pid);
  assert.deepEqual(await db.all('SELECT word FROM probe'), [{ word: 'kept' }]);
});
