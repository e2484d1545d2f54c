// The floor: the platform calls that placing an order cannot do without, doing nothing else, in
// plain JavaScript on the same workerd. Three service hops, one object write, one D1 batch a stock
// shard, one order row, one after the other.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { miniflare } from '../tools/workers.mjs';

const SHARDS = 2;
const DESKS = 64;
const SKUS = 1000;

const hop = `export default {
  async fetch(request, env) {
    await request.text();
    return env.NEXT.fetch('http://next/', { method: 'POST', body: '{}' });
  },
};`;

const last = `import { DurableObject } from 'cloudflare:workers';
let count = 0;
export default {
  async fetch(request, env) {
    await request.text();
    count += 1;
    const order = Date.now() + '-' + count;
    const desk = env.DESK.get(env.DESK.idFromName('desk-' + (count % ${DESKS})));
    await desk.fetch('http://desk/', { method: 'POST', body: order });
    for (let shard = 0; shard < ${SHARDS}; shard += 1) {
      const db = env['STOCK_' + shard];
      await db.batch([
        db.prepare('UPDATE stock SET stock = stock - 1 WHERE sku = ?1').bind('S' + (count % ${SKUS})),
        db.prepare('INSERT INTO holds (order_id, sku) VALUES (?1, ?2)').bind(order, 'S'),
      ]);
    }
    await env.DB.prepare('INSERT INTO orders (order_id, body) VALUES (?1, ?2)').bind(order, order).run();
    return Response.json({ order }, { status: 201 });
  },
};
export class Desk extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS journal (order_id TEXT PRIMARY KEY, body TEXT)');
  }
  async fetch(request) {
    const order = await request.text();
    this.sql.exec('INSERT INTO journal (order_id, body) VALUES (?, ?)', order, order);
    return new Response('{}');
  }
}`;

const worker = (name, script, options) => ({
  name, script, modules: true, compatibilityDate: '2026-10-01', ...options,
});

/** Starts the floor on a workerd of its own; `url` takes POSTs, `close` ends it. */
export async function startFloor() {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-floor-'));
  const mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    resourcePersistencePath: folder,
    workers: [
      worker('floor-1', hop, { serviceBindings: { NEXT: 'floor-2' }, unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }),
      worker('floor-2', hop, { serviceBindings: { NEXT: 'floor-3' } }),
      worker('floor-3', hop, { serviceBindings: { NEXT: 'floor-4' } }),
      worker('floor-4', last, {
        durableObjects: { DESK: { className: 'Desk', useSQLite: true } },
        d1Databases: { DB: 'floor-orders', STOCK_0: 'floor-stock-0', STOCK_1: 'floor-stock-1' },
      }),
    ],
  }));
  const url = await mf.unsafeGetDirectURL('floor-1');
  const orders = await mf.getD1Database('DB', 'floor-4');
  await orders.exec('CREATE TABLE orders (order_id TEXT PRIMARY KEY, body TEXT)');
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const db = await mf.getD1Database(`STOCK_${shard}`, 'floor-4');
    await db.exec('CREATE TABLE stock (sku TEXT PRIMARY KEY, stock INTEGER)');
    await db.exec('CREATE TABLE holds (order_id TEXT PRIMARY KEY, sku TEXT)');
    const skus = JSON.stringify(Array.from({ length: SKUS }, (_, n) => `S${n}`));
    await db.prepare('INSERT INTO stock SELECT value, 1000000 FROM json_each(?1)').bind(skus).run();
  }
  return {
    url: url.origin,
    async close() {
      await mf.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
