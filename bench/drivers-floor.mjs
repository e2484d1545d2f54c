// The floor of finding drivers: the platform calls that it cannot do without, doing nothing else, in plain
// JavaScript on the same workerd. For an order: a worker in front, an object that writes a row and puts a
// message on a queue, its consumer, an object that writes a row, another that writes a row, a message on a
// second queue, its consumer, and the first object again, which writes a row. For positions: a worker, or
// two, in front of an object that reads them and does nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { miniflare } from '../tools/workers.mjs';

// As many as the workers have of each.
const DESKS = 64;
const DRIVER_DESKS = 32;

const desk = `import { DurableObject } from 'cloudflare:workers';
class Desk extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS steps (order_id INTEGER, at_ms INTEGER)');
  }
  write(order) { this.sql.exec('INSERT INTO steps (order_id, at_ms) VALUES (?, ?)', order, Date.now()); }
}
const one = (namespace, name) => namespace.get(namespace.idFromName(name));
const post = (object, body) => object.fetch('http://desk/', { method: 'POST', body: JSON.stringify(body) });
const eachOf = (batch, work) => Promise.all(batch.messages.map(async (message) => {
  await work(JSON.parse(message.body));
  message.ack();
}));
`;

const orders = `${desk}
const at = (env, order) => one(env.ORDER, 'order-' + (order % ${DESKS}));
export default {
  async fetch(request, env) {
    const order = Number(new URL(request.url).searchParams.get('order'));
    if (request.method === 'GET') return at(env, order).fetch('http://desk/?order=' + order);
    return post(at(env, order), { order, sends: true });
  },
  queue(batch, env) { return eachOf(batch, ({ order }) => post(at(env, order), { order })); },
};
export class Order extends Desk {
  async fetch(request) {
    if (request.method === 'GET') {
      const order = Number(new URL(request.url).searchParams.get('order'));
      return Response.json(this.sql.exec('SELECT at_ms FROM steps WHERE order_id = ? ORDER BY rowid', order).toArray().map((row) => row.at_ms));
    }
    const { order, sends } = await request.json();
    this.write(order);
    if (sends) this.ctx.waitUntil(this.env.REQUESTS.send(JSON.stringify({ order })));
    return new Response('{}');
  }
}`;

const finder = `${desk}
export default { queue(batch, env) { return eachOf(batch, ({ order }) => post(one(env.CELL, 'cell'), { order })); } };
export class Cell extends Desk {
  async fetch(request) {
    const { order } = await request.json();
    this.write(order);
    await (await post(one(this.env.DRIVER, 'driver-' + (order % ${DRIVER_DESKS})), { order })).text();
    await this.env.RESPONSES.send(JSON.stringify({ order }));
    return new Response('{}');
  }
}
export class Driver extends Desk {
  async fetch(request) {
    this.write((await request.json()).order);
    return new Response('{}');
  }
}`;

const hop = `export default {
  async fetch(request, env) { return env.NEXT.fetch('http://next/', { method: 'POST', body: await request.text() }); },
};`;
const places = `import { DurableObject } from 'cloudflare:workers';
export default {
  async fetch(request, env) {
    const body = await request.text();
    return env.CELL.get(env.CELL.idFromName('cell')).fetch('http://cell/', { method: 'POST', body });
  },
};
export class Cell extends DurableObject {
  async fetch(request) {
    await request.json();
    return new Response('{}');
  }
}`;

const DIRECT = { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] };
const worker = (name, script, options) => ({ name, script, modules: true, compatibilityDate: '2026-10-01', ...options });
const object = (className) => ({ className, useSQLite: true });
const CONSUMED = { maxBatchSize: 50, maxBatchTimeout: 0 };

/** Starts the floor on a workerd of its own: `orders` takes orders, `single` and `batch` take positions. */
export async function startDriversFloor() {
  const folder = mkdtempSync(path.join(tmpdir(), 'orderlane-floor-'));
  const mf = new miniflare.Miniflare(miniflare.convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    resourcePersistencePath: folder,
    workers: [
      worker('orders', orders, {
        durableObjects: { ORDER: object('Order') },
        queueProducers: { REQUESTS: 'floor-requests' },
        queueConsumers: { 'floor-responses': CONSUMED },
        ...DIRECT,
      }),
      worker('finder', finder, {
        durableObjects: { CELL: object('Cell'), DRIVER: object('Driver') },
        queueProducers: { RESPONSES: 'floor-responses' },
        queueConsumers: { 'floor-requests': CONSUMED },
      }),
      worker('hop', hop, { serviceBindings: { NEXT: 'places' }, ...DIRECT }),
      worker('places', places, { durableObjects: { CELL: object('Cell') }, ...DIRECT }),
    ],
  }));
  const at = async (name) => (await mf.unsafeGetDirectURL(name)).origin;
  return {
    orders: await at('orders'),
    single: await at('hop'),
    batch: await at('places'),
    async close() {
      await mf.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
